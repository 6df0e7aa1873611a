//! One-time codes of a second device (RFC 6238), and the recovery codes for when it is lost.
//!
//! A code is good for one login: whoever checks one keeps the step that it was made in, and refuses
//! all steps up to that one from then on.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;

use crate::chat::error::ChatError;
use crate::chat::message::Timestamp;
use crate::chat::name::UserName;
use crate::chat::secret::{SecretHash, base32};

/// What the server and somebody's device share: 160 bits, as long as the hash (RFC 4226 §4, R6).
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct TotpSecret(pub [u8; 20]);

/// A number of whole half minutes since 1970: each has a code of its own.
pub type TotpStep = i64;

/// What somebody types to prove that they have their device: six digits.
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct TotpCode(u32);

impl TotpSecret {
    /// The step whose code this is, now or one step aside; `None` for a wrong code.
    ///
    /// Steps up to `last`, whose codes may have been used, count for nothing.
    pub fn verify(
        &self,
        code: TotpCode,
        now: Timestamp,
        last: Option<TotpStep>,
    ) -> Option<TotpStep> {
        let current = now.0.div_euclid(STEP_MS);
        let near = current - SKEW..=current + SKEW;
        near.filter(|step| last.is_none_or(|last| *step > last))
            .find(|step| self.code(*step) == code)
    }

    /// The text that a device reads the secret from, mostly as a QR code (the `otpauth` scheme).
    pub fn uri(&self, name: &UserName) -> String {
        let name = percent_encode(name.as_str());
        let secret = self.base32();
        format!("otpauth://totp/chinwag:{name}?secret={secret}&issuer=chinwag")
    }

    /// The secret as a person types it into a device.
    pub fn base32(&self) -> String {
        base32(&self.0)
    }

    /// The code of a step.
    pub fn code(&self, step: TotpStep) -> TotpCode {
        let mut mac = Hmac::<Sha1>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        mac.update(&step.to_be_bytes());
        let hash: [u8; 20] = mac.finalize().into_bytes().into();
        // RFC 4226 §5.3: the last four bits say where the number begins.
        let offset = usize::from(hash[19] & 0x0f);
        let number = hash[offset..]
            .first_chunk()
            .expect("19 bytes are left after the first 15, of which 4 are read");
        TotpCode((u32::from_be_bytes(*number) & 0x7fff_ffff) % CODES)
    }
}

impl TotpCode {
    /// Reads a code; spaces, which devices show between the digits, count for nothing.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = || text.bytes().filter(|byte| *byte != b' ');
        let is_code = digits().count() == DIGITS && digits().all(|byte| byte.is_ascii_digit());
        is_code.then(|| Self(digits().fold(0, |code, byte| code * 10 + u32::from(byte - b'0'))))
    }
}

/// What proves who somebody is, beside the password.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SecondFactor {
    /// A code of their device.
    Code(TotpCode),
    /// What would be kept of a recovery code.
    Recovery(SecretHash),
}

impl SecondFactor {
    /// Reads what somebody typed: six digits, or a recovery code.
    ///
    /// # Errors
    /// [`ChatError::BadRequest`].
    pub fn parse(text: &str) -> Result<Self, ChatError> {
        let code = TotpCode::parse(text).map(Self::Code);
        code.or_else(|| RecoveryCode::hash_of(text).map(Self::Recovery))
            .ok_or(ChatError::BadRequest(
                "totp must be six digits, or a recovery code",
            ))
    }
}

impl fmt::Display for TotpCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:06}", self.0)
    }
}

impl fmt::Debug for TotpSecret {
    // A secret is not for logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TotpSecret")
    }
}

impl fmt::Debug for TotpCode {
    // For half a minute it is a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TotpCode")
    }
}

/// A code for whoever has lost the device: 80 random bits, good once.
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct RecoveryCode([u8; 10]);

impl RecoveryCode {
    /// How many somebody gets.
    pub const COUNT: usize = 10;

    /// Random bytes as a code.
    pub fn new(bytes: [u8; 10]) -> Self {
        Self(bytes)
    }

    /// What is kept of it.
    pub fn hash(self) -> SecretHash {
        SecretHash::of(plain(&self.to_string()).as_bytes())
    }

    /// What would be kept of a code that was typed; `None` for what can't be one.
    pub fn hash_of(text: &str) -> Option<SecretHash> {
        let plain = plain(text);
        (plain.len() == RECOVERY_CODE_LEN).then(|| SecretHash::of(plain.as_bytes()))
    }
}

