//! Encodes frames and decodes their headers (RFC 6455 §5.2).
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-------+-+-------------+-------------------------------+
//! |F|R|R|R| opcode|M| length 0–125| length, if 126: 16 bits       |
//! |I|S|S|S|       |A| 126 or 127  |         if 127: 64 bits …     |
//! |N|V|V|V|       |S|             +-------------------------------+
//! | |1|2|3|       |K|             | masking key, if MASK is set … |
//! +-+-+-+-+-------+-+-------------+-------------------------------+
//! ```

use crate::websocket::error::ProtocolError;
use crate::websocket::mask;

/// Longest header in bytes: two, a 64-bit length, a masking key.
pub(crate) const MAX_HEADER_LEN: usize = 14;

/// Longest payload of a control frame in bytes (RFC 6455 §5.5).
pub(crate) const MAX_CONTROL_PAYLOAD_LEN: usize = 125;

/// Which side of the connection an endpoint is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Accepted the connection: receives masked frames, sends unmasked ones.
    Server,
    /// Opened the connection: the other way round.
    Client,
}

/// What a frame is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opcode {
    Continuation,
    Message(MessageKind),
    Control(ControlKind),
}

/// The kind of message that a data frame begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MessageKind {
    Text,
    Binary,
}

/// The kinds of control frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ControlKind {
    Close,
    Ping,
    Pong,
}

impl Opcode {
    fn from_bits(bits: u8) -> Option<Self> {
        Some(match bits {
            0x0 => Self::Continuation,
            0x1 => Self::Message(MessageKind::Text),
            0x2 => Self::Message(MessageKind::Binary),
            0x8 => Self::Control(ControlKind::Close),
            0x9 => Self::Control(ControlKind::Ping),
            0xa => Self::Control(ControlKind::Pong),
            _ => return None,
        })
    }

    fn bits(self) -> u8 {
        match self {
            Self::Continuation => 0x0,
            Self::Message(MessageKind::Text) => 0x1,
            Self::Message(MessageKind::Binary) => 0x2,
            Self::Control(ControlKind::Close) => 0x8,
            Self::Control(ControlKind::Ping) => 0x9,
            Self::Control(ControlKind::Pong) => 0xa,
        }
    }
}

/// The header of a frame that keeps the rules of framing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    pub(crate) is_final: bool,
    pub(crate) opcode: Opcode,
    pub(crate) payload_len: u64,
    /// Bytes of the header itself, masking key included.
    pub(crate) len: usize,
    /// `None` if the payload is not masked, or if `len` bytes have not arrived.
    pub(crate) masking_key: Option<[u8; 4]>,
}

impl FrameHeader {
    /// Decodes the header at the front of `bytes`, judged as `receiver` must, inside a fragmented
    /// message or not.
    ///
    /// `None` if the length has not arrived. The masking key may still be missing: that the payload
    /// is too long, say, is known without it.
    pub(crate) fn decode(
        bytes: &[u8],
        receiver: Role,
        is_inside_message: bool,
    ) -> Result<Option<Self>, ProtocolError> {
        let &[first, second, ref rest @ ..] = bytes else {
            return Ok(None);
        };
        let opcode = judge_start(first, second, receiver, is_inside_message)?;
        let (payload_len, length_len) = match second & 0x7f {
            126 => match rest.first_chunk() {
                Some(&bytes) => (u16::from_be_bytes(bytes).into(), 2),
                None => return Ok(None),
            },
            127 => match rest.first_chunk() {
                Some(&bytes) => (u64::from_be_bytes(bytes), 8),
                None => return Ok(None),
            },
            len => (len.into(), 0),
        };
        let shortest = match length_len {
            0 => 0,
            2 => 126,
            _ => 0x1_0000,
        };
        if payload_len < shortest {
            return Err(ProtocolError::LengthNotMinimal { len: payload_len });
        }
        if payload_len >> 63 != 0 {
            return Err(ProtocolError::LengthOutOfRange { len: payload_len });
        }
        let (key_len, masking_key) = match receiver {
            Role::Server => (
                4,
                rest.get(length_len..)
                    .and_then(|rest| rest.first_chunk().copied()),
            ),
            Role::Client => (0, None),
        };
        Ok(Some(Self {
            is_final: first & 0x80 != 0,
            opcode,
            payload_len,
            len: 2 + length_len + key_len,
            masking_key,
        }))
    }
}

/// Judges the first two bytes of a frame, before anything that follows is looked at.
fn judge_start(
    first: u8,
    second: u8,
    receiver: Role,
    is_inside_message: bool,
) -> Result<Opcode, ProtocolError> {
    let reserved_bits = first >> 4 & 0b111;
    if reserved_bits != 0 {
        return Err(ProtocolError::ReservedBits {
            bits: reserved_bits,
        });
    }
    let opcode = first & 0x0f;
    let Some(opcode) = Opcode::from_bits(opcode) else {
        return Err(ProtocolError::UnknownOpcode { opcode });
    };
    let is_masked = second & 0x80 != 0;
    match receiver {
        Role::Server if !is_masked => return Err(ProtocolError::UnmaskedFrame),
        Role::Client if is_masked => return Err(ProtocolError::MaskedFrame),
        Role::Server | Role::Client => {}
    }
    match opcode {
        Opcode::Control(_) => {
            if first & 0x80 == 0 {
                return Err(ProtocolError::FragmentedControlFrame);
            }
            if usize::from(second & 0x7f) > MAX_CONTROL_PAYLOAD_LEN {
                return Err(ProtocolError::ControlFrameTooLong);
            }
        }
        Opcode::Continuation if !is_inside_message => {
            return Err(ProtocolError::UnexpectedContinuation);
        }
        Opcode::Message(_) if is_inside_message => {
            return Err(ProtocolError::InterleavedMessage);
        }
        Opcode::Continuation | Opcode::Message(_) => {}
    }
    Ok(opcode)
}

/// Appends a whole frame, FIN set, its length in the shortest form, masked if there is a key.
pub(crate) fn encode(
    opcode: Opcode,
    payload: &[u8],
    masking_key: Option<[u8; 4]>,
    output: &mut Vec<u8>,
) {
    output.reserve(MAX_HEADER_LEN + payload.len());
    let first = 0x80 | opcode.bits();
    let mask_bit = if masking_key.is_some() { 0x80 } else { 0 };
    if let Ok(len @ 0..=125) = u8::try_from(payload.len()) {
        output.extend_from_slice(&[first, mask_bit | len]);
    } else if let Ok(len) = u16::try_from(payload.len()) {
        output.extend_from_slice(&[first, mask_bit | 126]);
        output.extend_from_slice(&len.to_be_bytes());
    } else {
        output.extend_from_slice(&[first, mask_bit | 127]);
        output.extend_from_slice(&wire_len(payload.len()).to_be_bytes());
    }
    match masking_key {
        None => output.extend_from_slice(payload),
        Some(key) => {
            output.extend_from_slice(&key);
            let payload_start = output.len();
            output.extend_from_slice(payload);
            mask::apply(&mut output[payload_start..], key);
        }
    }
}

/// Returns a length in memory as the wire's type, which is at least as wide on all machines.
pub(crate) fn wire_len(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}
