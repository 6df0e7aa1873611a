//! Passwords: which may be chosen, and what is kept of them.
//!
//! NIST SP 800-63B §3.1.1.2: at least 8 characters, spaces and all of Unicode, no rules about kinds
//! of characters; normalized, so that another keyboard that composes `é` otherwise opens the same
//! account. What somebody offers to log in with is only bounded: a password that could not be chosen
//! is a wrong one, and costs as much to refuse as any other.

use std::fmt;
use std::sync::Arc;

use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroizing;

use crate::chat::error::{ChatError, Unit};

/// What somebody offers as the password of an account; wiped when it is dropped, shown nowhere.
#[derive(Clone, Eq, PartialEq)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// Most characters of a password, in the compatibility form (NFKC).
    pub const MAX_CHARACTERS: usize = 256;

    /// Most bytes of a password as it comes.
    pub const MAX_LEN: usize = 1_024;

    /// Reads a password that may be right.
    ///
    /// # Errors
    /// [`ChatError::TooLong`].
    pub fn read(text: &str) -> Result<Self, ChatError> {
        let too_long = |max, unit| ChatError::TooLong {
            what: "the password",
            max,
            unit,
        };
        if text.len() > Self::MAX_LEN {
            return Err(too_long(Self::MAX_LEN, Unit::Bytes));
        }
        // As large as it can get, so that growing leaves no copies behind.
        let mut normalized = Zeroizing::new(String::with_capacity(4 * (Self::MAX_CHARACTERS + 1)));
        normalized.extend(text.nfkc().take(Self::MAX_CHARACTERS + 1));
        if normalized.chars().count() > Self::MAX_CHARACTERS {
            return Err(too_long(Self::MAX_CHARACTERS, Unit::Characters));
        }
        Ok(Self(normalized))
    }

    /// What is hashed.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// A password that an account may have from now on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NewPassword(Password);

impl NewPassword {
    /// Fewest characters of a password, in the compatibility form.
    pub const MIN_CHARACTERS: usize = 8;

    /// Reads a password that somebody chose, or says which rule it breaks.
    ///
    /// # Errors
    /// [`ChatError::TooLong`], and [`ChatError::BadRequest`] for what is too short, or has
    /// controls, which no line can hold.
    pub fn parse(text: &str) -> Result<Self, ChatError> {
        let password = Password::read(text)?;
        if password.0.chars().count() < Self::MIN_CHARACTERS {
            return Err(ChatError::BadRequest(
                "a password has at least 8 characters",
            ));
        }
        if password.0.chars().any(char::is_control) {
            return Err(ChatError::BadRequest(
                "the password has a control character",
            ));
        }
        Ok(Self(password))
    }

    /// What is hashed.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// What is kept of a password: a PHC string, with which one can be compared, but not found out.
#[derive(Clone, Eq, PartialEq)]
pub struct PasswordHash(Arc<str>);

impl PasswordHash {
    /// Takes a PHC string as it was made or kept.
    pub fn new(phc: &str) -> Self {
        Self(phc.into())
    }

    /// The PHC string.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    // Neither a password nor its length is for logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password")
    }
}

impl fmt::Debug for PasswordHash {
    // Weak passwords can be guessed from it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> &'static str {
        NewPassword::parse(text).expect_err(text).code()
    }

    #[test]
    fn chosen_passwords_have_8_to_256_characters() {
        assert_eq!(refused("1234567"), "bad_request");
        assert!(NewPassword::parse("12345678").is_ok());
        assert!(NewPassword::parse(&"x".repeat(256)).is_ok());
        assert_eq!(refused(&"x".repeat(257)), "too_long");
    }

    #[test]
    fn offered_passwords_have_up_to_256_characters_and_1024_bytes() {
        assert!(Password::read("").is_ok());
        assert!(Password::read(&"🦊".repeat(256)).is_ok());
        // Three code points in 5 bytes, which compose to one character.
        assert!(Password::read(&"a\u{302}\u{301}".repeat(204)).is_ok());
        assert!(Password::read(&"a\u{302}\u{301}".repeat(205)).is_err());
        assert!(Password::read(&"x".repeat(257)).is_err());
        // One code point that stands for 18: 15 of them are 270 characters.
        assert!(Password::read(&"\u{fdfa}".repeat(14)).is_ok());
        assert!(Password::read(&"\u{fdfa}".repeat(15)).is_err());
    }

    #[test]
    fn spaces_and_all_of_unicode_count_and_controls_are_refused() {
        assert!(NewPassword::parse("        ").is_ok());
        assert!(NewPassword::parse("пароль 密码").is_ok());
        assert_eq!(refused("12345678\n"), "bad_request");
        // Four letters, however they are typed.
        assert_eq!(refused(&"e\u{301}".repeat(4)), "bad_request");
    }

    #[test]
    fn passwords_are_equal_however_they_were_typed() {
        let read = |text| Password::read(text).unwrap();
        assert_eq!(read("caf\u{e9} ｆｉｎ"), read("cafe\u{301} fin"));
        assert_ne!(read("caf\u{e9}"), read("CAF\u{c9}"));
    }

    #[test]
    fn nothing_of_a_password_is_shown() {
        let shown = format!(
            "{:?} {:?} {:?}",
            Password::read("hunter22").unwrap(),
            NewPassword::parse("hunter22").unwrap(),
            PasswordHash::new("$argon2id$hunter22"),
        );
        assert_eq!(shown, "Password NewPassword(Password) PasswordHash");
    }
}
