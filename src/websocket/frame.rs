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

/// The bits of a frame's first byte, above the opcode.
const FIN: u8 = 0x80;
const RSV1: u8 = 0x40;
const RESERVED: u8 = 0x70;

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

/// What decides which frames are in order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Situation {
    pub(crate) receiver: Role,
    pub(crate) is_inside_message: bool,
    /// Whether the opening handshake agreed on permessage-deflate.
    pub(crate) is_compression_agreed: bool,
}

/// The header of a frame that keeps the rules of framing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    pub(crate) is_final: bool,
    /// RSV1: the frame begins a message that is compressed (RFC 7692 §6).
    pub(crate) is_compressed: bool,
    pub(crate) opcode: Opcode,
    pub(crate) payload_len: u64,
    /// Bytes of the header itself, masking key included.
    pub(crate) len: usize,
    /// `None` if the payload is not masked, or if `len` bytes have not arrived.
    pub(crate) masking_key: Option<[u8; 4]>,
}

impl FrameHeader {
    /// Decodes the header at the front of `bytes`, judged as a receiver in that situation must.
    ///
    /// `None` if the length has not arrived. The masking key may still be missing: that the payload
    /// is too long, say, is known without it.
    pub(crate) fn decode(
        bytes: &[u8],
        situation: Situation,
    ) -> Result<Option<Self>, ProtocolError> {
        let &[first, second, ref rest @ ..] = bytes else {
            return Ok(None);
        };
        let opcode = judge_start(first, second, situation)?;
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
        let (key_len, masking_key) = match situation.receiver {
            Role::Server => (
                4,
                rest.get(length_len..)
                    .and_then(|rest| rest.first_chunk().copied()),
            ),
            Role::Client => (0, None),
        };
        Ok(Some(Self {
            is_final: first & FIN != 0,
            is_compressed: first & RSV1 != 0,
            opcode,
            payload_len,
            len: 2 + length_len + key_len,
            masking_key,
        }))
    }
}

/// The header of a masked frame that is a whole message, uncompressed, of less than 64 KiB: most of
/// what a server receives.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ShortHeader {
    pub(crate) kind: MessageKind,
    pub(crate) payload_len: usize,
    /// Bytes of the header itself.
    pub(crate) len: usize,
    pub(crate) masking_key: [u8; 4],
}

impl ShortHeader {
    /// Reads the header at the front of `bytes`. `None` for any other, right or wrong: that is for
    /// [`FrameHeader::decode`] to tell apart.
    #[inline]
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let kind = match bytes.first()? {
            0x81 => MessageKind::Text,
            0x82 => MessageKind::Binary,
            _ => return None,
        };
        let (payload_len, len, masking_key) = match *bytes {
            [_, second @ 0x80..=0xfd, a, b, c, d, ..] => {
                (u16::from(second & 0x7f), 6, [a, b, c, d])
            }
            [_, 0xfe, high, low, a, b, c, d, ..] => {
                (u16::from_be_bytes([high, low]), 8, [a, b, c, d])
            }
            _ => return None,
        };
        let is_shortest = len == 6 || payload_len > 125;
        is_shortest.then_some(Self {
            kind,
            payload_len: payload_len.into(),
            len,
            masking_key,
        })
    }
}

/// Judges the first two bytes of a frame, before anything that follows is looked at.
fn judge_start(first: u8, second: u8, situation: Situation) -> Result<Opcode, ProtocolError> {
    let opcode_bits = first & 0x0f;
    let opcode = Opcode::from_bits(opcode_bits);
    // RFC 7692 §6: RSV1 belongs to the first frame of a message, and to no control frame.
    let meaningful_bits = match opcode {
        Some(Opcode::Message(_)) if situation.is_compression_agreed => RSV1,
        _ => 0,
    };
    let reserved_bits = first & RESERVED & !meaningful_bits;
    if reserved_bits != 0 {
        return Err(ProtocolError::ReservedBits {
            bits: reserved_bits >> 4,
        });
    }
    let Some(opcode) = opcode else {
        return Err(ProtocolError::UnknownOpcode {
            opcode: opcode_bits,
        });
    };
    let is_masked = second & 0x80 != 0;
    match situation.receiver {
        Role::Server if !is_masked => return Err(ProtocolError::UnmaskedFrame),
        Role::Client if is_masked => return Err(ProtocolError::MaskedFrame),
        Role::Server | Role::Client => {}
    }
    match opcode {
        Opcode::Control(_) => {
            if first & FIN == 0 {
                return Err(ProtocolError::FragmentedControlFrame);
            }
            if usize::from(second & 0x7f) > MAX_CONTROL_PAYLOAD_LEN {
                return Err(ProtocolError::ControlFrameTooLong);
            }
        }
        Opcode::Continuation if !situation.is_inside_message => {
            return Err(ProtocolError::UnexpectedContinuation);
        }
        Opcode::Message(_) if situation.is_inside_message => {
            return Err(ProtocolError::InterleavedMessage);
        }
        Opcode::Continuation | Opcode::Message(_) => {}
    }
    Ok(opcode)
}

/// The bits and the opcode with which a frame begins.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FrameStart {
    pub(crate) opcode: Opcode,
    pub(crate) is_final: bool,
    pub(crate) is_compressed: bool,
}

impl FrameStart {
    /// Begins the only frame of a message, or a control frame.
    pub(crate) fn whole(opcode: Opcode) -> Self {
        Self {
            opcode,
            is_final: true,
            is_compressed: false,
        }
    }

    /// Says that the payload is compressed (RFC 7692 §6.1).
    pub(crate) fn compressed(self) -> Self {
        Self {
            is_compressed: true,
            ..self
        }
    }

