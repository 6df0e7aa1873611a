//! Puts a message together that did not arrive in one piece.

use std::mem;

use crate::websocket::error::ProtocolError;
use crate::websocket::frame::{self, MessageKind};
use crate::websocket::message::Message;
use crate::websocket::utf8::{self, TextDecoder};

/// An unfinished message: one growing buffer, whatever the number of its fragments.
///
/// The buffer holds what was not handed out yet. It grows with what has arrived (at most to twice of
/// it, and a few bytes), never by an announced length alone.
#[derive(Debug)]
pub(crate) struct Assembler {
    payload: Payload,
    received_len: u64,
    fragment_count: u64,
}

/// Text is decoded while it arrives, so that it fails at its first bad byte, and so that the
/// finished `String` of what came uncompressed needs no second validation.
#[derive(Debug)]
enum Payload {
    Text { text: String, decoder: TextDecoder },
    Binary(Vec<u8>),
    Inflated(Inflated),
}

/// What has come out of a compressed message.
#[derive(Debug)]
pub(crate) struct Inflated {
    kind: MessageKind,
    /// Not handed out yet.
    bytes: Vec<u8>,
    /// What of `bytes` is known to be right for the kind.
    valid_len: usize,
    handed_out_len: usize,
}

impl Assembler {
    /// Begins with the first fragment of a message.
    pub(crate) fn new(kind: MessageKind, is_compressed: bool) -> Self {
        let payload = if is_compressed {
            Payload::Inflated(Inflated {
                kind,
                bytes: Vec::new(),
                valid_len: 0,
                handed_out_len: 0,
            })
        } else {
            match kind {
                MessageKind::Text => Payload::Text {
                    text: String::new(),
                    decoder: TextDecoder::default(),
                },
                MessageKind::Binary => Payload::Binary(Vec::new()),
            }
        };
        Self {
            payload,
            received_len: 0,
            fragment_count: 1,
        }
    }

    /// Returns the bytes received so far, compressed if the message is.
    pub(crate) fn received_len(&self) -> u64 {
        self.received_len
    }

    /// Returns the bytes of memory held.
    pub(crate) fn held_len(&self) -> usize {
        size_of::<Self>()
            + match &self.payload {
                Payload::Text { text, .. } => text.capacity(),
                Payload::Binary(bytes) => bytes.capacity(),
                Payload::Inflated(inflated) => inflated.bytes.capacity(),
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

    /// Notes that bytes of the payload arrived.
    pub(crate) fn received(&mut self, len: u64) {
        self.received_len += len;
    }

    pub(crate) fn is_compressed(&self) -> bool {
        matches!(self.payload, Payload::Inflated(_))
    }

    /// Returns where the message inflates to, if it is compressed.
    pub(crate) fn inflated_mut(&mut self) -> Option<&mut Inflated> {
        match &mut self.payload {
            Payload::Inflated(inflated) => Some(inflated),
            Payload::Text { .. } | Payload::Binary(_) => None,
        }
    }

    /// Appends a part of the payload, unmasked; of a compressed one that is where it inflates to.
    pub(crate) fn push(&mut self, part: &[u8]) -> Result<(), ProtocolError> {
        match &mut self.payload {
            Payload::Text { text, decoder } => decoder.decode(part, text)?,
            Payload::Binary(bytes) => bytes.extend_from_slice(part),
            Payload::Inflated(_) => {}
        }
        Ok(())
    }

    /// Makes room for a part of `part_len` bytes which the message's last `rest_len` bytes follow.
    pub(crate) fn reserve(&mut self, part_len: usize, rest_len: u64) {
        let (len, capacity) = match &self.payload {
            Payload::Text { text, .. } => (text.len(), text.capacity()),
            Payload::Binary(bytes) => (bytes.len(), bytes.capacity()),
            Payload::Inflated(_) => return,
        };
        let needed_len = len + part_len;
        if needed_len > capacity {
            let additional_len = grown_len(needed_len, rest_len) - len;
            match &mut self.payload {
                Payload::Text { text, .. } => text.reserve_exact(additional_len),
                Payload::Binary(bytes) => bytes.reserve_exact(additional_len),
                Payload::Inflated(_) => {}
            }
        }
    }

    /// Hands out what was not handed out yet, with `part` as in `push`: from where it lies if nothing
    /// precedes it.
    pub(crate) fn pass<'i>(&mut self, part: &'i [u8]) -> Result<Message<'i>, ProtocolError> {
        match &mut self.payload {
            Payload::Text { text, decoder } if text.is_empty() => {
                Ok(Message::text(decoder.decode_part(part)?))
            }
            Payload::Binary(bytes) if bytes.is_empty() => Ok(Message::binary(part)),
            Payload::Text { .. } | Payload::Binary(_) | Payload::Inflated(_) => {
                self.push(part)?;
                self.take()
            }
        }
    }

