//! A device that shows the codes of a second factor.

use std::time::SystemTime;

use chinwag::chat::totp::TotpSecret;

pub(crate) struct Device {
    secret: TotpSecret,
    /// How many codes it has shown: each is good once, so that the next is that of a later step.
    shown_count: i64,
}

impl Device {
    /// A device that has been given a secret, in base32.
    pub(crate) fn new(secret: &str) -> Self {
        Self {
            secret: TotpSecret(base32(secret)),
            shown_count: 0,
        }
    }

    /// A code that is good now: the first two are, those after them not yet.
    #[expect(
        clippy::disallowed_methods,
        reason = "the device has a clock of its own"
    )]
    pub(crate) fn code(&mut self) -> String {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let step = i64::try_from(since.unwrap().as_secs() / 30).unwrap();
        let code = self.secret.code(step + self.shown_count);
        self.shown_count += 1;
        code.to_string()
    }
}

fn base32(text: &str) -> [u8; 20] {
    let bits: String = text
        .bytes()
        .map(|letter| {
            let value = if letter.is_ascii_digit() {
                letter - b'2' + 26
            } else {
                letter - b'A'
            };
            format!("{value:05b}")
        })
        .collect();
    std::array::from_fn(|nth| u8::from_str_radix(&bits[nth * 8..nth * 8 + 8], 2).unwrap())
}
