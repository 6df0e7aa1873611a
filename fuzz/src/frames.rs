//! Takes bytes apart into frames in the plainest way there is, to judge others by.

use crate::endpoints::MAX_MESSAGE_LEN;
use crate::naive_inflate::Inflater;

/// A frame as it stands in the bytes, whatever rules it breaks.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// FIN, the reserved bits and the opcode.
    pub first: u8,
    pub is_masked: bool,
    /// What the header says, in the form that it says it in.
    pub announced_len: u64,
    pub is_length_minimal: bool,
    /// What of the payload is there, unmasked.
    pub payload: Vec<u8>,
}

impl Frame {
    pub fn opcode(&self) -> u8 {
        self.first & 0x0f
    }

    pub fn is_control(&self) -> bool {
        self.first & 0x08 != 0
    }

    pub fn is_final(&self) -> bool {
        self.first & 0x80 != 0
    }

    /// Returns how much of the payload is cut off.
    pub fn missing_len(&self) -> u64 {
        self.announced_len - u64::try_from(self.payload.len()).unwrap()
    }
}

/// Splits `bytes` into frames. The last payload may be cut; a header that is cut is left out, and
/// what it lacks to be one is the second value.
pub fn split(mut bytes: &[u8]) -> (Vec<Frame>, usize) {
    let mut frames = Vec::new();
    while !bytes.is_empty() {
        let header_len = header_len(bytes);
        if bytes.len() < header_len {
            return (frames, header_len - bytes.len());
        }
        let (header, rest) = bytes.split_at(header_len);
        let frame = take_frame(header, rest);
        bytes = &rest[frame.payload.len()..];
        frames.push(frame);
    }
    (frames, 0)
}

/// Returns zeros that complete the frame in which `bytes` end, if its payload is at most `max_len`,
/// and its header in any case.
pub fn completion(bytes: &[u8], max_len: u64) -> Vec<u8> {
    // The length may be among what is missing: once with it, and again with what it says.
    let mut zeros = Vec::new();
    loop {
        let (frames, missing_header_len) = split(&[bytes, &zeros].concat());
        let missing_len = match frames.last() {
            _ if missing_header_len > 0 => missing_header_len,
            Some(last) if last.announced_len <= max_len => {
                usize::try_from(last.missing_len()).unwrap()
            }
            _ => 0,
        };
        if missing_len == 0 {
            return zeros;
        }
        zeros.resize(zeros.len() + missing_len, 0);
    }
}

/// Returns how long the header at the front of `bytes` is, as far as it can be told.
fn header_len(bytes: &[u8]) -> usize {
    let Some(second) = bytes.get(1) else {
        return 2;
    };
    let length_len = match second & 0x7f {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    2 + length_len + if second & 0x80 == 0 { 0 } else { 4 }
}

fn take_frame(header: &[u8], rest: &[u8]) -> Frame {
    let is_masked = header[1] & 0x80 != 0;
    let key_at = header.len() - if is_masked { 4 } else { 0 };
    let (lengths, key) = header[1..].split_at(key_at - 1);
    let (announced_len, least) = match lengths {
        [short] => (u64::from(short & 0x7f), 0),
        [_, long @ ..] => {
            let len = long.iter().fold(0, |len, byte| len << 8 | u64::from(*byte));
            (len, if long.len() == 2 { 126 } else { 65_536 })
        }
        [] => unreachable!("a header has two bytes"),
    };
    let len = usize::try_from(announced_len).map_or(rest.len(), |len| len.min(rest.len()));
    let mut payload = rest[..len].to_vec();
    for (at, byte) in payload.iter_mut().enumerate() {
        *byte ^= if is_masked { key[at % 4] } else { 0 };
    }
    Frame {
        first: header[0],
        is_masked,
        announced_len,
        is_length_minimal: announced_len >= least,
        payload,
    }
}

/// Puts messages together, and leaves control frames where they are. A message that is not finished
/// is left out. Each comes as its opcode and payload.
pub fn assemble(frames: &[Frame], mut inflater: Option<&mut Inflater>) -> Vec<(u8, Vec<u8>)> {
    let mut assembled = Vec::new();
    let mut unfinished: Option<(u8, Vec<u8>)> = None;
    for frame in frames {
        if frame.is_control() {
            assert_eq!(frame.first & 0x70, 0, "reserved bits");
            assembled.push((frame.opcode(), frame.payload.clone()));
            continue;
        }
        assert_eq!(frame.opcode() == 0, unfinished.is_some());
        assert_eq!(frame.first & 0x30, 0, "reserved bits");
        assert!(frame.first & 0x40 == 0 || unfinished.is_none() && inflater.is_some());
        // RSV1 stays with the opcode until the message is whole.
        let (_, payload) = unfinished.get_or_insert((frame.first & 0x4f, Vec::new()));
        payload.extend_from_slice(&frame.payload);
        if let Some((kind, payload)) = unfinished.take_if(|_| frame.is_final()) {
            let payload = match &mut inflater {
                Some(inflater) if kind & 0x40 != 0 => inflater
                    .inflate(&payload, MAX_MESSAGE_LEN)
                    .expect("what is sent can be inflated"),
                _ => payload,
            };
            assembled.push((kind & 0x0f, payload));
        }
    }
    assembled
}
