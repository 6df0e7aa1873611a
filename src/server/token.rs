//! Tokens with which somebody comes back as the same one.
//!
//! A guest's token says who it is for, and carries a MAC made with a key that never leaves the server, so
//! that it needs no memory and outlives a restart:
//! `base64url(guest id, 16 bytes ‖ HMAC-SHA-256 of all of it, 32 bytes ‖ name)`. That of a login says
//! nothing, but by its first letters what it is: whoever finds it in a file or a log knows to take
//! care of it. The hub knows its hash.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::chat::account::LoginToken;
use crate::chat::{GuestId, UserName};

/// A login's token, as its owner keeps it.
pub(crate) fn write_login(token: &LoginToken) -> String {
    format!("{LOGIN_PREFIX}{}", URL_SAFE_NO_PAD.encode(token.0))
}

/// Reads a login's token; `None` for what is none, whatever else it is.
pub(crate) fn read_login(text: &str) -> Option<LoginToken> {
    let mut token = LoginToken([0; 32]);
    let decoded = URL_SAFE_NO_PAD.decode_slice(text.strip_prefix(LOGIN_PREFIX)?, &mut token.0);
    (decoded == Ok(32)).then_some(token)
}

/// The key that makes and checks tokens.
#[derive(Clone)]
pub(crate) struct TokenKey([u8; 32]);

impl TokenKey {
    pub(crate) fn new(key: [u8; 32]) -> Self {
        Self(key)
    }

    /// Makes the token of a guest.
    pub(crate) fn seal(&self, guest: GuestId, name: &UserName) -> String {
        let id = guest.0.to_be_bytes();
        let tag = self.mac(id, name.as_str()).finalize().into_bytes();
        URL_SAFE_NO_PAD.encode([&id, tag.as_slice(), name.as_str().as_bytes()].concat())
    }

    /// Reads a token; `None` if it was not made with this key.
    pub(crate) fn open(&self, token: &str) -> Option<(GuestId, UserName)> {
        if token.len() > MAX_TOKEN_LEN {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (id, rest) = bytes.split_first_chunk::<16>()?;
        let (tag, name) = rest.split_first_chunk::<32>()?;
        let name = std::str::from_utf8(name).ok()?;
        self.mac(*id, name).verify_slice(tag).ok()?;
        Some((
            GuestId(u128::from_be_bytes(*id)),
            UserName::parse(name).ok()?,
        ))
    }

    fn mac(&self, id: [u8; 16], name: &str) -> Hmac<Sha256> {
        let mut mac = Hmac::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        mac.update(PURPOSE);
        mac.update(&id);
        mac.update(name.as_bytes());
        mac
    }
}

impl fmt::Debug for TokenKey {
    // A key is not for logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenKey")
    }
}

/// Keeps a MAC made here from meaning anything elsewhere.
const PURPOSE: &[u8] = b"chinwag guest token 1\0";

/// No guest's token begins with it: there is no full stop in base64url.
const LOGIN_PREFIX: &str = "chinwag.";

/// Identity, MAC and a name of 32 characters, in base64, and some.
const MAX_TOKEN_LEN: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_tells_whom_it_was_made_for() {
        let key = TokenKey::new([7; 32]);
        let name = UserName::parse("ada 🦊").unwrap();
        let token = key.seal(GuestId(42), &name);
        let (guest, opened) = key.open(&token).unwrap();
        assert_eq!((guest, opened.as_str()), (GuestId(42), name.as_str()));
    }

    #[test]
    fn tokens_of_logins_are_told_from_all_others() {
        let token = LoginToken([7; 32]);
        let text = write_login(&token);
        assert_eq!(read_login(&text), Some(token));
        assert_eq!(TokenKey::new([7; 32]).open(&text), None);
        let guest = TokenKey::new([7; 32]).seal(GuestId(1), &UserName::parse("ada").unwrap());
        for text in [
            "",
            "chinwag.",
            &text[8..],
            &text[..50],
            &format!("{text}A"),
            &guest,
        ] {
            assert_eq!(read_login(text), None, "{text}");
        }
    }

    #[test]
    fn changed_token_is_worthless() {
        let key = TokenKey::new([7; 32]);
        let token = key.seal(GuestId(42), &UserName::parse("ada").unwrap());
        for i in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[i] = if bytes[i] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            assert!(
                changed == token || key.open(&changed).is_none(),
                "{changed}"
            );
        }
        assert_eq!(TokenKey::new([8; 32]).open(&token), None);
        for text in ["", "x", "====", &"A".repeat(10_000)] {
            assert_eq!(key.open(text), None);
        }
    }
}
