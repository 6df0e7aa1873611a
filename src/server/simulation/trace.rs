//! What happened in a run, as a number by which two runs are compared, or in words.

use std::collections::VecDeque;
use std::fmt;
use std::hash::{DefaultHasher, Hasher as _};

/// The story of a run, told so far.
#[derive(Debug)]
pub(super) struct Trace {
    /// Its keys are fixed.
    hasher: DefaultHasher,
    /// The latest lines; `None`: nobody reads along.
    lines: Option<VecDeque<String>>,
}

impl Trace {
    pub(super) fn new(is_kept: bool) -> Self {
        Self {
            hasher: DefaultHasher::new(),
            lines: is_kept.then(VecDeque::new),
        }
    }

    /// Something happened to one of several, with these bytes.
    pub(super) fn note(&mut self, what: &'static str, nth: usize, bytes: &[u8]) {
        self.hasher.write(what.as_bytes());
        self.hasher.write_usize(nth);
        self.hasher.write(bytes);
        self.hasher.write_usize(bytes.len());
        if let Some(lines) = &mut self.lines {
            let shown = String::from_utf8_lossy(bytes);
            let (end, more) = match shown.char_indices().nth(MAX_SHOWN) {
                Some((end, _)) => (end, "…"),
                None => (shown.len(), ""),
            };
            lines.push_back(format!("{what} {nth}: {:?}{more}", &shown[..end]));
            if lines.len() > MAX_LINES {
                lines.pop_front();
            }
        }
    }

    /// All that was noted, as one number.
    pub(super) fn digest(&self) -> u64 {
        self.hasher.finish()
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = self.lines.iter().flatten();
        lines.try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// Enough to see what led to the end.
const MAX_LINES: usize = 20_000;

const MAX_SHOWN: usize = 400;
