//! What those hear who are not let in, and as what they are counted.

use crate::net::TurnedAway;
use crate::server::admission::Refusal;
use crate::server::shared::Purpose;

impl Refusal {
    /// The label under which it is counted.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::TooManyFromAddress => "address",
            Self::OutOfFiles => "files",
        }
    }
}

/// The label under which somebody is counted who never became a connection; `None` for one who did
/// nothing wrong and was refused nothing.
pub(crate) fn turned_away_reason(why: TurnedAway) -> Option<&'static str> {
    match why {
        TurnedAway::NoDescriptor => Some("files"),
        TurnedAway::UntrustedPeer => Some("untrusted_proxy"),
        TurnedAway::BadHeader(_) => Some("proxy_header"),
        TurnedAway::HeaderTimeout => Some("proxy_header_timeout"),
        TurnedAway::Crowded => Some("full"),
        TurnedAway::Gone => None,
    }
}

/// What somebody is told for whom there is no room, whatever he wanted to say. It costs no memory,
/// which may be what is short.
pub(crate) fn no_room(purpose: Purpose) -> &'static [u8] {
    match purpose {
        Purpose::Web | Purpose::Admin => UNAVAILABLE,
        Purpose::Line => b"! the server takes no more connections now\n",
    }
}

const UNAVAILABLE: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\n\
    Retry-After: 5\r\n\
    Connection: close\r\n\
    Content-Type: text/plain; charset=utf-8\r\n\
    Content-Length: 41\r\n\
    X-Content-Type-Options: nosniff\r\n\
    Referrer-Policy: no-referrer\r\n\r\n\
    the server takes no more connections now\n";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::line;

    #[test]
    fn refusals_are_well_formed() {
        let text = str::from_utf8(UNAVAILABLE).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())));
        assert!(head.lines().skip(1).all(|line| line.contains(": ")));
        let error = line::show_error(body.trim_end());
        assert_eq!(no_room(Purpose::Line), error.as_bytes());
    }
}
