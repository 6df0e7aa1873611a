//! Writes DEFLATE (RFC 1951) by hand, a bit at a time.

/// Writes blocks that no compressor would.
#[derive(Debug, Default)]
pub(crate) struct BitWriter {
    pub(crate) bytes: Vec<u8>,
    len: usize,
}

impl BitWriter {
    /// Appends the lowest `count` bits, the lowest first.
    pub(crate) fn number(&mut self, value: usize, count: usize) {
        for index in 0..count {
            if self.len.is_multiple_of(8) {
                self.bytes.push(0);
            }
            let bit = u8::from(value >> index & 1 == 1);
            *self.bytes.last_mut().unwrap() |= bit << (self.len % 8);
            self.len += 1;
        }
    }

    /// Appends a Huffman code, written as ones and zeros.
    pub(crate) fn code(&mut self, code: &str) {
        for bit in code.bytes() {
            self.number(usize::from(bit - b'0'), 1);
        }
    }

    /// Appends a stored block.
    pub(crate) fn stored(&mut self, bytes: &[u8]) {
        self.number(0b000, 3);
        self.len = self.bytes.len() * 8;
        self.number(bytes.len(), 16);
        self.number(!bytes.len(), 16);
        self.bytes.extend(bytes);
        self.len = self.bytes.len() * 8;
    }

    /// The payload of a message: all so far, and the head of the block whose rest is the tail.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.number(0b000, 3);
        self.bytes
    }
}
