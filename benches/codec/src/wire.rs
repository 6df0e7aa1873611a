//! Frames built and taken apart by the book, to compare the libraries with.

use crate::task::{Kind, Task};

const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// Returns a batch of the task's messages as it goes over the wire.
pub fn batch(task: &Task) -> Vec<u8> {
    let payload = task.payload();
    let fragment_len = task.fragment_len.unwrap_or(payload.len());
    let mut message = Vec::new();
    for (index, part) in payload.chunks(fragment_len).enumerate() {
        let opcode = match (index, task.kind) {
            (0, Kind::Text) => 0x1,
            (0, Kind::Binary) => 0x2,
            _ => 0x0,
        };
        let is_final = (index + 1) * fragment_len >= payload.len();
        let first = opcode | if is_final { 0x80 } else { 0 };
        push_frame(first, part, task.is_masked.then_some(KEY), &mut message);
    }
    message.repeat(task.batch_count())
}

fn push_frame(first: u8, payload: &[u8], key: Option<[u8; 4]>, wire: &mut Vec<u8>) {
    let mask_bit = if key.is_some() { 0x80 } else { 0 };
    wire.push(first);
    match payload.len() {
        len @ 0..=125 => wire.push(mask_bit | len as u8),
        len @ 126..=0xffff => {
            wire.push(mask_bit | 126);
            wire.extend((len as u16).to_be_bytes());
        }
        len => {
            wire.push(mask_bit | 127);
            wire.extend((len as u64).to_be_bytes());
        }
    }
    wire.extend(key.unwrap_or_default().iter().filter(|_| key.is_some()));
    let key = key.unwrap_or_default();
    wire.extend(payload.iter().zip(key.iter().cycle()).map(|(a, b)| a ^ b));
}

/// Takes a batch of unfragmented messages apart.
///
/// # Panics
///
/// When it is not that.
pub fn parse(mut wire: &[u8], is_masked: bool) -> Vec<(Kind, Vec<u8>)> {
    let mut messages = Vec::new();
    while let [first, second, rest @ ..] = wire {
        let kind = match first {
            0x81 => Kind::Text,
            0x82 => Kind::Binary,
            other => panic!("a frame begins with {other:#x}"),
        };
        assert_eq!(second & 0x80 != 0, is_masked, "masking");
        let (len, rest) = match second & 0x7f {
            126 => {
                let (len, rest) = rest.split_first_chunk().expect("length");
                (u16::from_be_bytes(*len) as usize, rest)
            }
            127 => {
                let (len, rest) = rest.split_first_chunk().expect("length");
                (u64::from_be_bytes(*len) as usize, rest)
            }
            len => (len as usize, rest),
        };
        let (key, rest) = rest.split_at(if is_masked { 4 } else { 0 });
        let (payload, rest) = rest.split_at(len);
        let mut payload = payload.to_vec();
        if is_masked {
            for (byte, key) in payload.iter_mut().zip(key.iter().cycle()) {
                *byte ^= key;
            }
        }
        messages.push((kind, payload));
        wire = rest;
    }
    assert!(wire.is_empty(), "a byte is left");
    messages
}
