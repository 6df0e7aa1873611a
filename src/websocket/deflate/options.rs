//! States what an endpoint wants from compression, next to what was agreed on.

/// How an endpoint compresses, and what it offers or accepts in the opening handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeflateOptions {
    /// How much work goes into making messages small.
    pub level: CompressionLevel,
    /// Messages shorter than this many bytes are sent uncompressed.
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct CompressionLevel(u8);

impl CompressionLevel {
    /// The fastest level that compresses: 1.
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

impl Default for CompressionLevel {
    fn default() -> Self {
        Self(3)
    }
}
