//! What a peer may make a [`Connection`](crate::websocket::Connection) hold or do.

/// Bounds of one connection; each default says where it comes from.
///
/// # Examples
///
/// ```
/// use chinwag::websocket::{Connection, Limits, ProtocolError};
///
/// let mut limits = Limits::default();
/// limits.max_message_len = 5;
/// let mut connection = Connection::server(limits);
/// let mut six_bytes_announced = *b"\x82\x86";
/// let error = connection.receive(&mut &mut six_bytes_announced[..], &mut Vec::new());
/// assert_eq!(error, Err(ProtocolError::MessageTooLong { len: 6, max: 5 }));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Longest message in bytes, whole or assembled. 16 MiB: what the largest cases of the Autobahn
    /// suite need; a chat sets far less.
    pub max_message_len: usize,
    /// Fragments that any message may have. 1,024: a message in as many pieces is written by a
    /// program that streams, or by one that attacks.
    pub max_fragments: u32,
    /// Payload bytes that pay for one more fragment beyond `max_fragments`; 0 sells none. 32: empty
    /// and tiny fragments cost more to take apart than they carry, while Autobahn 9.3.1 sends
    /// 65,536 fragments of 64 bytes.
    pub payload_len_per_extra_fragment: u32,
}

/// Bytes of a compressed message that may be read before anything has come of them. 4 KiB: several
/// times the longest header of a block (some 560 bytes), and read in a fraction of a millisecond.
pub(crate) const FREE_COMPRESSED_LEN: usize = 4 * 1024;

/// Bytes of a compressed message that may be read for each byte that it inflates to. 12: a sender
/// that flushes after every byte and does not compress needs 11, a stored block (5 and the byte) and
/// an empty one (5).
pub(crate) const COMPRESSED_LEN_PER_BYTE: usize = 12;

impl Limits {
    /// Returns how long a message may be on the wire that is compressed and no longer than allowed.
    pub(crate) fn max_compressed_len(&self) -> u64 {
        let max_len = self
            .max_message_len
            .saturating_mul(COMPRESSED_LEN_PER_BYTE)
            .saturating_add(FREE_COMPRESSED_LEN);
        u64::try_from(max_len).unwrap_or(u64::MAX)
    }

    /// Returns how many fragments a message may have that has brought `received_len` bytes so far.
    pub(crate) fn max_fragments_after(&self, received_len: u64) -> u64 {
        let extra = received_len
            .checked_div(self.payload_len_per_extra_fragment.into())
            .unwrap_or(0);
        extra.saturating_add(self.max_fragments.into())
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_message_len: 16 * 1024 * 1024,
            max_fragments: 1024,
            payload_len_per_extra_fragment: 32,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_those_that_are_documented() {
        let limits = Limits::default();
        assert_eq!(limits.max_message_len, 16_777_216);
        assert_eq!(limits.max_fragments, 1_024);
        assert_eq!(limits.payload_len_per_extra_fragment, 32);
        assert_eq!(limits.max_compressed_len(), 12 * 16_777_216 + 4_096);
    }

    #[test]
    fn limits_may_be_without_end() {
        let limits = Limits {
            max_message_len: usize::MAX,
            max_fragments: u32::MAX,
            payload_len_per_extra_fragment: 0,
        };
        assert_eq!(limits.max_compressed_len(), u64::MAX);
        assert_eq!(limits.max_fragments_after(u64::MAX), u64::from(u32::MAX));
    }
}
