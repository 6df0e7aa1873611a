//! What goes wrong on a connection: by the peer's fault, or by the caller's.

use std::error::Error;
use std::fmt;

use crate::websocket::close::CloseCode;
use crate::websocket::utf8::InvalidUtf8;

/// The peer broke RFC 6455 or a limit; the connection has failed.
///
/// # Examples
///
/// ```
/// use chinwag::websocket::{CloseCode, ProtocolError};
///
/// let error = ProtocolError::UnknownOpcode { opcode: 3 };
/// assert_eq!(error.to_string(), "opcode 3 is unknown");
/// assert_eq!(error.close_code(), CloseCode::PROTOCOL_ERROR);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProtocolError {
    /// A client sent a frame without a masking key (§5.1).
    UnmaskedFrame,
    /// A server sent a frame with a masking key (§5.1).
    MaskedFrame,
    /// Reserved bits are set that no extension gave a meaning (§5.2); RSV1 is 4, RSV3 is 1.
    ReservedBits {
        /// The three bits as a number.
        bits: u8,
    },
    /// The opcode has no meaning (§5.2).
    UnknownOpcode {
        /// The opcode.
        opcode: u8,
    },
    /// A control frame came in fragments (§5.4).
    FragmentedControlFrame,
    /// A control frame announced more than 125 bytes (§5.5).
    ControlFrameTooLong,
    /// A length came in a longer form than it needs (§5.2).
    LengthNotMinimal {
        /// The length.
        len: u64,
    },
    /// A length has its top bit set (§5.2).
    LengthOutOfRange {
        /// The length.
        len: u64,
    },
    /// A continuation frame came with nothing to continue (§5.4).
    UnexpectedContinuation,
    /// A message began inside another one (§5.4).
    InterleavedMessage,
    /// A Close frame's body is one byte (§5.5.1).
    CloseBodyTooShort,
    /// A Close frame's code may not appear on the wire (§7.4).
    InvalidCloseCode {
        /// The code.
        code: u16,
    },
    /// A Close frame's reason is not UTF-8 (§5.5.1).
    InvalidCloseReason,
    /// A text message is not UTF-8 (§8.1).
    InvalidUtf8,
    /// A compressed message is not DEFLATE (RFC 7692 §7.2.2).
    InvalidDeflate,
    /// A compressed message takes more bytes than what it inflates to can explain.
    DeflateTooVerbose {
        /// Bytes of compressed data.
        input_len: u64,
        /// Bytes that they inflated to.
        output_len: u64,
    },
    /// A message is longer than [`Limits`](crate::websocket::Limits) allows.
    MessageTooLong {
        /// Bytes received, and announced by the current frame; or bytes inflated.
        len: u64,
        /// Bytes allowed.
        max: u64,
    },
    /// A message has more fragments than [`Limits`](crate::websocket::Limits) allows.
    TooManyFragments {
        /// Fragments allowed.
        max: u64,
    },
}

impl ProtocolError {
    /// Returns the code of the Close frame that answers this error.
    #[must_use]
    pub fn close_code(&self) -> CloseCode {
        match self {
            Self::UnmaskedFrame
            | Self::MaskedFrame
            | Self::ReservedBits { .. }
            | Self::UnknownOpcode { .. }
            | Self::FragmentedControlFrame
            | Self::ControlFrameTooLong
            | Self::LengthNotMinimal { .. }
            | Self::LengthOutOfRange { .. }
            | Self::UnexpectedContinuation
            | Self::InterleavedMessage
            | Self::CloseBodyTooShort
            | Self::InvalidCloseCode { .. } => CloseCode::PROTOCOL_ERROR,
            Self::InvalidCloseReason
            | Self::InvalidUtf8
            | Self::InvalidDeflate
            | Self::DeflateTooVerbose { .. } => CloseCode::INVALID_PAYLOAD,
            Self::MessageTooLong { .. } => CloseCode::MESSAGE_TOO_BIG,
            Self::TooManyFragments { .. } => CloseCode::POLICY_VIOLATION,
        }
    }
}