impl fmt::Display for RecoveryCode {
    /// Four groups of four letters and digits, for paper.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = base32(&self.0).to_ascii_lowercase();
        let groups = [&text[..4], &text[4..8], &text[8..12], &text[12..]];
        f.write_str(&groups.join("-"))
    }
}

impl fmt::Debug for RecoveryCode {
    // A secret is not for logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoveryCode")
    }
}

/// A recovery code without what is there for the eye only.
fn plain(text: &str) -> String {
    text.chars()
        .filter(char::is_ascii_alphanumeric)
        .take(RECOVERY_CODE_LEN + 1)
        .map(|c| c.to_ascii_lowercase())
        .collect()
}

/// Leaves what RFC 3986 §2.3 calls unreserved.
fn percent_encode(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}

/// RFC 6238 §4.1: what all devices have.
const STEP_MS: i64 = 30_000;

/// RFC 6238 §5.2: one step back for slow typing, and one ahead for clocks that differ.
const SKEW: TotpStep = 1;

/// What all devices show.
const DIGITS: usize = 6;
const CODES: u32 = 1_000_000;

/// 80 bits, five a letter.
const RECOVERY_CODE_LEN: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    /// The secret of RFC 6238, appendix B.
    const SECRET: TotpSecret = TotpSecret(*b"12345678901234567890");

    fn at_second(second: i64) -> Timestamp {
        Timestamp(second * 1_000)
    }

    /// RFC 6238, appendix B: the last six of its eight digits.
    #[test]
    fn codes_are_those_of_the_rfc() {
        for (second, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(SECRET.code(second / 30).to_string(), code, "{second}");
            let code = TotpCode::parse(code).unwrap();
            let step = SECRET.verify(code, at_second(second), None);
            assert_eq!(step, Some(second / 30));
        }
    }

    #[test]
    fn code_is_good_one_step_aside_and_no_further() {
        let code = SECRET.code(100);
        let verify = |second| SECRET.verify(code, at_second(second), None);
        assert_eq!(verify(99 * 30 - 1), None);
        assert_eq!(verify(99 * 30), Some(100));
        assert_eq!(verify(102 * 30 - 1), Some(100));
        assert_eq!(verify(102 * 30), None);
    }

    #[test]
    fn used_step_and_those_before_it_are_refused() {
        let verify = |step, last| SECRET.verify(SECRET.code(step), at_second(3_000), last);
        assert_eq!(verify(100, Some(99)), Some(100));
        assert_eq!(verify(100, Some(100)), None);
        assert_eq!(verify(99, Some(100)), None);
        assert_eq!(verify(101, Some(100)), Some(101));
    }

    #[test]
    fn codes_are_six_digits() {
        assert_eq!(TotpCode::parse("012 345"), TotpCode::parse("012345"));
        assert_eq!(TotpCode::parse("012345").unwrap().to_string(), "012345");
        for text in ["", "12345", "1234567", "12345x", "-12345", "１２３４５６"] {
            assert!(TotpCode::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn uri_names_the_account_whatever_it_is_called() {
        let name = UserName::parse("ada & é").unwrap();
        assert_eq!(
            SECRET.uri(&name),
            "otpauth://totp/chinwag:ada%20%26%20%C3%A9\
             ?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=chinwag"
        );
    }

    #[test]
    fn recovery_code_is_known_again_however_it_is_typed() {
        let code = RecoveryCode::new(*b"0123456789");
        let text = code.to_string();
        assert_eq!(text, "gayt-emzu-gu3d-oobz");
        for typed in [&*text, &text.to_uppercase(), &text.replace('-', " ")] {
            assert_eq!(RecoveryCode::hash_of(typed), Some(code.hash()), "{typed}");
        }
        let other = RecoveryCode::new(*b"0123456788");
        assert_ne!(other.hash(), code.hash());
        for typed in [
            "",
            "287082",
            &text[1..],
            &format!("{text}a"),
            "é".repeat(16).as_str(),
        ] {
            assert_eq!(RecoveryCode::hash_of(typed), None, "{typed}");
        }
    }

    #[test]
    fn secrets_show_nothing() {
        let shown = format!(
            "{SECRET:?} {:?} {:?}",
            SECRET.code(0),
            RecoveryCode::new([0; 10])
        );
        assert_eq!(shown, "TotpSecret TotpCode RecoveryCode");
    }
}
