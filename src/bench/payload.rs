//! Makes messages of which no two are alike, so that each reply shows what it answers.
//!
//! A message is a piece of one long pattern, behind a stamp: connection and number, mixed so that the
//! first bytes alone tell nearly all of them apart. Eight bytes, or sixteen digits of text, tell all.

use crate::websocket::Message;

/// The messages of one thread.
#[derive(Debug)]
pub(super) struct Payload {
    is_text: bool,
    len: usize,
    /// Longer than a message, so that one can begin at several places.
    pattern: Vec<u8>,
}

/// What stands at the beginning of a message: as much of it as there is room for.
type Stamp = [u8; 16];

impl Payload {
    /// Makes messages of `len` bytes.
    pub(super) fn new(len: usize, is_text: bool) -> Self {
        let byte = |place| {
            let noise = mix(place).to_le_bytes()[0];
            // Text compresses about as well as language does, bytes not at all.
            if is_text {
                LETTERS[usize::from(noise % 16)]
            } else {
                noise
            }
        };
        Self {
            is_text,
            len,
            pattern: (0..).take(len + PLACE_COUNT).map(byte).collect(),
        }
    }

    /// Calls `send` with message `number` of a connection. Nothing but the stamp is copied.
    pub(super) fn with<T>(
        &mut self,
        connection: u64,
        number: u64,
        send: impl FnOnce(&Message<'_>) -> T,
    ) -> T {
        let (stamp, stamp_len, place) = self.stamp(connection, number);
        let saved: Stamp = stamp_at(&self.pattern, place);
        self.pattern[place..place + stamp_len].copy_from_slice(&stamp[..stamp_len]);
        let bytes = &self.pattern[place..place + self.len];
        let message = match self.is_text {
            true => Message::text(str::from_utf8(bytes).expect("stamp and pattern are ASCII")),
            false => Message::binary(bytes),
        };
        let result = send(&message);
        self.pattern[place..place + stamp_len].copy_from_slice(&saved[..stamp_len]);
        result
    }

    /// Returns whether `message` is that one, byte for byte, and of the same kind.
    pub(super) fn is(&self, connection: u64, number: u64, message: &Message<'_>) -> bool {
        let (stamp, stamp_len, place) = self.stamp(connection, number);
        let bytes = message.as_bytes();
        matches!(message, Message::Text(_)) == self.is_text
            && bytes.len() == self.len
            && bytes[..stamp_len] == stamp[..stamp_len]
            && bytes[stamp_len..] == self.pattern[place + stamp_len..place + self.len]
    }

    /// Returns the stamp, how much of it there is room for, and where the message begins.
    fn stamp(&self, connection: u64, number: u64) -> (Stamp, usize, usize) {
        let mixed = mix(connection << 40 ^ number);
        let mut stamp = Stamp::default();
        let whole_len = if self.is_text {
            for (at, digit) in stamp.iter_mut().enumerate() {
                *digit = DIGITS[usize::try_from(mixed >> (4 * at) & 15).unwrap_or(0)];
            }
            16
        } else {
            stamp[..8].copy_from_slice(&mixed.to_le_bytes());
            8
        };
        let place = usize::from(mixed.to_be_bytes()[0]) % PLACE_COUNT;
        (stamp, whole_len.min(self.len), place)
    }
}

/// Returns the sixteen bytes of the pattern at `place`, or those that there are.
fn stamp_at(pattern: &[u8], place: usize) -> Stamp {
    let mut stamp = Stamp::default();
    let rest = &pattern[place..];
    let len = rest.len().min(stamp.len());
    stamp[..len].copy_from_slice(&rest[..len]);
    stamp
}

/// Mixes all bits with all others, and no two numbers to the same: the finalizer of SplitMix64.
pub(super) fn mix(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

/// Places at which a message can begin: enough that no reply passes for its neighbour's.
const PLACE_COUNT: usize = 64;

const LETTERS: [u8; 16] = *b"etaoin shrdlu,.e";

const DIGITS: [u8; 16] = *b"0123456789abcdef";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_itself_and_no_other() {
        for is_text in [false, true] {
            for len in [0, 1, 7, 8, 9, 16, 17, 125, 1000] {
                let mut payload = Payload::new(len, is_text);
                let message = payload.with(3, 17, |message| message.clone().into_owned());
                assert_eq!(message.len(), len);
                assert!(payload.is(3, 17, &message), "{len}");
                let others = [(3, 18), (3, 16), (4, 17), (17, 3)];
                let same = others.iter().filter(|it| payload.is(it.0, it.1, &message));
                assert!(len < 7 || same.count() == 0, "{len}");
                let other_kind = match &message {
                    Message::Text(text) => Message::binary(text.as_bytes().to_vec()),
                    Message::Binary(bytes) => Message::text(String::from_utf8_lossy(bytes)),
                };
                assert!(!payload.is(3, 17, &other_kind.into_owned()));
            }
        }
    }

    #[test]
    fn each_changed_byte_shows() {
        let mut payload = Payload::new(100, false);
        let sent = payload.with(0, 0, |message| message.as_bytes().to_vec());
        for at in 0..sent.len() {
            let mut bytes = sent.clone();
            bytes[at] ^= 1;
            assert!(!payload.is(0, 0, &Message::binary(bytes)), "{at}");
        }
        assert!(!payload.is(0, 0, &Message::binary(sent[..99].to_vec())));
    }

    #[test]
    fn sending_leaves_the_pattern_as_it_was() {
        let mut payload = Payload::new(20, true);
        let pattern = payload.pattern.clone();
        for number in 0..200 {
            payload.with(1, number, |_| ());
        }
        assert_eq!(payload.pattern, pattern);
    }
}
