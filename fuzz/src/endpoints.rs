//! Makes the connections that are checked.

use chinwag::websocket::{Connection, Limits, MaskingKeys, Role};

/// Longest message in bytes: short inputs can reach it, and exceed it by what they announce.
pub const MAX_MESSAGE_LEN: usize = 64 * 1024;

/// The key of each frame that a client sends here.
pub const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// Makes one end of a connection; `max_fragments` as in [`Limits`].
pub fn connect(role: Role, max_fragments: u32) -> Connection {
    let limits = limits(max_fragments);
    match role {
        Role::Server => Connection::server(limits),
        Role::Client => Connection::client(limits, Box::new(FixedKeys)),
    }
}

/// Returns limits that short inputs can reach.
pub fn limits(max_fragments: u32) -> Limits {
    let mut limits = Limits::default();
    limits.max_message_len = MAX_MESSAGE_LEN;
    limits.max_fragments = max_fragments;
    limits
}

/// Returns the role of the other end.
pub fn opposite(role: Role) -> Role {
    match role {
        Role::Server => Role::Client,
        Role::Client => Role::Server,
    }
}

struct FixedKeys;

impl MaskingKeys for FixedKeys {
    fn next_key(&mut self) -> [u8; 4] {
        KEY
    }
}
