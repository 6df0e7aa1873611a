//! Inflates messages bit by bit, as RFC 1951 describes it and RFC 7692 uses it, to judge others by.

/// Why a message can't be inflated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is no DEFLATE, refers to what is out of reach, or ends inside a block.
    Corrupt,
    /// It is longer than allowed.
    TooLong,
}

/// How far a message may refer back.
#[derive(Debug, Clone, Copy)]
pub struct Reach {
    /// The window that is kept from one DEFLATE stream to the next, in bytes.
    pub window_len: usize,
    /// Within a stream, in bytes.
    pub max_distance: usize,
}

/// The messages of one direction.
#[derive(Debug)]
pub struct Inflater {
    reach: Reach,
    keeps_window: bool,
    /// What earlier messages said, as far as it matters.
    history: Vec<u8>,
    /// How many streams the last message was made of.
    pub stream_count: usize,
    /// The greatest distance of a match, in all messages.
    pub farthest: usize,
}

impl Inflater {
    /// Makes one that knows nothing yet.
    pub fn new(reach: Reach, keeps_window: bool) -> Self {
        Self {
            reach,
            keeps_window,
            history: Vec::new(),
            stream_count: 0,
            farthest: 0,
        }
    }

    /// Inflates the payload of a message, from which the sender has cut `00 00 ff ff`.
    pub fn inflate(&mut self, payload: &[u8], max_len: usize) -> Result<Vec<u8>, Fault> {
        let data = [payload, &[0, 0, 0xff, 0xff]].concat();
        let mut run = Run {
            data: &data,
            payload_len: payload.len(),
            at: 0,
            output: std::mem::take(&mut self.history),
            reach_at: 0,
            max_distance: self.reach.max_distance,
            farthest: 0,
            max_len: 0,
        };
        let start = run.output.len();
        run.max_len = start + max_len;
        self.stream_count = 0;
        self.inflate_streams(&mut run)?;
        self.farthest = self.farthest.max(run.farthest);
        let message = run.output[start..].to_vec();
        if self.keeps_window {
            let kept_at = run.output.len().saturating_sub(self.reach.window_len);
            self.history = run.output.split_off(kept_at);
        }
        Ok(message)
    }

    fn inflate_streams(&mut self, run: &mut Run<'_>) -> Result<(), Fault> {
        while run.at / 8 < run.payload_len {
            run.reach_at = run.output.len().saturating_sub(self.reach.window_len);
            self.stream_count += 1;
            loop {
                let is_final = run.bits(1)? == 1;
                let end_of_header = run.block()?;
                // What was cut off is all there is of the last block after its header.
                let is_end = end_of_header == Some(run.payload_len) && run.at / 8 == run.data.len();
                if is_end {
                    return Ok(());
                }
                if is_final {
                    run.align();
                    break;
                }
            }
        }
        // RFC 7692 §7.2.1: the empty block of which the end is cut off may be marked as final.
        if run.at / 8 == run.payload_len || run.at / 8 == run.data.len() {
            Ok(())
        } else {
            Err(Fault::Corrupt)
        }
    }
}

/// A message while it is inflated.
struct Run<'a> {
    data: &'a [u8],
    payload_len: usize,
    /// In bits.
    at: usize,
    output: Vec<u8>,
    /// The oldest byte of the output that may be referred to.
    reach_at: usize,
    max_distance: usize,
    farthest: usize,
    max_len: usize,
}

