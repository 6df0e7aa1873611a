//! Frames built and taken apart by the book, to compare the libraries with.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};

use crate::task::{Kind, Takeover, Task};

const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// Returns a batch of the task's messages as it goes over the wire.
pub fn batch(task: &Task) -> Vec<u8> {
    let key = task.is_masked.then_some(KEY);
    let mut deflater = Compress::new(Compression::new(6), false);
    let mut wire = Vec::new();
    for _ in 0..task.batch_count() {
        let payload = task.payload();
        if let Some(takeover) = task.deflate {
            if takeover == Takeover::NoContext {
                deflater.reset();
            }
            push_frame(0xc1, &deflate(&mut deflater, &payload), key, &mut wire);
            continue;
        }
        let fragment_len = task.fragment_len.unwrap_or(payload.len());
        for (index, part) in payload.chunks(fragment_len).enumerate() {
            let opcode = match (index, task.kind) {
                (0, Kind::Text) => 0x1,
                (0, Kind::Binary) => 0x2,
                _ => 0x0,
            };
            let is_final = (index + 1) * fragment_len >= payload.len();
            let first = opcode | if is_final { 0x80 } else { 0 };
            push_frame(first, part, key, &mut wire);
        }
    }
    wire
}

fn deflate(deflater: &mut Compress, payload: &[u8]) -> Vec<u8> {
    let mut output = Vec::with_capacity(payload.len() + 1024);
    deflater
        .compress_vec(payload, &mut output, FlushCompress::Sync)
        .expect("there is room");
    assert!(output.ends_with(&[0x00, 0x00, 0xff, 0xff]));
    output.truncate(output.len() - 4);
    output
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

/// Takes unfragmented messages of a task apart.
pub struct Parser {
    is_masked: bool,
    inflater: Decompress,
    deflate: Option<Takeover>,
}

impl Parser {
    pub fn new(task: &Task) -> Self {
        Self {
            is_masked: task.is_masked,
            inflater: Decompress::new(false),
            deflate: task.deflate,
        }
    }

    /// Returns the messages of a batch.
    ///
    /// # Panics
    ///
    /// When it is something else.
    pub fn parse(&mut self, mut wire: &[u8]) -> Vec<(Kind, Vec<u8>)> {
        let mut messages = Vec::new();
        while let [first, second, rest @ ..] = wire {
            let kind = match first {
                0x81 | 0xc1 => Kind::Text,
                0x82 => Kind::Binary,
                other => panic!("a frame begins with {other:#x}"),
            };
            assert_eq!(first & 0x40 != 0, self.deflate.is_some(), "compression");
            assert_eq!(second & 0x80 != 0, self.is_masked, "masking");
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
            let (key, rest) = rest.split_at(if self.is_masked { 4 } else { 0 });
            let (payload, rest) = rest.split_at(len);
            let mut payload = payload.to_vec();
            for (byte, key) in payload.iter_mut().zip(key.iter().cycle()) {
                *byte ^= key;
            }
            if self.deflate.is_some() {
                payload = self.inflate(payload);
            }
            messages.push((kind, payload));
            wire = rest;
        }
        assert!(wire.is_empty(), "a byte is left");
        messages
    }

    fn inflate(&mut self, mut payload: Vec<u8>) -> Vec<u8> {
        payload.extend([0x00, 0x00, 0xff, 0xff]);
        if self.deflate == Some(Takeover::NoContext) {
            self.inflater.reset(false);
        }
        let mut output = Vec::with_capacity(2 * 1024 * 1024);
        self.inflater
            .decompress_vec(&payload, &mut output, FlushDecompress::Sync)
            .expect("the message is compressed");
        output
    }
}
