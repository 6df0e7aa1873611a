//! Messages of a connection as an iterator.

use std::fmt;

use crate::websocket::blocking::error::Error;
use crate::websocket::blocking::streaming::MessageSource;
use crate::websocket::message::Message;

/// The messages of a connection, until it ends or an error was told.
///
/// # Examples
///
/// ```no_run
/// use chinwag::websocket::blocking::connect;
///
/// for message in connect("ws://127.0.0.1:9001/")?.messages() {
///     println!("{:?}", message?);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Messages<'a> {
    source: &'a mut dyn MessageSource,
    is_over: bool,
}

impl<'a> Messages<'a> {
    pub(super) fn new(source: &'a mut dyn MessageSource) -> Self {
        Self {
            source,
            is_over: false,
        }
    }
}

impl Iterator for Messages<'_> {
    type Item = Result<Message<'static>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let message = self.source.next_message().transpose();
        self.is_over = !matches!(message, Some(Ok(_)));
        message
    }
}

impl fmt::Debug for Messages<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Messages")
            .field("is_over", &self.is_over)
            .finish_non_exhaustive()
    }
}