impl Run<'_> {
    /// Inflates a block; returns where the header of a stored one ends, in bytes.
    fn block(&mut self) -> Result<Option<usize>, Fault> {
        match self.bits(2)? {
            0 => {
                self.align();
                let end_of_header = self.at / 8;
                let len = self.bits(16)?;
                if self.bits(16)? != len ^ 0xffff {
                    return Err(Fault::Corrupt);
                }
                for _ in 0..len {
                    let byte = self.bits(8)?;
                    self.push(byte)?;
                }
                return Ok(Some(end_of_header));
            }
            1 => {
                let mut lengths = [8; 288];
                lengths[144..256].fill(9);
                lengths[256..280].fill(7);
                self.codes(&Code::new(&lengths)?, &Code::new(&[5; 30])?)?;
            }
            2 => {
                let (literals, distances) = self.dynamic_codes()?;
                self.codes(&literals, &distances)?;
            }
            _ => return Err(Fault::Corrupt),
        }
        Ok(None)
    }

    fn codes(&mut self, literals: &Code, distances: &Code) -> Result<(), Fault> {
        loop {
            let symbol = self.symbol(literals)?;
            match symbol {
                0..=255 => self.push(symbol)?,
                256 => return Ok(()),
                257..=285 => {
                    let (base, extra) = LENGTHS[usize::from(symbol) - 257];
                    let len = base + self.bits(extra)?;
                    let symbol = self.symbol(distances)?;
                    let Some(&(base, extra)) = DISTANCES.get(usize::from(symbol)) else {
                        return Err(Fault::Corrupt);
                    };
                    let distance = usize::from(base) + usize::from(self.bits(extra)?);
                    if distance > self.max_distance || distance > self.output.len() - self.reach_at
                    {
                        return Err(Fault::Corrupt);
                    }
                    self.farthest = self.farthest.max(distance);
                    for _ in 0..len {
                        self.push(self.output[self.output.len() - distance].into())?;
                    }
                }
                _ => return Err(Fault::Corrupt),
            }
        }
    }

    fn dynamic_codes(&mut self) -> Result<(Code, Code), Fault> {
        let literal_count = usize::from(self.bits(5)?) + 257;
        let distance_count = usize::from(self.bits(5)?) + 1;
        let length_count = usize::from(self.bits(4)?) + 4;
        if literal_count > 286 || distance_count > 30 {
            return Err(Fault::Corrupt);
        }
        let mut lengths = [0; 19];
        for &at in &ORDER[..length_count] {
            lengths[at] = self.bits(3)?;
        }
        let code = Code::new(&lengths)?;
        if !code.is_complete {
            return Err(Fault::Corrupt);
        }
        let mut lengths = Vec::new();
        while lengths.len() < literal_count + distance_count {
            let symbol = self.symbol(&code)?;
            let (value, count) = match symbol {
                0..=15 => (symbol, 1),
                16 => {
                    let last = *lengths.last().ok_or(Fault::Corrupt)?;
                    (last, 3 + self.bits(2)?)
                }
                17 => (0, 3 + self.bits(3)?),
                _ => (0, 11 + self.bits(7)?),
            };
            lengths.extend(std::iter::repeat_n(value, count.into()));
        }
        if lengths.len() > literal_count + distance_count || lengths[256] == 0 {
            return Err(Fault::Corrupt);
        }
        let (literals, distances) = lengths.split_at(literal_count);
        let (literals, distances) = (Code::new(literals)?, Code::new(distances)?);
        // A code may lack symbols only if it has one, of one bit, or none.
        if !literals.is_usable() || !distances.is_usable() {
            return Err(Fault::Corrupt);
        }
        Ok((literals, distances))
    }

    fn symbol(&mut self, code: &Code) -> Result<u16, Fault> {
        let (mut bits, mut first, mut index) = (0, 0, 0);
        for &count in &code.counts[1..] {
            bits = bits << 1 | self.bits(1)?;
            if bits - first < count {
                return Ok(code.symbols[usize::from(index + bits - first)]);
            }
            index += count;
            first = (first + count) << 1;
        }
        Err(Fault::Corrupt)
    }

    /// Takes up to 16 bits, the lowest first.
    fn bits(&mut self, count: u8) -> Result<u16, Fault> {
        let mut value = 0;
        for at in 0..count {
            let byte = self.data.get(self.at / 8).ok_or(Fault::Corrupt)?;
            value |= u16::from(byte >> (self.at % 8) & 1) << at;
            self.at += 1;
        }
        Ok(value)
    }

    fn align(&mut self) {
        self.at = self.at.next_multiple_of(8);
    }

    fn push(&mut self, byte: u16) -> Result<(), Fault> {
        if self.output.len() == self.max_len {
            // Beyond the payload there is only its tail, which says nothing.
            let is_in_tail = self.at > self.payload_len * 8;
            return Err(if is_in_tail {
                Fault::Corrupt
            } else {
                Fault::TooLong
            });
        }
        self.output
            .push(byte.try_into().expect("a literal is a byte"));
        Ok(())
    }
}

/// A canonical Huffman code.
struct Code {
    /// How many symbols have so many bits.
    counts: [u16; 16],
    /// The symbols that occur, by length and value.
    symbols: Vec<u16>,
    is_complete: bool,
}

impl Code {
    fn new(lengths: &[u16]) -> Result<Self, Fault> {
        let mut counts = [0; 16];
        for &length in lengths {
            counts[usize::from(length)] += u16::from(length > 0);
        }
        let mut left = 1_i32;
        for &count in &counts[1..] {
            left = left * 2 - i32::from(count);
            if left < 0 {
                return Err(Fault::Corrupt);
            }
        }
        let mut symbols: Vec<u16> = (0..).take(lengths.len()).collect();
        symbols.retain(|symbol| lengths[usize::from(*symbol)] > 0);
        symbols.sort_by_key(|symbol| lengths[usize::from(*symbol)]);
        Ok(Self {
            counts,
            symbols,
            is_complete: left == 0,
        })
    }

    fn is_usable(&self) -> bool {
        self.is_complete || self.symbols.len() == usize::from(self.counts[1])
    }
}

/// Least length and extra bits of the symbols from 257.
const LENGTHS: [(u16, u8); 29] = [
    (3, 0),
    (4, 0),
    (5, 0),
    (6, 0),
    (7, 0),
    (8, 0),
    (9, 0),
    (10, 0),
    (11, 1),
    (13, 1),
    (15, 1),
    (17, 1),
    (19, 2),
    (23, 2),
    (27, 2),
    (31, 2),
    (35, 3),
    (43, 3),
    (51, 3),
    (59, 3),
    (67, 4),
    (83, 4),
    (99, 4),
    (115, 4),
    (131, 5),
    (163, 5),
    (195, 5),
    (227, 5),
    (258, 0),
];

/// Least distance and extra bits of the symbols.
const DISTANCES: [(u16, u8); 30] = [
    (1, 0),
    (2, 0),
    (3, 0),
    (4, 0),
    (5, 1),
    (7, 1),
    (9, 2),
    (13, 2),
    (17, 3),
    (25, 3),
    (33, 4),
    (49, 4),
    (65, 5),
    (97, 5),
    (129, 6),
    (193, 6),
    (257, 7),
    (385, 7),
    (513, 8),
    (769, 8),
    (1025, 9),
    (1537, 9),
    (2049, 10),
    (3073, 10),
    (4097, 11),
    (6145, 11),
    (8193, 12),
    (12289, 12),
    (16385, 13),
    (24577, 13),
];

/// The order in which the lengths of the code for lengths come.
const ORDER: [usize; 19] = [
    16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
];
