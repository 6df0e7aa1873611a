//! Puts a message together that did not arrive in one piece.

use std::mem;

use crate::websocket::error::ProtocolError;
use crate::websocket::frame::{self, MessageKind};
use crate::websocket::message::Message;
use crate::websocket::utf8::TextDecoder;

/// An unfinished message: one growing buffer, whatever the number of its fragments.
///
/// The buffer holds what was not handed out yet. It grows with what has arrived (at most to twice of
/// it, and a few bytes), never by an announced length alone.
#[derive(Debug)]
pub(crate) struct Assembler {
    payload: Payload,
    /// How many bytes the message has inflated to, if it is compressed.
    inflated_len: Option<usize>,
    received_len: u64,
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
    pub(crate) fn new(kind: MessageKind, is_compressed: bool) -> Self {
        Self {
            payload: match kind {
                MessageKind::Text => Payload::Text {
                    text: String::new(),
                    decoder: TextDecoder::default(),
                },
                MessageKind::Binary => Payload::Binary(Vec::new()),
            },
            inflated_len: is_compressed.then_some(0),
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
        self.inflated_len.is_some()
    }

    /// Appends a part of the payload, unmasked.
    pub(crate) fn push(&mut self, part: &[u8]) -> Result<(), ProtocolError> {
        match &mut self.payload {
            Payload::Text { text, decoder } => decoder.decode(part, text)?,
            Payload::Binary(bytes) => bytes.extend_from_slice(part),
        }
        Ok(())
    }

    /// Appends what a compressed message goes on with, until it has inflated to more than `max_len`
    /// bytes, which is an error, or `max_held_len` wait to be handed out.
    ///
    /// `inflate` appends to what it is given until that is as long as it is told. What it appends is
    /// judged also if it fails then: which of several faults is told must not depend on how the
    /// bytes were cut.
    pub(crate) fn push_inflated(
        &mut self,
        max_len: usize,
        max_held_len: usize,
        mut inflate: impl FnMut(&mut Vec<u8>, usize) -> Result<Filled, ProtocolError>,
    ) -> Result<Filled, ProtocolError> {
        let inflated_len = self.inflated_len.get_or_insert(0);
        let mut piece = Vec::new();
        loop {
            // One more than allowed, which tells that there is more.
            let too_long_len = max_len.saturating_add(1) - *inflated_len;
            let (result, is_full) = match &mut self.payload {
                Payload::Binary(bytes) => {
                    let held_len = bytes.len();
                    let room_len = max_held_len.saturating_sub(held_len).min(too_long_len);
                    let result = inflate(bytes, held_len + room_len);
                    *inflated_len += bytes.len() - held_len;
                    (result, false)
                }
                // Piece by piece, each judged and copied while it is in the processor's cache: a
                // long text cost a tenth more as one.
                Payload::Text { text, decoder } => {
                    let room_len = max_held_len.saturating_sub(text.len()).min(too_long_len);
                    let piece_len = room_len.min(MAX_PIECE_LEN);
                    let result = inflate(&mut piece, piece_len);
                    *inflated_len += piece.len();
                    decoder.decode(&piece, text)?;
                    let is_full = piece.len() == piece_len && piece_len < room_len;
                    piece.clear();
                    (result, is_full)
                }
            };
            if *inflated_len > max_len {
                return Err(ProtocolError::MessageTooLong {
                    len: frame::wire_len(*inflated_len),
                    max: frame::wire_len(max_len),
                });
            }
            if !(is_full && result == Ok(Filled::Part)) {
                return result;
            }
        }
    }

    /// Makes room for a part of `part_len` bytes which the message's last `rest_len` bytes follow.
    pub(crate) fn reserve(&mut self, part_len: usize, rest_len: u64) {
        let (len, capacity) = match &self.payload {
            Payload::Text { text, .. } => (text.len(), text.capacity()),
            Payload::Binary(bytes) => (bytes.len(), bytes.capacity()),
        };
        let needed_len = len + part_len;
        if needed_len > capacity {
            let additional_len = grown_len(needed_len, rest_len) - len;
            match &mut self.payload {
                Payload::Text { text, .. } => text.reserve_exact(additional_len),
                Payload::Binary(bytes) => bytes.reserve_exact(additional_len),
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
            Payload::Text { .. } | Payload::Binary(_) => {
                self.push(part)?;
                Ok(self.take())
            }
        }
    }

    /// Takes what was not handed out yet.
    pub(crate) fn take(&mut self) -> Message<'static> {
        match &mut self.payload {
            Payload::Text { text, .. } => Message::text(mem::take(text)),
            Payload::Binary(bytes) => Message::binary(mem::take(bytes)),
        }
    }

    /// Judges whether the message may end here.
    pub(crate) fn judge_end(&self) -> Result<(), ProtocolError> {
        let is_complete = match &self.payload {
            Payload::Text { decoder, .. } => decoder.is_complete(),
            Payload::Binary(_) => true,
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

/// Of inflated text: as much as the inflater makes room for in one call, each of which costs it two
/// copies of its window.
const MAX_PIECE_LEN: usize = 256 * 1024;

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
        assert_eq!(grown_len(100, 100 + 64), 264, "as long as may be");
        assert_eq!(grown_len(100, 100 + 65), 133, "one more: a half of it");
    }
}
