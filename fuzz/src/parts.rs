//! Cuts input into parts, the way a network does.

/// Returns the ways in which `input` is cut for a check: whole, byte by byte, and by `seed`.
pub fn all_ways(input: &[u8], seed: u16) -> [Vec<&[u8]>; 3] {
    [vec![input], input.chunks(1).collect(), cut(input, seed)]
}

/// Cuts `input` into parts of 1 to 16 bytes that depend on `seed` only.
fn cut(mut input: &[u8], seed: u16) -> Vec<&[u8]> {
    let mut state = u32::from(seed) | 0x1_0000;
    let mut parts = Vec::new();
    while !input.is_empty() {
        // A xorshift step: any sequence will do that is not the same for each seed.
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        let len = usize::from(state.to_le_bytes()[1] % 16) + 1;
        let (part, rest) = input.split_at(len.min(input.len()));
        parts.push(part);
        input = rest;
    }
    parts
}

/// Returns whether a check is to see a fault that is not there.
pub fn is_fault_planted() -> bool {
    static IS_PLANTED: std::sync::LazyLock<bool> =
        std::sync::LazyLock::new(|| std::env::var_os("PLANTED_FAULT").is_some());
    *IS_PLANTED
}
