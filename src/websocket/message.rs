//! What applications send and receive: messages, and events around them.

use std::borrow::Cow;

use crate::websocket::close::CloseCode;
use crate::websocket::frame::{self, FrameStart, MessageKind, Opcode};

/// A message: text, or bytes that only the application understands (RFC 6455 §5.6).
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
pub fn encode_message(message: &Message<'_>, output: &mut Vec<u8>) {
    let start = FrameStart::whole(Opcode::Message(message.kind()));
    frame::encode(start, message.as_bytes(), None, output);
}