/// One clause, which is also the reason in the Close frame: no text of the peer is in it.
impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnmaskedFrame => f.write_str("client sent an unmasked frame"),
            Self::MaskedFrame => f.write_str("server sent a masked frame"),
            Self::ReservedBits { bits } => write!(f, "reserved bits {bits:03b} are set"),
            Self::UnknownOpcode { opcode } => write!(f, "opcode {opcode} is unknown"),
            Self::FragmentedControlFrame => f.write_str("control frame is fragmented"),
            Self::ControlFrameTooLong => f.write_str("control frame is longer than 125 bytes"),
            Self::LengthNotMinimal { len } => write!(f, "length {len} is not in its shortest form"),
            Self::LengthOutOfRange { len } => write!(f, "length {len} has its top bit set"),
            Self::UnexpectedContinuation => f.write_str("continuation frame continues nothing"),
            Self::InterleavedMessage => f.write_str("message began inside another message"),
            Self::CloseBodyTooShort => f.write_str("close frame has a body of one byte"),
            Self::InvalidCloseCode { code } => write!(f, "close code {code} is invalid"),
            Self::InvalidCloseReason => f.write_str("close reason is not UTF-8"),
            Self::InvalidUtf8 => f.write_str("text is not UTF-8"),
            Self::InvalidDeflate => f.write_str("compressed message is not DEFLATE"),
            Self::DeflateTooVerbose {
                input_len,
                output_len,
            } => {
                write!(
                    f,
                    "{input_len} bytes of DEFLATE for {output_len} are too many"
                )
            }
            Self::MessageTooLong { len, max } => {
                write!(f, "message of {len} bytes or more is longer than {max}")
            }
            Self::TooManyFragments { max } => write!(f, "message has more than {max} fragments"),
        }
    }
}

impl Error for ProtocolError {}

impl From<InvalidUtf8> for ProtocolError {
    fn from(InvalidUtf8: InvalidUtf8) -> Self {
        Self::InvalidUtf8
    }
}

/// The caller asked for what can't be sent; nothing was appended to the output.
///
/// # Examples
///
/// ```
/// use chinwag::websocket::{Connection, Limits, SendError};
///
/// let mut connection = Connection::server(Limits::default());
/// let mut output = Vec::new();
/// let error = connection.ping(&[0; 126], &mut output);
/// assert_eq!(error, Err(SendError::ControlPayloadTooLong { len: 126 }));
/// assert!(output.is_empty());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError {
    /// A Close frame was sent before, or the connection has failed.
    Closed,
    /// The payload of a control frame would be longer than 125 bytes.
    ControlPayloadTooLong {
        /// Its length in bytes; a Close frame's code counts for two.
        len: usize,
    },
    /// A message that was begun in parts is not finished.
    MessageUnfinished,
    /// A part is not of the kind with which its message began.
    MessageKindChanged,
    /// Servers don't send this close code (§7.4.1: 1010 is for clients).
    CloseCodeNotForServers {
        /// The code.
        code: CloseCode,
    },
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("connection is closed for sending"),
            Self::ControlPayloadTooLong { len } => {
                write!(f, "control payload of {len} bytes is longer than 125")
            }
            Self::MessageUnfinished => f.write_str("another message is sent in parts"),
            Self::MessageKindChanged => f.write_str("message began as one of another kind"),
            Self::CloseCodeNotForServers { code } => {
                write!(f, "close code {code} is not for servers to send")
            }
        }
    }
}

impl Error for SendError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_stay_small() {
        assert!(size_of::<ProtocolError>() <= 24);
        assert!(size_of::<SendError>() <= 24);
    }

    #[test]
    fn errors_say_what_is_wrong_with_its_facts() {
        let reserved = ProtocolError::ReservedBits { bits: 4 };
        assert_eq!(reserved.to_string(), "reserved bits 100 are set");
        let too_long = ProtocolError::MessageTooLong { len: 9, max: 8 };
        let text = "message of 9 bytes or more is longer than 8";
        assert_eq!(too_long.to_string(), text);
        let too_long = SendError::ControlPayloadTooLong { len: 126 };
        let text = "control payload of 126 bytes is longer than 125";
        assert_eq!(too_long.to_string(), text);
    }
}
