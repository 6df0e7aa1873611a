//! Puts a message together that did not arrive in one piece.

use crate::websocket::error::ProtocolError;
use crate::websocket::frame::MessageKind;
use crate::websocket::message::Message;
use crate::websocket::utf8::TextDecoder;

/// An unfinished message: one growing buffer, whatever the number of its fragments.
///
/// The buffer grows with what has arrived (at most to twice of it), never by an announced length.
#[derive(Debug)]
pub(crate) struct Assembler {
    payload: Payload,
    received_len: usize,
    fragment_count: u64,
}

/// Text is decoded while it arrives, so that it fails at its first bad byte, and so that the
/// finished `String` needs no second validation.
#[derive(Debug)]
enum Payload {
    Text { text: String, decoder: TextDecoder },
    Binary(Vec<u8>),
}

impl Assembler {
    /// Begins with the first fragment of a message.
    pub(crate) fn new(kind: MessageKind) -> Self {
        let payload = match kind {
            MessageKind::Text => Payload::Text {
                text: String::new(),
                decoder: TextDecoder::default(),
            },
            MessageKind::Binary => Payload::Binary(Vec::new()),
        };
        Self {
            payload,
            received_len: 0,
            fragment_count: 1,
        }
    }

    /// Returns the bytes received so far.
    pub(crate) fn received_len(&self) -> usize {
        self.received_len
    }

    /// Returns the bytes of memory held.
    pub(crate) fn held_len(&self) -> usize {
        size_of::<Self>()
            + match &self.payload {
                Payload::Text { text, .. } => text.capacity(),
                Payload::Binary(bytes) => bytes.capacity(),
            }
    }

    /// Returns the fragments begun so far, the first one included.
    pub(crate) fn fragment_count(&self) -> u64 {
        self.fragment_count
    }

    /// Notes that another fragment begins.
    pub(crate) fn begin_fragment(&mut self) {
        self.fragment_count += 1;
    }

    /// Appends a part of the payload, unmasked.
    pub(crate) fn push(&mut self, part: &[u8]) -> Result<(), ProtocolError> {
        self.received_len += part.len();
        match &mut self.payload {
            Payload::Text { text, decoder } => decoder.decode(part, text)?,
            Payload::Binary(bytes) => bytes.extend_from_slice(part),
        }
        Ok(())
    }

    /// Returns the whole message.
    pub(crate) fn finish(self) -> Result<Message<'static>, ProtocolError> {
        match self.payload {
            Payload::Text { text, decoder } if decoder.is_complete() => Ok(Message::text(text)),
            Payload::Text { .. } => Err(ProtocolError::InvalidUtf8),
            Payload::Binary(bytes) => Ok(Message::binary(bytes)),
        }
    }
}
