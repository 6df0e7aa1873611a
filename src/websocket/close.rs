//! Close codes and the body of a Close frame (RFC 6455 §5.5.1, §7.4).

use std::fmt;

use crate::websocket::error::ProtocolError;
use crate::websocket::utf8;

/// Longest reason in bytes: a control frame's payload less the code (RFC 6455 §5.5).
pub const MAX_REASON_LEN: usize = 123;

/// A close code that may appear on the wire.
///
/// 1004 to 1006 and 1015 can't be made: they are reserved, or stand for what no frame said.
///
/// # Examples
///
/// ```
/// use chinwag::websocket::CloseCode;
///
/// assert_eq!(CloseCode::new(4001).map(CloseCode::get), Some(4001)); // an application's own
/// assert_eq!(CloseCode::new(1006), None);
/// assert_eq!(CloseCode::NORMAL.to_string(), "1000");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CloseCode(u16);

impl CloseCode {
    /// The purpose of the connection is fulfilled.
    pub const NORMAL: Self = Self(1000);
    /// The endpoint goes away, as a browser that leaves the page.
    pub const GOING_AWAY: Self = Self(1001);
    /// The peer broke the protocol.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// The kind of message is not accepted.
    pub const UNSUPPORTED_DATA: Self = Self(1003);
    /// A message's content does not fit its kind, as text that is not UTF-8.
    pub const INVALID_PAYLOAD: Self = Self(1007);
    /// The peer broke a policy.
    pub const POLICY_VIOLATION: Self = Self(1008);
    /// A message is too big.
    pub const MESSAGE_TOO_BIG: Self = Self(1009);
    /// A client misses an extension. Servers never send it.
    pub const MISSING_EXTENSION: Self = Self(1010);
    /// The endpoint failed.
    pub const INTERNAL_ERROR: Self = Self(1011);
    /// The service restarts.
    pub const SERVICE_RESTART: Self = Self(1012);
    /// The service is overloaded; try again later.
    pub const TRY_AGAIN_LATER: Self = Self(1013);
    /// A gateway got a bad answer.
    pub const BAD_GATEWAY: Self = Self(1014);

    /// Returns the code of that number, if it may appear on the wire.
    ///
    /// Those are 1000 to 1003 and 1007 to 1014 as registered, and 3000 to 4999 for libraries and
    /// applications. What RFC 6455 leaves open beyond 4999 counts as invalid.
    #[must_use]
    pub const fn new(code: u16) -> Option<Self> {
        match code {
            1000..=1003 | 1007..=1014 | 3000..=4999 => Some(Self(code)),
            _ => None,
        }
    }

    /// Returns the number.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<CloseCode> for u16 {
    fn from(code: CloseCode) -> Self {
        code.0
    }
}

/// Takes the payload of a Close frame apart; an empty one has no code.
pub(crate) fn decode_body(payload: &[u8]) -> Result<(Option<CloseCode>, &str), ProtocolError> {
    let Some((code, reason)) = payload.split_first_chunk() else {
        return if payload.is_empty() {
            Ok((None, ""))
        } else {
            Err(ProtocolError::CloseBodyTooShort)
        };
    };
    let code = u16::from_be_bytes(*code);
    let Some(code) = CloseCode::new(code) else {
        return Err(ProtocolError::InvalidCloseCode { code });
    };
    let reason = utf8::from_utf8(reason).map_err(|_| ProtocolError::InvalidCloseReason)?;
    Ok((Some(code), reason))
}

/// Returns the payload of a Close frame.
pub(crate) fn encode_body(code: CloseCode, reason: &str) -> Vec<u8> {
    [&code.0.to_be_bytes(), reason.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_its_number() {
        for number in [1000, 1014, 4999] {
            let code = CloseCode::new(number).unwrap();
            assert_eq!((code.get(), u16::from(code)), (number, number));
            assert_eq!(code.to_string(), number.to_string());
        }
    }
}
