//! Judges where an answer sends the client, if it may be sent anywhere.

use std::error::Error;
use std::fmt;

use crate::websocket::handshake::uri::{Uri, UriError};

/// The redirects of one attempt to connect.
#[derive(Debug)]
pub(super) struct Redirects {
    followed_count: usize,
    max_count: usize,
    /// Whether somebody who is not the origin that was asked has chosen the way.
    has_left_origin: bool,
}

impl Redirects {
    pub(super) fn new(max_count: usize) -> Self {
        Self {
            followed_count: 0,
            max_count,
            has_left_origin: false,
        }
    }

    /// Returns where to go after an answer of `from`; `None` if the answer is the last word.
    pub(super) fn follow(
        &mut self,
        from: &Uri,
        status: u16,
        location: Option<&[u8]>,
    ) -> Result<Option<Uri>, RedirectError> {
        let is_redirect = matches!(status, 301 | 302 | 303 | 307 | 308);
        if !is_redirect || self.max_count == 0 {
            return Ok(None);
        }
        if self.followed_count == self.max_count {
            return Err(RedirectError::TooMany {
                max: self.max_count,
            });
        }
        let location = location.ok_or(RedirectError::NoLocation)?;
        let location = str::from_utf8(location).map_err(|_| RedirectError::BadLocation)?;
        let to = from.join(location).map_err(RedirectError::BadUri)?;
        // Whoever asked for TLS did so for what is sent, too.
        if from.is_secure() && !to.is_secure() {
            return Err(RedirectError::NotSecure);
        }
        self.followed_count += 1;
        self.has_left_origin |= !to.is_same_origin(from);
        Ok(Some(to))
    }

    /// Returns whether an origin has had a say that was not asked first. Credentials are not for it,
    /// nor for whom it sends the client to, be it back.
    pub(super) fn has_left_origin(&self) -> bool {
        self.has_left_origin
    }
}

/// A redirect that is not followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RedirectError {
    /// There were as many as allowed before it.
    TooMany {
        /// Redirects allowed.
        max: usize,
    },
    /// It does not say where to.
    NoLocation,
    /// Where to is not text.
    BadLocation,
    /// Where to is no URI of a WebSocket resource.
    BadUri(UriError),
    /// It leads from `wss` to `ws`.
    NotSecure,
    /// It leads to another host, which can't be reached by the Unix socket that was given.
    OtherHost,
}

impl fmt::Display for RedirectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooMany { max } => write!(f, "server redirects more than {max} times"),
            Self::NoLocation => f.write_str("redirect does not say where to"),
            Self::BadLocation => f.write_str("redirect's location is not text"),
            Self::BadUri(error) => write!(f, "redirect's location is unusable: {error}"),
            Self::NotSecure => f.write_str("redirect leads out of TLS"),
            Self::OtherHost => f.write_str("redirect leads away from the given socket"),
        }
    }
}

impl Error for RedirectError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &str) -> Uri {
        Uri::parse(text).unwrap()
    }

    fn follow(redirects: &mut Redirects, from: &str, to: &str) -> Result<String, RedirectError> {
        let next = redirects.follow(&uri(from), 302, Some(to.as_bytes()))?;
        Ok(next.map(|uri| uri.to_string()).unwrap_or_default())
    }

    #[test]
    fn errors_say_what_is_wrong_with_its_facts() {
        let text = RedirectError::TooMany { max: 3 }.to_string();
        assert_eq!(text, "server redirects more than 3 times");
        let text = RedirectError::NotSecure.to_string();
        assert_eq!(text, "redirect leads out of TLS");
    }

    #[test]
    fn only_redirects_that_were_asked_for_are_followed() {
        let from = uri("ws://a/");
        for status in [200, 300, 304, 305, 401, 500] {
            let next = Redirects::new(1).follow(&from, status, Some(b"/b"));
            assert_eq!(next, Ok(None), "{status}");
        }
        for status in [301, 302, 303, 307, 308] {
            let next = Redirects::new(1).follow(&from, status, Some(b"/b"));
            assert_eq!(next, Ok(Some(uri("ws://a/b"))), "{status}");
        }
        assert_eq!(Redirects::new(0).follow(&from, 302, Some(b"/b")), Ok(None));
    }

    #[test]
    fn their_number_is_bounded() {
        let mut redirects = Redirects::new(2);
        for _ in 0..2 {
            assert_eq!(follow(&mut redirects, "ws://a/", "/"), Ok("ws://a/".into()));
        }
        let too_many = Err(RedirectError::TooMany { max: 2 });
        assert_eq!(follow(&mut redirects, "ws://a/", "/"), too_many);
    }

    #[test]
    fn locations_that_lead_nowhere_are_errors() {
        let from = uri("ws://a/");
        let judge = |location| Redirects::new(1).follow(&from, 302, location);
        assert_eq!(judge(None), Err(RedirectError::NoLocation));
        assert_eq!(judge(Some(b"\xff")), Err(RedirectError::BadLocation));
        for location in ["ftp://a/", "ws://", "ws://a:0/", "a b"] {
            let verdict = judge(Some(location.as_bytes()));
            assert!(
                matches!(verdict, Err(RedirectError::BadUri(_))),
                "{location}"
            );
        }
    }

    #[test]
    fn no_redirect_leads_out_of_tls() {
        for location in ["ws://a/", "http://a/", "ws://a:443/"] {
            let next = follow(&mut Redirects::new(9), "wss://a/", location);
            assert_eq!(next, Err(RedirectError::NotSecure), "{location}");
        }
        let next = follow(&mut Redirects::new(9), "ws://a/", "https://a/x");
        assert_eq!(next, Ok("wss://a/x".into()));
    }

    // covers: R6455-4.1-30
    #[test]
    fn another_origin_is_noticed_and_not_forgotten_on_the_way_back() {
        for (to, has_left) in [
            ("/x", false),
            ("ws://a:80/x", false),
            ("ws://b/", true),
            ("ws://a:81/", true),
            ("wss://a/", true),
        ] {
            let mut redirects = Redirects::new(9);
            follow(&mut redirects, "ws://a/", to).unwrap();
            assert_eq!(redirects.has_left_origin(), has_left, "{to}");
        }
        let mut back = Redirects::new(9);
        follow(&mut back, "ws://a/", "ws://b/").unwrap();
        follow(&mut back, "ws://b/", "ws://a/admin").unwrap();
        assert!(back.has_left_origin());
    }
}
