//! What is measured: one row of the table each.

use std::fmt;

/// One row: messages of one shape, in one direction.
#[derive(Clone, Copy)]
pub struct Task {
    pub direction: Direction,
    pub kind: Kind,
    /// Bytes of a message's payload.
    pub len: usize,
    /// Whether the frames are masked: a client's are.
    pub is_masked: bool,
    /// Bytes of a fragment's payload, if messages come in fragments.
    pub fragment_len: Option<usize>,
    /// Most bytes that a read gives, if less than everything.
    pub read_len: Option<usize>,
    /// Whether messages are compressed, level 6, the largest window.
    pub deflate: Option<Takeover>,
}

/// Whether a compressed message may refer to earlier ones.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Takeover {
    Context,
    NoContext,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    Decode,
    Encode,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Text,
    Binary,
}

/// The role of the library in a task.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Server,
    Client,
}

const LENGTHS: [usize; 5] = [16, 125, 1024, 16 * 1024, 1024 * 1024];

impl Task {
    /// Returns all rows, in the order of the tables.
    pub fn all() -> Vec<Self> {
        let mut tasks = Vec::new();
        for direction in [Direction::Decode, Direction::Encode] {
            for is_masked in [true, false] {
                for kind in [Kind::Binary, Kind::Text] {
                    let plain = |len| Self::plain(direction, kind, len, is_masked);
                    tasks.extend(LENGTHS.map(plain));
                }
            }
        }
        for kind in [Kind::Binary, Kind::Text] {
            for (len, fragment_len) in [(1024, 128), (16 * 1024, 1024), (1024 * 1024, 4096)] {
                tasks.push(Self {
                    fragment_len: Some(fragment_len),
                    ..Self::plain(Direction::Decode, kind, len, true)
                });
            }
        }
        for is_masked in [true, false] {
            for kind in [Kind::Binary, Kind::Text] {
                for (len, read_len) in [(16 * 1024, 4096), (1024 * 1024, 64 * 1024)] {
                    tasks.push(Self {
                        read_len: Some(read_len),
                        ..Self::plain(Direction::Decode, kind, len, is_masked)
                    });
                }
            }
        }
        for takeover in [Takeover::NoContext, Takeover::Context] {
            for direction in [Direction::Decode, Direction::Encode] {
                // A server's work: what it receives is masked, what it sends is not.
                let is_masked = direction == Direction::Decode;
                tasks.extend(LENGTHS[1..].iter().map(|&len| Self {
                    deflate: Some(takeover),
                    ..Self::plain(direction, Kind::Text, len, is_masked)
                }));
            }
        }
        tasks
    }

    /// Returns the row without fragments, short reads and compression.
    pub fn plain(direction: Direction, kind: Kind, len: usize, is_masked: bool) -> Self {
        Self {
            direction,
            kind,
            len,
            is_masked,
            fragment_len: None,
            read_len: None,
            deflate: None,
        }
    }

    /// Returns who does it: masked frames are sent by clients and received by servers.
    pub fn role(&self) -> Role {
        match (self.direction, self.is_masked) {
            (Direction::Decode, true) | (Direction::Encode, false) => Role::Server,
            (Direction::Decode, false) | (Direction::Encode, true) => Role::Client,
        }
    }

    /// Returns how many messages make up a batch: those of 16 KiB, the length of a TLS record, or
    /// one message.
    pub fn batch_count(&self) -> usize {
        (16 * 1024 / (self.len + 14)).max(1)
    }

    /// Returns the payload of each message: words, mostly ASCII, as chat is.
    pub fn payload(&self) -> Vec<u8> {
        let mut state = 1u32;
        let mut payload = String::new();
        while payload.len() < self.len {
            // A linear congruential generator, of the constants that Numerical Recipes gives.
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            payload.push_str(WORDS[(state >> 16) as usize % WORDS.len()]);
            payload.push(if state >> 29 == 0 { '\n' } else { ' ' });
        }
        let end = payload.floor_char_boundary(self.len);
        payload.truncate(end);
        payload.extend(std::iter::repeat_n('.', self.len - end));
        payload.into_bytes()
    }
}

const WORDS: [&str; 32] = [
    "Guten",
    "Morgen",
    "who",
    "is",
    "for",
    "tea",
    "and",
    "coffee",
    "☕",
    "für",
    "alle",
    "the",
    "a",
    "meeting",
    "begins",
    "at",
    "10:30",
    "room",
    "\"lobby\",",
    "{\"type\":",
    "message",
    "1024",
    "https://example.org/",
    "yes",
    "no",
    "später",
    "I",
    "think",
    "so",
    "too!",
    "see",
    "you",
];

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let direction = match self.direction {
            Direction::Decode => "decode",
            Direction::Encode => "encode",
        };
        let kind = match self.kind {
            Kind::Text => "text",
            Kind::Binary => "binary",
        };
        let masked = if self.is_masked { "masked" } else { "unmasked" };
        write!(f, "{direction} {kind}, {masked}, {}", Size(self.len))?;
        if let Some(fragment_len) = self.fragment_len {
            write!(f, " in fragments of {}", Size(fragment_len))?;
        }
        if let Some(read_len) = self.read_len {
            write!(f, " in reads of {}", Size(read_len))?;
        }
        match self.deflate {
            Some(Takeover::Context) => f.write_str(", deflated, context takeover")?,
            Some(Takeover::NoContext) => f.write_str(", deflated")?,
            None => {}
        }
        Ok(())
    }
}

/// A number of bytes as people say it.
pub struct Size(pub usize);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            len if len >= 1024 * 1024 => write!(f, "{} MiB", len / (1024 * 1024)),
            len if len >= 1024 => write!(f, "{} KiB", len / 1024),
            len => write!(f, "{len} B"),
        }
    }
}
