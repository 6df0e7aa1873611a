//! Messages larger than memory: a reader and a writer of one message.

use std::fmt;
use std::io::{self, Read, Write};

use crate::websocket::blocking::error::Error;
use crate::websocket::message::{Message, Part};

/// What hands out messages in parts.
pub(super) trait PartSource {
    /// Waits for a part; `None` once the closing handshake is done.
    fn next_part(&mut self) -> Result<Option<Part<'static>>, Error>;

    /// Throws away what is still to come of the message.
    fn skip_message(&mut self);
}

/// What takes messages in parts.
pub(super) trait PartSink {
    fn send_part(&mut self, payload: &Message<'_>, is_final: bool) -> Result<(), Error>;

    /// Fails the connection, whose message will never end.
    fn abandon(&mut self);
}

/// One message that is read while it arrives. Dropped before its end, the rest is thrown away.
/// # Examples
///
/// ```no_run
/// use std::fs::File;
/// use std::io;
///
/// use chinwag::websocket::blocking::connect;
///
/// let mut socket = connect("ws://127.0.0.1:9001/backup")?;
/// if let Some(mut message) = socket.read_message()? {
///     io::copy(&mut message, &mut File::create("backup.tar")?)?;
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct MessageReader<'a> {
    source: &'a mut dyn PartSource,
    part: Part<'static>,
    /// Bytes of the part that were read.
    read_len: usize,
}

impl<'a> MessageReader<'a> {
    /// Waits for a message to begin; `None` once the closing handshake is done.
    pub(super) fn begin(source: &'a mut dyn PartSource) -> Result<Option<Self>, Error> {
        let part = source.next_part()?;
        Ok(part.map(|part| Self {
            source,
            part,
            read_len: 0,
        }))
    }

    /// Returns whether the message is text: what is read is UTF-8 then, as a whole.
    #[must_use]
    pub fn is_text(&self) -> bool {
        matches!(self.part.payload, Message::Text(_))
    }

    /// Returns whether all of the message was read.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.part.is_final && self.read_len == self.part.payload.len()
    }
}

/// Gives the message's bytes, and its end as 0 bytes. An error is an [`Error`] in an [`io::Error`].
impl Read for MessageReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.read_len == self.part.payload.len() && !self.part.is_final {
            self.part = match self.source.next_part() {
                Ok(Some(part)) => part,
                Ok(None) => return Err(io::Error::other(Error::Truncated)),
                Err(error) => return Err(error.into_io()),
            };
            self.read_len = 0;
        }
        let len = (&self.part.payload.as_bytes()[self.read_len..]).read(buffer)?;
        self.read_len += len;
        Ok(len)
    }
}

impl Drop for MessageReader<'_> {
    fn drop(&mut self) {
        if !self.part.is_final {
            self.source.skip_message();
        }
    }
}

impl fmt::Debug for MessageReader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageReader")
            .field("is_text", &self.is_text())
            .field("is_finished", &self.is_finished())
            .finish_non_exhaustive()
    }
}

/// One message that is sent while it is written, in fragments of 64 KiB.
///
/// It ends with [`finish`](Self::finish). Dropped before that, it fails the connection: to end the
/// message would be to pass off a part of it as the whole.
/// # Examples
///
/// ```no_run
/// use std::fs::File;
/// use std::io;
///
/// use chinwag::websocket::blocking::connect;
///
/// let mut socket = connect("ws://127.0.0.1:9001/backup")?;
/// let mut message = socket.binary_writer();
/// io::copy(&mut File::open("backup.tar")?, &mut message)?;
/// message.finish()?; // without it the connection fails
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct MessageWriter<'a> {
    sink: &'a mut dyn PartSink,
    is_text: bool,
    /// What was written and not yet sent.
    buffer: Vec<u8>,
    is_finished: bool,
}

impl<'a> MessageWriter<'a> {
    pub(super) fn begin(sink: &'a mut dyn PartSink, is_text: bool) -> Self {
        Self {
            sink,
            is_text,
            buffer: Vec::new(),
            is_finished: false,
        }
    }

    /// Sends the rest, and ends the message.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] with [`InvalidData`](io::ErrorKind::InvalidData) if a text message is not UTF-8;
    /// the connection has failed then. Else those of sending.
    pub fn finish(mut self) -> Result<(), Error> {
        self.send(true)
    }

    /// Sends what was written, without a character that is incomplete, unless it is the end.
    fn send(&mut self, is_final: bool) -> Result<(), Error> {
        let len = match (self.is_text, str::from_utf8(&self.buffer)) {
            (false, _) | (true, Ok(_)) => self.buffer.len(),
            (true, Err(error)) if error.error_len().is_none() && !is_final => error.valid_up_to(),
            (true, Err(error)) => {
                return Err(io::Error::new(io::ErrorKind::InvalidData, error).into());
            }
        };
        if len > 0 || is_final {
            let bytes = &self.buffer[..len];
            let payload = match self.is_text {
                true => Message::text(str::from_utf8(bytes).expect("it was judged above")),
                false => Message::binary(bytes),
            };
            self.sink.send_part(&payload, is_final)?;
            self.is_finished = is_final;
            self.buffer.drain(..len);
        }
        Ok(())
    }
}

/// An error is an [`Error`] in an [`io::Error`].
impl Write for MessageWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.buffer.len() >= FRAGMENT_LEN {
            self.flush()?;
        }
        let len = bytes.len().min(FRAGMENT_LEN);
        self.buffer.extend_from_slice(&bytes[..len]);
        Ok(len)
    }

    /// Sends what was written as a fragment, but for the beginning of a character.
    fn flush(&mut self) -> io::Result<()> {
        self.send(false).map_err(Error::into_io)
    }
}

impl Drop for MessageWriter<'_> {
    fn drop(&mut self) {
        if !self.is_finished {
            self.sink.abandon();
        }
    }
}

impl fmt::Debug for MessageWriter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageWriter")
            .field("is_text", &self.is_text)
            .field("buffered_len", &self.buffer.len())
            .finish_non_exhaustive()
    }
}

/// Small enough to hold, large enough that its frame's header costs nothing.
const FRAGMENT_LEN: usize = 64 * 1024;
