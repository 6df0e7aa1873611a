//! Messages larger than memory: a reader and a writer of one message.

use std::fmt;
use std::io::{self, Read, Write};

use crate::websocket::blocking::error::Error;
use crate::websocket::connection::Connection;
use crate::websocket::error::SendError;
use crate::websocket::message::{Message, Part};

/// What hands out messages, whole or in parts.
pub(super) trait MessageSource {
    /// Waits for a message; `None` once the closing handshake is done.
    fn next_message(&mut self) -> Result<Option<Message<'static>>, Error>;

    /// Waits for a part; `None` once the closing handshake is done.
    fn next_part(&mut self) -> Result<Option<Part<'static>>, Error>;

    /// Throws away what is still to come of the message.
    fn skip_message(&mut self);
}

/// What takes messages in parts.
pub(super) trait PartSink {
    /// Sends a part. After an error that [`is_would_block`](Error::is_would_block) it is taken, and
    /// [`flush`](Self::flush) writes its rest. The last part after others is always taken.
    fn send_part(
        &mut self,
        payload: &Message<'_>,
        place: Place,
        encode: EncodePart,
    ) -> Result<(), Error>;

    /// Writes what an earlier call has left.
    fn flush(&mut self) -> Result<(), Error>;

    /// Fails the connection, whose message will never end.
    fn abandon(&mut self);
}

/// [`Connection::send_part`], or [`Connection::send_part_uncompressed`].
pub(super) type EncodePart =
    fn(&mut Connection, &Message<'_>, bool, &mut Vec<u8>) -> Result<(), SendError>;

/// Where in its message a part stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    First,
    Middle,
    Last,
    /// It is the whole message.
    Only,
}

impl Place {
    fn new(is_first: bool, is_final: bool) -> Self {
        match (is_first, is_final) {
            (true, false) => Self::First,
            (false, false) => Self::Middle,
            (false, true) => Self::Last,
            (true, true) => Self::Only,
        }
    }

    pub(super) fn is_final(self) -> bool {
        match self {
            Self::First | Self::Middle => false,
            Self::Last | Self::Only => true,
        }
    }
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
    source: &'a mut dyn MessageSource,
    part: Part<'static>,
    /// Bytes of the part that were read.
    read_len: usize,
}

impl<'a> MessageReader<'a> {
    /// Waits for a message to begin; `None` once the closing handshake is done.
    pub(super) fn begin(source: &'a mut dyn MessageSource) -> Result<Option<Self>, Error> {
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
    progress: Progress,
    encode: EncodePart,
}

/// How much of a message has been sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    Nothing,
    Begun,
    /// Nothing more is owed to the peer.
    Finished,
}

impl<'a> MessageWriter<'a> {
    pub(super) fn begin(sink: &'a mut dyn PartSink, is_text: bool) -> Self {
        Self {
            sink,
            is_text,
            buffer: Vec::new(),
            progress: Progress::Nothing,
            encode: Connection::send_part,
        }
    }

    /// Sends the message uncompressed: what is compressed already, or a secret that an attacker's
    /// text stands beside (RFC 7692 §8). A message of which a part was sent goes on as it began.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use std::fs::File;
    /// use std::io;
    /// use std::net::TcpStream;
    ///
    /// use chinwag::websocket::blocking::{Error, WebSocket};
    ///
    /// fn send_picture(socket: &mut WebSocket<TcpStream>) -> Result<(), Error> {
    ///     let mut message = socket.binary_writer().uncompressed();
    ///     io::copy(&mut File::open("cat.jpeg")?, &mut message)?;
    ///     message.finish()
    /// }
    /// ```
    #[must_use]
    pub fn uncompressed(mut self) -> Self {
        self.encode = Connection::send_part_uncompressed;
        self
    }

    /// Sends the rest, and ends the message.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] with [`InvalidData`](io::ErrorKind::InvalidData) if a text message is not UTF-8;
    /// the connection has failed then. [`Error::Unflushed`] if nothing of the message could be sent,
    /// as if it had not been written. Else those of sending; after one that
    /// [`is_would_block`](Error::is_would_block), the message is at its end, and the connection's
    /// `flush` writes what is left of it.
    pub fn finish(mut self) -> Result<(), Error> {
        let sent = self.send(true);
        if sent == Err(Error::Unflushed) {
            debug_assert_eq!(self.progress, Progress::Nothing, "the last part is taken");
            self.progress = Progress::Finished;
        }
        sent
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
        if len == 0 && !is_final {
            return self.sink.flush();
        }
        let bytes = &self.buffer[..len];
        let payload = match self.is_text {
            true => Message::text(str::from_utf8(bytes).expect("it was judged above")),
            false => Message::binary(bytes),
        };
        let place = Place::new(self.progress == Progress::Nothing, is_final);
        let sent = self.sink.send_part(&payload, place, self.encode);
        if sent.as_ref().err().is_none_or(Error::is_would_block) {
            self.buffer.drain(..len);
            self.progress = match is_final {
                true => Progress::Finished,
                false => Progress::Begun,
            };
        }
        sent
    }
}

/// An error is an [`Error`] in an [`io::Error`]. Where the stream gave up
/// ([`WouldBlock`](io::ErrorKind::WouldBlock), [`TimedOut`](io::ErrorKind::TimedOut)), the call may
/// be repeated: nothing is sent twice.
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
        if self.progress != Progress::Finished {
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
