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
                    tasks.extend(LENGTHS.map(|len| Self {
                        direction,
                        kind,
                        len,
                        is_masked,
                        fragment_len: None,
                        read_len: None,
                    }));
                }
            }
        }
        for kind in [Kind::Binary, Kind::Text] {
            for (len, fragment_len) in [(1024, 128), (16 * 1024, 1024), (1024 * 1024, 4096)] {
                tasks.push(Self {
                    direction: Direction::Decode,
                    kind,
                    len,
                    is_masked: true,
                    fragment_len: Some(fragment_len),
                    read_len: None,
                });
            }
        }
        for is_masked in [true, false] {
            for kind in [Kind::Binary, Kind::Text] {
                for (len, read_len) in [(16 * 1024, 4096), (1024 * 1024, 64 * 1024)] {
                    tasks.push(Self {
                        direction: Direction::Decode,
                        kind,
                        len,
                        is_masked,
                        fragment_len: None,
                        read_len: Some(read_len),
                    });
                }
            }
        }
        tasks
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

    /// Returns the payload of each message: ASCII with a few longer characters, as chat is.
    pub fn payload(&self) -> Vec<u8> {
        let text: String = "Guten Morgen, who is für tea ☕ and who for coffee? "
            .chars()
            .cycle()
            .take(self.len)
            .collect();
        let mut payload = text.into_bytes();
        payload.truncate(self.len);
        while str::from_utf8(&payload).is_err() {
            payload.pop();
        }
        payload.resize(self.len, b'.');
        payload
    }
}

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
