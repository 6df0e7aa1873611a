//! DEFLATE (RFC 1951) a bit at a time: slow, plain, and able to say how far back matches reach.

/// Inflates the payloads of messages, one after the other.
#[derive(Debug, Default)]
pub(crate) struct NaiveInflater {
    /// All that has come out since the window was last emptied.
    history: Vec<u8>,
    /// The greatest distance of a match.
    pub(crate) max_distance: usize,
}

impl NaiveInflater {
    /// Inflates a message's payload, whose tail `00 00 ff ff` was stripped (RFC 7692 §7.2.2).
    pub(crate) fn message(&mut self, payload: &[u8], keeps_window: bool) -> Vec<u8> {
        if !keeps_window {
            self.history.clear();
        }
        let start = self.history.len();
        let bytes = [payload, &[0, 0, 0xff, 0xff]].concat();
        let mut bits = Bits {
            bytes: &bytes,
            at: 0,
        };
        while bits.at < bytes.len() * 8 {
            let is_final = bits.take(1) == 1;
            match bits.take(2) {
                0 => self.stored(&mut bits),
                1 => {
                    let lens = |symbol| match symbol {
                        144..=255 => 9,
                        256..=279 => 7,
                        _ => 8,
                    };
                    let literals = Code::new(&(0..288).map(lens).collect::<Vec<_>>());
                    self.compressed(&mut bits, &literals, &Code::new(&[5; 30]));
                }
                2 => {
                    let (literals, distances) = dynamic_codes(&mut bits);
                    self.compressed(&mut bits, &literals, &distances);
                }
                _ => panic!("a block of the reserved type"),
            }
            if is_final {
                bits.align();
            }
        }
        self.history[start..].to_vec()
    }

    fn stored(&mut self, bits: &mut Bits<'_>) {
        bits.align();
        let (len, complement) = (bits.take(16), bits.take(16));
        assert_eq!(len ^ complement, 0xffff);
        for _ in 0..len {
            self.history.push(u8::try_from(bits.take(8)).unwrap());
        }
    }

    fn compressed(&mut self, bits: &mut Bits<'_>, literals: &Code, distances: &Code) {
        loop {
            let symbol = literals.read(bits);
            let Ok(index) = u8::try_from(symbol) else {
                if symbol == 256 {
                    return;
                }
                let index = symbol - 257;
                let len = LEN_BASES[index] + bits.take(LEN_EXTRA_BITS[index]);
                let index = distances.read(bits);
                let extra = bits.take((index / 2).saturating_sub(1));
                let base = if index < 2 {
                    index + 1
                } else {
                    ((2 + index % 2) << (index / 2 - 1)) + 1
                };
                let distance = base + extra;
                self.max_distance = self.max_distance.max(distance);
                for _ in 0..len {
                    self.history
                        .push(self.history[self.history.len() - distance]);
                }
                continue;
            };
            self.history.push(index);
        }
    }
}

/// The codes of a dynamic block (RFC 1951 §3.2.7).
fn dynamic_codes(bits: &mut Bits<'_>) -> (Code, Code) {
    let literal_count = bits.take(5) + 257;
    let distance_count = bits.take(5) + 1;
    let mut lens = [0; 19];
    for &place in &LEN_PLACES[..bits.take(4) + 4] {
        lens[place] = bits.take(3);
    }
    let code = Code::new(&lens);
    let mut lens: Vec<usize> = Vec::new();
    while lens.len() < literal_count + distance_count {
        let (len, count) = match code.read(bits) {
            16 => (lens[lens.len() - 1], 3 + bits.take(2)),
            17 => (0, 3 + bits.take(3)),
            18 => (0, 11 + bits.take(7)),
            len => (len, 1),
        };
        lens.extend([len].repeat(count));
    }
    let distances = lens.split_off(literal_count);
    (Code::new(&lens), Code::new(&distances))
}

/// A canonical Huffman code: its symbols by length and order.
#[derive(Debug)]
struct Code {
    counts: [usize; 16],
    symbols: Vec<usize>,
}

impl Code {
    fn new(lens: &[usize]) -> Self {
        let mut symbols: Vec<usize> = (0..lens.len()).filter(|symbol| lens[*symbol] > 0).collect();
        symbols.sort_by_key(|symbol| lens[*symbol]);
        let mut counts = [0; 16];
        for symbol in &symbols {
            counts[lens[*symbol]] += 1;
        }
        Self { counts, symbols }
    }

    fn read(&self, bits: &mut Bits<'_>) -> usize {
        let (mut code, mut first, mut index) = (0, 0, 0);
        for count in &self.counts[1..] {
            code |= bits.take(1);
            if code < first + count {
                return self.symbols[index + code - first];
            }
            index += count;
            first = (first + count) << 1;
            code <<= 1;
        }
        panic!("no symbol has that code");
    }
}

/// Bits, the lowest of each byte first.
#[derive(Debug)]
struct Bits<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl Bits<'_> {
    fn take(&mut self, count: usize) -> usize {
        let bit = |at: usize| usize::from(self.bytes[at / 8] >> (at % 8) & 1);
        let value = (0..count).map(|index| bit(self.at + index) << index).sum();
        self.at += count;
        value
    }

    fn align(&mut self) {
        self.at = self.at.next_multiple_of(8);
    }
}

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

const LEN_BASES: [usize; 29] = [
    3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131,
    163, 195, 227, 258,
];

const LEN_EXTRA_BITS: [usize; 29] = [
    0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0,
];

const LEN_PLACES: [usize; 19] = [
    16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
];
