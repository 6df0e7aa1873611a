//! Frames of RFC 6455 §5.2, as far as a load generator needs them.
use crate::sys;

pub const TEXT: u8 = 1;
pub const BINARY: u8 = 2;
pub const CLOSE: u8 = 8;
pub const PING: u8 = 9;
pub const PONG: u8 = 10;

/// The header of an unfragmented frame.
pub fn header(opcode: u8, len: usize, masking_key: Option<[u8; 4]>) -> Vec<u8> {
    let mask_bit = if masking_key.is_some() { 0x80 } else { 0 };
    let mut header = vec![0x80 | opcode];
    match len {
        0..126 => header.push(mask_bit | len as u8),
        126..65536 => {
            header.push(mask_bit | 126);
            header.extend_from_slice(&(len as u16).to_be_bytes());
        }
        _ => {
            header.push(mask_bit | 127);
            header.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    header.extend_from_slice(masking_key.as_ref().map_or(&[], |key| &key[..]));
    header
}

/// Appends a masked frame, as a client sends it.
pub fn append_masked(opcode: u8, payload: &[u8], key: [u8; 4], output: &mut Vec<u8>) {
    output.extend_from_slice(&header(opcode, payload.len(), Some(key)));
    output.extend(
        payload
            .iter()
            .enumerate()
            .map(|(i, byte)| byte ^ key[i & 3]),
    );
}

/// The beginning of a server's frame.
#[derive(Clone, Copy)]
pub struct Header {
    pub is_final: bool,
    pub opcode: u8,
    pub payload_len: usize,
    /// Bytes of the header itself.
    pub len: usize,
}

/// The longest header of a server's frame.
pub const MAX_HEADER_LEN: usize = 10;

/// The header at the front of some bytes; `None`: it is not complete yet.
pub fn server_header(bytes: &[u8]) -> Result<Option<Header>, String> {
    let [first, second, rest @ ..] = bytes else {
        return Ok(None);
    };
    if first & 0x70 != 0 || second & 0x80 != 0 {
        return Err(format!("reserved or masked: {first:02x} {second:02x}"));
    }
    let (payload_len, len) = match (second, rest) {
        (126, [a, b, ..]) => (usize::from(u16::from_be_bytes([*a, *b])), 4),
        (127, rest) => match rest.first_chunk() {
            Some(len) => (u64::from_be_bytes(*len) as usize, MAX_HEADER_LEN),
            None => return Ok(None),
        },
        (126, _) => return Ok(None),
        (len, _) => (usize::from(*len), 2),
    };
    Ok(Some(Header {
        is_final: first & 0x80 != 0,
        opcode: first & 15,
        payload_len,
        len,
    }))
}

/// A whole, unfragmented frame at the front of some bytes.
pub struct Frame<'a> {
    pub opcode: u8,
    pub payload: &'a [u8],
}

/// Takes one frame from the front of `input`; `None`: it is not complete yet.
pub fn take<'a>(input: &mut &'a [u8]) -> Result<Option<Frame<'a>>, String> {
    let Some(header) = server_header(input)? else {
        return Ok(None);
    };
    if !header.is_final {
        return Err("a fragment".into());
    }
    let Some((payload, rest)) = input[header.len..].split_at_checked(header.payload_len) else {
        return Ok(None);
    };
    *input = rest;
    Ok(Some(Frame {
        opcode: header.opcode,
        payload,
    }))
}

/// Prebuilt client frames: different messages, each masked with a key of its own, laid one after
/// another so that a run of frames goes out with one send.
pub struct Ring {
    /// `frame_count` frames, then more that repeat the first ones: a run may pass the end.
    pub bytes: Vec<u8>,
    pub frame_len: usize,
    pub frame_count: usize,
    /// Frames laid out in `bytes`.
    pub laid_out: usize,
    pub payloads: Vec<Vec<u8>>,
    /// With which replies begin; `None` when there is no WebSocket.
    pub opcode: Option<u8>,
}

impl Ring {
    pub fn new(payload_len: usize, depth: usize, raw: bool, text: bool) -> Self {
        const BYTES: usize = 256 * 1024;
        let frame_count = (BYTES / (payload_len + 14)).clamp(2, 64);
        let laid_out = frame_count + depth.min((BYTES / (payload_len + 14)).max(1));
        let opcode = if text { TEXT } else { BINARY };
        let mut seed = 0x9e37_79b9_7f4a_7c15;
        let payloads: Vec<Vec<u8>> = (0..frame_count)
            .map(|number| payload(number, payload_len, text, &mut seed))
            .collect();
        // A repeated frame is an exact copy, key and all: a send that ends within it goes on within
        // the original.
        let keys: Vec<[u8; 4]> = (0..frame_count)
            .map(|_| (random(&mut seed) | 0x0101_0101).to_le_bytes())
            .collect();
        let mut bytes = Vec::new();
        for i in 0..laid_out {
            let i = i % frame_count;
            if raw {
                bytes.extend_from_slice(&payloads[i]);
            } else {
                append_masked(opcode, &payloads[i], keys[i], &mut bytes);
            }
        }
        let frame_len = bytes.len() / laid_out;
        Self {
            bytes,
            frame_len,
            frame_count,
            laid_out,
            payloads,
            opcode: (!raw).then_some(opcode),
        }
    }
}

/// Random bytes or printable text, the message's number first, so that loss and reordering show.
fn payload(number: usize, len: usize, text: bool, seed: &mut u64) -> Vec<u8> {
    let mut payload: Vec<u8> = (0..len)
        .map(|_| {
            let byte = random(seed) as u8;
            if text { b' ' + byte % 95 } else { byte }
        })
        .collect();
    let id = if text {
        format!("{number:04x}").into_bytes()
    } else {
        (number as u32).to_le_bytes().to_vec()
    };
    let len = len.min(id.len());
    // With fewer than four bytes, the digits that differ.
    let from = if text { id.len() - len } else { 0 };
    payload[..len].copy_from_slice(&id[from..from + len]);
    payload
}

fn random(state: &mut u64) -> u32 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    (*state >> 24) as u32
}

/// Answers a Ping; one that finds no room is dropped, since another will come.
pub fn send_pong(fd: std::os::fd::RawFd, payload: &[u8]) -> Result<(), String> {
    sys::send(fd, &pong(payload))
        .map(drop)
        .map_err(|e| format!("pong: {e}"))
}

pub fn pong(payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    append_masked(PONG, payload, [1, 2, 3, 4], &mut frame);
    frame
}
