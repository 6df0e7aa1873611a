//! States what an endpoint wants from compression, next to what was agreed on.

/// How an endpoint compresses, and what it offers or accepts in the opening handshake.
///
/// # What it costs
///
/// Measured with `zlib-rs` on one core: what remains of messages, and how long compressing and
/// inflating one of them took, without context takeover.
///
/// | message | level 1 | level 3 | level 6 |
/// |---|---|---|---|
/// | text of 64 B | 97 %, 2.3 + 0.3 µs | 90 %, 4.4 + 0.9 µs | 90 %, 4.4 + 0.9 µs |
/// | text of 128 B | 92 %, 2.5 + 0.5 µs | 74 %, 5.3 + 1.0 µs | 74 %, 5.3 + 1.0 µs |
/// | chat in JSON, 183 B | 96 %, 2.3 + 0.5 µs | 80 %, 6.5 + 1.3 µs | 80 %, 6.7 + 1.3 µs |
/// | chat in JSON, 472 B | 87 %, 3.7 + 1.0 µs | 65 %, 9.3 + 2.1 µs | 65 %, 10 + 2.1 µs |
/// | text of 1 KiB | 74 %, 7.0 + 2.4 µs | 51 %, 20 + 4.3 µs | 51 %, 22 + 4.3 µs |
/// | text of 16 KiB | 60 %, 97 + 51 µs | 41 %, 198 + 47 µs | 41 %, 287 + 46 µs |
///
/// With it, chat in JSON of 183 B shrinks to 47 % in 0.2 µs at level 1, and to 44 % in 2.3 µs at
/// level 3; inflating takes less than without it. A window that was agreed to be smaller than 32 KiB
/// is copied for each message.
///
/// # Memory
///
/// With context takeover a connection that has sent a compressed message holds 371 KiB (with a
/// window of 9 bits 245 KiB), one that has received one 47 KiB and what was said last, up to the
/// length of the window. Without it both belong to a [`CodecPool`](crate::websocket::CodecPool).
///
/// # Examples
///
/// ```
/// use chinwag::websocket::{CompressionLevel, DeflateOptions};
///
/// let mut options = DeflateOptions::default();
/// options.level = CompressionLevel::FASTEST;
/// options.server_no_context_takeover = true; // no codecs while a connection is idle
/// options.client_no_context_takeover = true;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeflateOptions {
    /// How much work goes into making messages small.
    pub level: CompressionLevel,
    /// Messages shorter than this many bytes are sent uncompressed. 128: without context takeover
    /// shorter ones shrink by some 20 bytes at most, which is not worth 6 µs.
    pub threshold: usize,
    /// Largest window with which the server compresses (§7.1.2.1).
    pub server_max_window_bits: WindowBits,
    /// Largest window with which the client compresses (§7.1.2.2).
    pub client_max_window_bits: WindowBits,
    /// The server compresses each message on its own (§7.1.1.1).
    pub server_no_context_takeover: bool,
    /// The client compresses each message on its own (§7.1.1.2).
    pub client_no_context_takeover: bool,
}

impl Default for DeflateOptions {
    fn default() -> Self {
        Self {
            level: CompressionLevel::default(),
            threshold: 128,
            server_max_window_bits: WindowBits::MAX,
            client_max_window_bits: WindowBits::MAX,
            server_no_context_takeover: false,
            client_no_context_takeover: false,
        }
    }
}

/// What both endpoints agreed on in the opening handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeflateParameters {
    /// The server compresses each message on its own (§7.1.1.1).
    pub server_no_context_takeover: bool,
    /// The client compresses each message on its own (§7.1.1.2).
    pub client_no_context_takeover: bool,
    /// Largest window with which the server compresses (§7.1.2.1).
    pub server_max_window_bits: WindowBits,
    /// Largest window with which the client compresses (§7.1.2.2).
    pub client_max_window_bits: WindowBits,
}

/// What is agreed on when neither endpoint asks for anything.
impl Default for DeflateParameters {
    fn default() -> Self {
        Self {
            server_no_context_takeover: false,
            client_no_context_takeover: false,
            server_max_window_bits: WindowBits::MAX,
            client_max_window_bits: WindowBits::MAX,
        }
    }
}

/// A window's size as a power of two: 9 (512 bytes) to 15 (32 KiB).
///
/// The RFC knows 8 too (§7.1.2), but no encoder based on zlib can keep to 256 bytes; a window of 8
/// for what *we* receive is served by one of 9.
///
/// # Examples
///
/// ```
/// use chinwag::websocket::WindowBits;
///
/// assert_eq!(WindowBits::new(10).map(WindowBits::window_len), Some(1_024));
/// assert_eq!(WindowBits::new(8), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct WindowBits(u8);

impl WindowBits {
    /// The smallest window: 512 bytes.
    pub const MIN: Self = Self(9);
    /// The largest window, which is what an endpoint has that says nothing: 32 KiB.
    pub const MAX: Self = Self(15);

    /// Checks a size; `None` below 9 or above 15.
    #[must_use]
    pub const fn new(bits: u8) -> Option<Self> {
        if bits < Self::MIN.0 || bits > Self::MAX.0 {
            return None;
        }
        Some(Self(bits))
    }

    /// Returns the power of two.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }

    /// Returns the size in bytes.
    #[must_use]
    pub const fn window_len(self) -> usize {
        1 << self.0
    }
}

/// How much work goes into making messages small: 0 (none: stored) to 9 (all that helps).
///
/// # Examples
///
/// ```
/// use chinwag::websocket::CompressionLevel;
///
/// assert_eq!(CompressionLevel::new(1), Some(CompressionLevel::FASTEST));
/// assert_eq!(CompressionLevel::new(10), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct CompressionLevel(u8);

impl CompressionLevel {
    /// The fastest level that compresses: 1. For context takeover and short messages, of which it
    /// makes almost as little as the others in a tenth of the time.
    pub const FASTEST: Self = Self(1);
    /// The level that makes messages smallest: 9.
    pub const SMALLEST: Self = Self(9);

    /// Checks a level; `None` above 9.
    #[must_use]
    pub const fn new(level: u8) -> Option<Self> {
        if level > Self::SMALLEST.0 {
            return None;
        }
        Some(Self(level))
    }

    /// Returns the level as a number.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }
}

/// Level 3: 6 saves another 2 % at most, in up to four times the time; 1, which has no codes but the
/// fixed ones, leaves up to half as much again.
impl Default for CompressionLevel {
    fn default() -> Self {
        Self(3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_have_9_to_15_bits() {
        for bits in 0..=u8::MAX {
            let expected = (9..=15).contains(&bits).then_some(bits);
            assert_eq!(WindowBits::new(bits).map(WindowBits::get), expected);
        }
        assert_eq!(WindowBits::MIN.window_len(), 512);
        assert_eq!(WindowBits::MAX.window_len(), 32_768);
    }

    #[test]
    fn levels_go_from_0_to_9() {
        for level in 0..=u8::MAX {
            let expected = (level <= 9).then_some(level);
            assert_eq!(
                CompressionLevel::new(level).map(CompressionLevel::get),
                expected
            );
        }
    }
}
