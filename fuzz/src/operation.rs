//! Reads operations on a connection from bytes.

use chinwag::websocket::{CloseCode, Message, Role};

/// Something that an application, or the network, does.
#[derive(Debug)]
pub enum Operation<'a> {
    Send(Message<'a>, Way),
    SendPart {
        payload: Message<'a>,
        is_final: bool,
    },
    Ping(&'a [u8]),
    Pong(&'a [u8]),
    Close(CloseCode, String),
    Fail(CloseCode, String),
    /// So many bytes arrive of what the other end has sent.
    Deliver(usize),
    /// Bytes arrive that the other end has not sent.
    Inject(&'a [u8]),
}

/// How a whole message is sent.
#[derive(Debug, Clone, Copy)]
pub enum Way {
    Usual,
    Uncompressed,
    Prepared,
}

/// The operations that are left, as bytes.
#[derive(Debug)]
pub struct Script<'a>(pub &'a [u8]);

/// An operation, and who does it.
#[derive(Debug)]
pub struct Step<'a> {
    pub role: Role,
    pub operation: Operation<'a>,
    /// Whether what arrives is taken in parts.
    pub is_in_parts: bool,
}

impl<'a> Script<'a> {
    /// Reads a step: its first byte says who does what, the second how much of it.
    pub fn next_step(&mut self) -> Option<Step<'a>> {
        let choice = self.byte()?;
        let len = self.byte()?;
        let operation = match choice & 0x0f {
            0 => Operation::Send(self.binary(len), Way::Usual),
            1 => Operation::Send(self.text(len), Way::Usual),
            2 => Operation::Send(self.text(len), Way::Uncompressed),
            3 => Operation::Send(self.text(len), Way::Prepared),
            4 => Operation::Send(long(len), Way::Usual),
            5 => self.part(choice, len),
            6 => Operation::Ping(self.bytes(len)),
            7 => Operation::Pong(self.bytes(len)),
            8 => {
                let (code, reason) = self.close(len);
                Operation::Close(code, reason)
            }
            9 => {
                let (code, reason) = self.close(len);
                Operation::Fail(code, reason)
            }
            10 => Operation::Inject(self.bytes(len)),
            11 | 12 => Operation::Deliver(usize::MAX),
            _ => Operation::Deliver(len.into()),
        };
        Some(Step {
            role: if choice & 0x80 == 0 {
                Role::Server
            } else {
                Role::Client
            },
            operation,
            is_in_parts: choice & 0x40 != 0,
        })
    }

    pub fn byte(&mut self) -> Option<u8> {
        self.0.split_off_first().copied()
    }

    fn part(&mut self, choice: u8, len: u8) -> Operation<'a> {
        let payload = if choice & 0x20 == 0 {
            self.text(len)
        } else {
            self.binary(len)
        };
        let is_final = choice & 0x10 != 0;
        Operation::SendPart { payload, is_final }
    }

    fn close(&mut self, len: u8) -> (CloseCode, String) {
        let codes = [1000, 1001, 1008, 1009, 1010, 1011, 3000, 4999];
        let code = codes[usize::from(len) % codes.len()];
        let reason = String::from_utf8_lossy(self.bytes(len)).into_owned();
        (CloseCode::new(code).unwrap(), reason)
    }

    fn text(&mut self, len: u8) -> Message<'a> {
        Message::text(String::from_utf8_lossy(self.bytes(len)))
    }

    fn binary(&mut self, len: u8) -> Message<'a> {
        Message::binary(self.bytes(len))
    }

    /// Takes up to `len` bytes.
    fn bytes(&mut self, len: u8) -> &'a [u8] {
        let len = usize::from(len).min(self.0.len());
        let (bytes, rest) = self.0.split_at(len);
        self.0 = rest;
        bytes
    }
}

/// A message that is not spelled out: a pattern that the deflater finds, and one that it doesn't.
fn long(seed: u8) -> Message<'static> {
    let mut state = u32::from(seed) | 0x100;
    let bytes: Vec<u8> = (0..usize::from(seed) * 16)
        .map(|at| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let noise = state.to_be_bytes()[0];
            if at % 256 < 128 { seed } else { noise }
        })
        .collect();
    Message::binary(bytes)
}
