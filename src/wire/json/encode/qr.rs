//! A QR code as JSON carries it: its outline, which any program can draw.

use std::fmt::Write as _;

use qrcode::{Color, EcLevel, QrCode};

use super::Object;

impl Object {
    /// Adds the code that a camera reads as this text; nothing where the text is too long for one,
    /// as no address of a second factor is.
    pub(super) fn qr_code(&mut self, text: &str) {
        // A screen does not get stained: the least correction makes the largest squares.
        let Ok(code) = QrCode::with_error_correction_level(text, EcLevel::L) else {
            return debug_assert!(false, "{} bytes do not fit", text.len());
        };
        self.object("qr", |o| {
            o.number("size", code.width());
            o.text("path", &outline(&code));
        });
    }
}

/// The dark squares as the path of an SVG image, each row's neighbours as one rectangle. The unit is a
/// square, and the first one is at 0, 0.
fn outline(code: &QrCode) -> String {
    let mut path = String::new();
    for (y, row) in code.to_colors().chunks(code.width()).enumerate() {
        let mut x = 0;
        for run in row.chunk_by(|a, b| a == b) {
            let len = run.len();
            if run.first() == Some(&Color::Dark) {
                let _ = write!(path, "M{x} {y}h{len}v1h-{len}z");
            }
            x += len;
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::UserName;
    use crate::chat::totp::TotpSecret;
    use crate::wire::json::encode::object;

    #[test]
    fn outline_has_the_dark_squares_and_no_others() {
        let code = QrCode::with_error_correction_level("chinwag", EcLevel::L).unwrap();
        let mut drawn = vec![Color::Light; code.width() * code.width()];
        for step in outline(&code).split('z').filter(|step| !step.is_empty()) {
            let numbers: Vec<usize> = step
                .split(|letter: char| !letter.is_ascii_digit())
                .filter_map(|number| number.parse().ok())
                .collect();
            let [x, y, len, 1, back] = numbers[..] else {
                panic!("{step}");
            };
            assert_eq!(len, back);
            drawn[y * code.width() + x..][..len].fill(Color::Dark);
        }
        assert_eq!(drawn, code.to_colors());
    }

    #[test]
    fn longest_address_of_a_second_factor_has_a_code() {
        let name = UserName::parse(&"\u{20000}".repeat(32)).unwrap();
        let uri = TotpSecret([0xff; 20]).uri(&name);
        assert!(uri.len() > 32 * 4 * 3);
        let json = object(|o| o.qr_code(&uri));
        assert!(json.starts_with("{\"qr\":{\"size\":"), "{json}");
    }
}
