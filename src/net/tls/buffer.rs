//! Where a worker makes records, before they are written.

/// Memory that is initialised once and used for the output of all connections in turn.
#[derive(Debug, Default)]
pub(in crate::net) struct SealBuffer {
    bytes: Vec<u8>,
    /// So much of `bytes` is in use.
    len: usize,
}

impl SealBuffer {
    /// Empties it.
    pub(in crate::net) fn clear(&mut self) {
        self.len = 0;
    }

    pub(in crate::net) fn len(&self) -> usize {
        self.len
    }

    /// What is in it.
    pub(in crate::net) fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// Room for `len` more bytes, and maybe more.
    pub(super) fn room(&mut self, len: usize) -> &mut [u8] {
        if self.bytes.len() < self.len + len {
            self.bytes.resize(self.len + len, 0);
        }
        &mut self.bytes[self.len..]
    }

    /// Takes note that the next `len` bytes of the room are in use.
    pub(super) fn added(&mut self, len: usize) {
        self.len += len;
        debug_assert!(self.len <= self.bytes.len(), "no more than there was room");
    }
}
