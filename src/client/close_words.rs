//! Our words for close codes: the peer's reason is not for users (RFC 6455 §5.5.1).

use crate::websocket::CloseCode;

/// Says what a close code means; `None` is a Close without one.
pub(super) fn close_words(code: Option<CloseCode>) -> String {
    let Some(code) = code else {
        return "no reason given".to_owned();
    };
    let words = match code {
        CloseCode::NORMAL => "all is said",
        CloseCode::GOING_AWAY => "it goes away",
        CloseCode::PROTOCOL_ERROR => "protocol error",
        CloseCode::UNSUPPORTED_DATA => "it does not take this kind of message",
        CloseCode::INVALID_PAYLOAD => "a message's content is invalid",
        CloseCode::POLICY_VIOLATION => "against its policy",
        CloseCode::MESSAGE_TOO_BIG => "a message is too big",
        CloseCode::MISSING_EXTENSION => "it misses an extension",
        CloseCode::INTERNAL_ERROR => "it failed",
        CloseCode::SERVICE_RESTART => "it restarts",
        CloseCode::TRY_AGAIN_LATER => "it is overloaded, try again later",
        CloseCode::BAD_GATEWAY => "a gateway got a bad answer",
        code if code.get() >= 4000 => "a code of the application's",
        _ => "a code of a library's",
    };
    format!("{words} ({code})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_has_words_and_its_number() {
        let words = |code| close_words(CloseCode::new(code));
        assert_eq!(words(1000), "all is said (1000)");
        assert_eq!(words(3000), "a code of a library's (3000)");
        assert_eq!(words(4999), "a code of the application's (4999)");
        assert_eq!(close_words(None), "no reason given");
    }
}