    /// Takes what can be handed out of what was not handed out yet.
    pub(crate) fn take(&mut self) -> Result<Message<'static>, ProtocolError> {
        match &mut self.payload {
            Payload::Text { text, .. } => Ok(Message::text(mem::take(text))),
            Payload::Binary(bytes) => Ok(Message::binary(mem::take(bytes))),
            Payload::Inflated(inflated) => inflated.take(),
        }
    }

    /// Judges whether the message may end here.
    pub(crate) fn judge_end(&self) -> Result<(), ProtocolError> {
        let is_complete = match &self.payload {
            Payload::Text { decoder, .. } => decoder.is_complete(),
            Payload::Binary(_) => true,
            Payload::Inflated(inflated) => inflated.valid_len == inflated.bytes.len(),
        };
        is_complete.then_some(()).ok_or(ProtocolError::InvalidUtf8)
    }
}

/// Returns what a buffer of `needed_len` bytes grows to if another `rest_len` are announced: to all of
/// it, once it is not more than twice of what has arrived; to a half, a quarter, … before, so that
/// the last time comes early and copies as little as it can.
fn grown_len(needed_len: usize, rest_len: u64) -> usize {
    let max_len = needed_len.saturating_mul(2).saturating_add(GROWTH_SLACK);
    let Ok(rest_len) = usize::try_from(rest_len) else {
        return needed_len;
    };
    let mut len = needed_len.saturating_add(rest_len);
    while len > max_len {
        len = len.div_ceil(2);
    }
    len
}

/// Bytes beyond twice of what has arrived. The first part of a frame is shorter by the header than
/// those that follow: this makes the second one fit.
const GROWTH_SLACK: usize = 64;

/// What of a compressed message has been inflated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Filled {
    /// Less than there is of a frame.
    Part,
    /// A frame, and not the message's final one.
    Frame,
    /// The message, up to its end.
    Message,
}

impl Inflated {
    /// Lets `inflate` append at most up to one byte more than `max_len` allows, and judges what it
    /// appended, also before it failed: which of several faults is told must not depend on how the
    /// bytes were cut.
    ///
    /// Of a message that it has ended, no longer than `max_len`, `take` judges the rest, at once.
    pub(crate) fn fill(
        &mut self,
        max_len: usize,
        inflate: impl FnOnce(&mut Vec<u8>) -> Result<Filled, ProtocolError>,
    ) -> Result<Filled, ProtocolError> {
        let result = inflate(&mut self.bytes);
        let is_taken_next = result == Ok(Filled::Message) && self.total_len() <= max_len;
        self.valid_len += match self.kind {
            MessageKind::Text if !is_taken_next => utf8::valid_len(&self.bytes[self.valid_len..])?,
            MessageKind::Text | MessageKind::Binary => self.bytes.len() - self.valid_len,
        };
        if self.total_len() > max_len {
            return Err(ProtocolError::MessageTooLong {
                len: frame::wire_len(self.total_len()),
                max: frame::wire_len(max_len),
            });
        }
        result
    }

    /// Returns the bytes that were not handed out yet.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn handed_out_len(&self) -> usize {
        self.handed_out_len
    }

    /// Returns how many bytes the message has inflated to.
    pub(crate) fn total_len(&self) -> usize {
        self.handed_out_len + self.bytes.len()
    }

    fn take(&mut self) -> Result<Message<'static>, ProtocolError> {
        let cut = self.bytes.split_off(self.valid_len);
        let bytes = mem::replace(&mut self.bytes, cut);
        self.handed_out_len += bytes.len();
        self.valid_len = 0;
        Ok(match self.kind {
            MessageKind::Text => {
                // A copy and our validator cost far less than the one of `String::from_utf8`.
                Message::text(utf8::from_utf8(&bytes)?.to_owned())
            }
            MessageKind::Binary => Message::binary(bytes),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::websocket::frame;

    #[test]
    fn room_is_at_most_twice_of_what_arrived_and_never_more_than_announced() {
        for needed_len in (1..300).chain([4096, 65_522, 1 << 20]) {
            for rest_len in (0..300).chain([4096, 65_522, 1 << 20, u64::MAX]) {
                let len = grown_len(needed_len, rest_len);
                let announced_len = frame::wire_len(needed_len).saturating_add(rest_len);
                assert!(len >= needed_len, "{needed_len} {rest_len}: {len}");
                assert!(
                    len <= 2 * needed_len + GROWTH_SLACK,
                    "{needed_len} {rest_len}: {len}"
                );
                assert!(
                    frame::wire_len(len) <= announced_len,
                    "{needed_len} {rest_len}: {len}"
                );
            }
        }
    }

    #[test]
    fn last_growth_is_to_the_whole_message() {
        assert_eq!(grown_len(4082, 12_302), 8192);
        assert_eq!(grown_len(8191, 8193), 16_384);
        assert_eq!(grown_len(12_274, 4110), 16_384);
    }
}