    fn byte(self) -> u8 {
        let fin = if self.is_final { FIN } else { 0 };
        let rsv1 = if self.is_compressed { RSV1 } else { 0 };
        fin | rsv1 | self.opcode.bits()
    }
}

/// Appends a frame, its length in the shortest form, masked if there is a key.
pub(crate) fn encode(
    start: FrameStart,
    payload: &[u8],
    masking_key: Option<[u8; 4]>,
    output: &mut Vec<u8>,
) {
    output.reserve(MAX_HEADER_LEN + payload.len());
    encode_header(start, payload.len(), masking_key, output);
    // Most of what a server sends; without the loop.
    if masking_key.is_none() && payload.len() <= COPIED_LEN {
        return output.extend_from_slice(payload);
    }
    // The key begins anew with each piece, whose length is a multiple of its own.
    for piece in payload.chunks(COPIED_LEN) {
        let piece_start = output.len();
        output.extend_from_slice(piece);
        if let Some(key) = masking_key {
            mask::apply(&mut output[piece_start..], key);
        }
    }
}

/// Bytes of a payload that are copied, and masked while they are near, before the next ones. 32 KiB:
/// measured; glibc copies 1 MiB at once in twice the time that it takes piece by piece.
const COPIED_LEN: usize = 32 * 1024;

/// Appends a frame whose payload `append_payload` appends, so that its length is not known before.
pub(crate) fn encode_with(
    start: FrameStart,
    masking_key: Option<[u8; 4]>,
    output: &mut Vec<u8>,
    append_payload: impl FnOnce(&mut Vec<u8>),
) {
    let frame_start = output.len();
    output.extend_from_slice(&[0; MAX_HEADER_LEN]);
    append_payload(output);
    let payload_end = output.len();
    let payload_len = payload_end - frame_start - MAX_HEADER_LEN;
    // The header is written behind the payload first, so that it takes no memory of its own.
    encode_header(start, payload_len, masking_key, output);
    let payload_start = frame_start + output.len() - payload_end;
    output.copy_within(payload_end.., frame_start);
    output.copy_within(frame_start + MAX_HEADER_LEN..payload_end, payload_start);
    output.truncate(payload_start + payload_len);
    if let Some(key) = masking_key {
        mask::apply(&mut output[payload_start..], key);
    }
}

/// Appends the header of a frame. Called, as the compiler would have it without more than a hint, it
/// is an eighth of the instructions of a short frame.
#[inline(always)]
pub(crate) fn encode_header(
    start: FrameStart,
    payload_len: usize,
    masking_key: Option<[u8; 4]>,
    output: &mut Vec<u8>,
) {
    let first = start.byte();
    let mask_bit = if masking_key.is_some() { 0x80 } else { 0 };
    if let Ok(len @ 0..=125) = u8::try_from(payload_len) {
        output.extend_from_slice(&[first, mask_bit | len]);
    } else if let Ok(len) = u16::try_from(payload_len) {
        output.extend_from_slice(&[first, mask_bit | 126]);
        output.extend_from_slice(&len.to_be_bytes());
    } else {
        output.extend_from_slice(&[first, mask_bit | 127]);
        output.extend_from_slice(&wire_len(payload_len).to_be_bytes());
    }
    if let Some(key) = masking_key {
        output.extend_from_slice(&key);
    }
}

/// Returns the length of a frame.
pub(crate) fn len(payload_len: usize, masking_key: Option<[u8; 4]>) -> usize {
    let length_len = match payload_len {
        0..=125 => 0,
        126..=0xffff => 2,
        _ => 8,
    };
    2 + length_len + masking_key.map_or(0, |key| key.len()) + payload_len
}

/// Returns the length of the header at the front of `frame`, a whole one without a masking key.
pub(crate) fn server_header_len(frame: &[u8]) -> usize {
    match frame.get(1) {
        Some(126) => 4,
        Some(127) => 10,
        _ => 2,
    }
}

/// Returns a length in memory as the wire's type, which is at least as wide on all machines.
pub(crate) fn wire_len(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

    /// Judged between messages, by all rules.
    fn decode_judged(bytes: &[u8], is_compression_agreed: bool) -> Option<FrameHeader> {
        let situation = Situation {
            receiver: Role::Server,
            is_inside_message: false,
            is_compression_agreed,
        };
        FrameHeader::decode(bytes, situation).ok().flatten()
    }

    #[test]
    fn short_header_is_what_all_rules_make_of_it() {
        let mut short_count = 0;
        for start in 0..=u16::MAX {
            for len in [0, 1, 125, 126, 255, 256, 0xffff_u16] {
                let mut bytes = [&start.to_be_bytes()[..], &len.to_be_bytes(), &KEY].concat();
                for _ in 0..=bytes.len() {
                    if let Some(short) = ShortHeader::decode(&bytes) {
                        short_count += 1;
                        let header = FrameHeader {
                            is_final: true,
                            is_compressed: false,
                            opcode: Opcode::Message(short.kind),
                            payload_len: wire_len(short.payload_len),
                            len: short.len,
                            masking_key: Some(short.masking_key),
                        };
                        for is_compression_agreed in [false, true] {
                            let judged = decode_judged(&bytes, is_compression_agreed);
                            assert_eq!(judged, Some(header), "{bytes:02x?}");
                        }
                    }
                    bytes.pop();
                }
            }
        }
        // Text and binary: a length in one byte, after which six to eight bytes are there, or one of
        // the four lengths that need two.
        assert_eq!(short_count, 2 * (126 * 7 * 3 + 4));
    }
}
