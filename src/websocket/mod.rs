//! RFC 6455 without I/O: frames, messages, handshakes and closing, for both roles.
