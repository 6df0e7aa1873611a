//! What applications send and receive: messages, and events around them.

use std::borrow::Cow;

use crate::websocket::close::CloseCode;
use crate::websocket::frame::{self, FrameStart, MessageKind, Opcode};

/// A message: text, or bytes that only the application understands (RFC 6455 §5.6).
///
/// # Examples
///
/// ```
/// use chinwag::websocket::Message;
///
/// let message = Message::from("Hello");
/// assert_eq!(message.as_text(), Some("Hello"));
/// assert_eq!(message.into_bytes(), &b"Hello"[..]);
/// assert_eq!(Message::from(vec![0xff]).into_text(), None);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message<'a> {
    /// UTF-8 text.
    Text(Cow<'a, str>),
    /// Any bytes.
    Binary(Cow<'a, [u8]>),
}

impl<'a> Message<'a> {
    /// Makes a text message.
    pub fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Self::Text(text.into())
    }

    /// Makes a binary message.
    pub fn binary(bytes: impl Into<Cow<'a, [u8]>>) -> Self {
        Self::Binary(bytes.into())
    }

    /// Returns the payload, whatever the kind.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }

    /// Returns the text; `None` for a binary message.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Binary(_) => None,
        }
    }

    /// Takes the text, without a copy; `None` for a binary message.
    #[must_use]
    pub fn into_text(self) -> Option<Cow<'a, str>> {
        match self {
            Self::Text(text) => Some(text),
            Self::Binary(_) => None,
        }
    }

    /// Takes the payload, whatever the kind, without a copy.
    #[must_use]
    pub fn into_bytes(self) -> Cow<'a, [u8]> {
        match self {
            Self::Text(Cow::Borrowed(text)) => text.as_bytes().into(),
            Self::Text(Cow::Owned(text)) => text.into_bytes().into(),
            Self::Binary(bytes) => bytes,
        }
    }

    /// Copies what is borrowed, so that the message may outlive its input.
    #[must_use]
    pub fn into_owned(self) -> Message<'static> {
        match self {
            Self::Text(text) => Message::Text(text.into_owned().into()),
            Self::Binary(bytes) => Message::Binary(bytes.into_owned().into()),
        }
    }

    /// Returns whether the payload is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.as_bytes().is_empty()
    }

    /// Returns the length of the payload in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.as_bytes().len()
    }

    pub(crate) fn kind(&self) -> MessageKind {
        match self {
            Self::Text(_) => MessageKind::Text,
            Self::Binary(_) => MessageKind::Binary,
        }
    }
}

impl<'a> From<&'a str> for Message<'a> {
    fn from(text: &'a str) -> Self {
        Self::text(text)
    }
}

impl From<String> for Message<'_> {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}

impl<'a> From<&'a [u8]> for Message<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::binary(bytes)
    }
}

impl From<Vec<u8>> for Message<'_> {
    fn from(bytes: Vec<u8>) -> Self {
        Self::binary(bytes)
    }
}

/// A piece of a message, as [`Connection::receive_part`](crate::websocket::Connection::receive_part)
/// hands it out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part<'a> {
    /// The piece, of the message's kind. Text is cut between characters only.
    pub payload: Message<'a>,
    /// Whether the message ends with it.
    pub is_final: bool,
}

impl Part<'_> {
    /// Copies what is borrowed, so that the part may outlive its input.
    #[must_use]
    pub fn into_owned(self) -> Part<'static> {
        Part {
            payload: self.payload.into_owned(),
            is_final: self.is_final,
        }
    }
}

/// Something the peer did, as [`Connection::receive`](crate::websocket::Connection::receive) tells;
/// with `M` a [`Part`], as [`receive_part`](crate::websocket::Connection::receive_part) does.
///
/// # Examples
///
/// ```
/// use chinwag::websocket::{Connection, Event, Limits};
///
/// let mut server = Connection::server(Limits::default());
/// let mut output = Vec::new();
/// let mut ping = *b"\x89\x82\0\0\0\0Hi";
/// let event = server.receive(&mut &mut ping[..], &mut output)?;
/// assert_eq!(event, Some(Event::Ping(b"Hi".into())));
/// assert_eq!(output, b"\x8a\x02Hi", "the Pong");
/// # Ok::<(), chinwag::websocket::ProtocolError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event<'i, M = Message<'i>> {
    /// A whole message arrived, or a part of one.
    Message(M),
    /// A Ping with this payload arrived; the Pong is already in the output.
    Ping(Cow<'i, [u8]>),
    /// A Pong with this payload arrived, asked for or not.
    Pong(Cow<'i, [u8]>),
    /// The peer's Close arrived: the closing handshake is done. Flush the output, then close the
    /// transport; nothing comes after this event.
    Closed {
        /// What the peer said; `None` is what RFC 6455 §7.1.5 reports as 1005.
        code: Option<CloseCode>,
        /// The peer's words, for logs: not for users.
        reason: String,
    },
}

impl Event<'_> {
    /// Copies what is borrowed, so that the event may outlive its input.
    #[must_use]
    pub fn into_owned(self) -> Event<'static> {
        self.into_owned_with(Message::into_owned)
    }
}

impl<'i, M> Event<'i, M> {
    /// Copies what is borrowed, the message by `into_owned`.
    pub(crate) fn into_owned_with<N>(self, into_owned: impl FnOnce(M) -> N) -> Event<'static, N> {
        match self {
            Self::Message(message) => Event::Message(into_owned(message)),
            Self::Ping(payload) => Event::Ping(payload.into_owned().into()),
            Self::Pong(payload) => Event::Pong(payload.into_owned().into()),
            Self::Closed { code, reason } => Event::Closed { code, reason },
        }
    }

    pub(crate) fn map<N>(self, map: impl FnOnce(M) -> N) -> Event<'i, N> {
        match self {
            Self::Message(message) => Event::Message(map(message)),
            Self::Ping(payload) => Event::Ping(payload),
            Self::Pong(payload) => Event::Pong(payload),
            Self::Closed { code, reason } => Event::Closed { code, reason },
        }
    }
}

/// Appends `message` as a server sends it: one frame, unmasked.
///
/// The bytes are the same for every client, so a broadcast encodes once. They may only go to a
/// connection while its [`state`](crate::websocket::Connection::state) is `Open`: no data follows a
/// Close frame.
///
/// # Examples
///
/// ```
/// use chinwag::websocket::{Message, encode_message};
///
/// let mut frame = Vec::new();
/// encode_message(&Message::text("Hi"), &mut frame);
/// assert_eq!(frame, b"\x81\x02Hi");
/// ```
pub fn encode_message(message: &Message<'_>, output: &mut Vec<u8>) {
    let start = FrameStart::whole(Opcode::Message(message.kind()));
    frame::encode(start, message.as_bytes(), None, output);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_are_taken_without_a_copy() {
        let text = String::from("text");
        let address = text.as_ptr();
        let bytes = Message::from(text).into_bytes().into_owned();
        assert_eq!((bytes.as_ptr(), &bytes[..]), (address, &b"text"[..]));
        assert!(matches!(
            Message::from("text").into_text(),
            Some(Cow::Borrowed("text"))
        ));
        assert_eq!(Message::from("text").as_text(), Some("text"));
        let binary = Message::from(&b"\xff"[..]);
        assert_eq!((binary.as_text(), binary.clone().into_text()), (None, None));
        assert!(matches!(binary.into_bytes(), Cow::Borrowed(b"\xff")));
    }
}
