//! Names of users and rooms, and when two of them count as the same.
//!
//! Two user names are the same if they look the same: the key of a name is the confusable skeleton
//! (Unicode UTS #39) of its case-folded compatibility form, so that `Alice`, `alice` and `аlice`
//! with a Cyrillic letter share one key. Letters that differ as small ones may look the same as
//! capitals (Latin `BOB`, Cyrillic `ВОВ`), so a name has a look, too: the skeleton of how it is
//! written, folded. Rooms differ only by letter case and compatibility forms.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use unicode_normalization::UnicodeNormalization;
use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory};

use crate::chat::PersonId;
use crate::chat::error::ChatError;
use crate::chat::secret::{self, SecretHash};

/// A user's name: 1 to 32 visible characters, equal to every name that looks like it.
#[derive(Clone)]
pub struct UserName {
    text: Arc<str>,
    key: Arc<str>,
    look: Arc<str>,
}

impl UserName {
    /// Reads a name, or says which rule it breaks.
    ///
    /// # Errors
    /// [`ChatError::Empty`], [`ChatError::TooLong`] and [`ChatError::NameInvalid`].
    pub fn parse(text: &str) -> Result<Self, ChatError> {
        let text = composed(text, MAX_USER_NAME_LEN + 1);
        if text.is_empty() {
            return Err(ChatError::NameInvalid("it is empty"));
        }
        if text.chars().count() > MAX_USER_NAME_LEN {
            return Err(ChatError::NameInvalid("it has more than 32 characters"));
        }
        if text.starts_with(' ') || text.ends_with(' ') {
            return Err(ChatError::NameInvalid("it begins or ends with a space"));
        }
        // Line mode shows a speaker as `<name>`.
        if text.nfkc().any(|c| matches!(c, '<' | '>')) {
            return Err(ChatError::NameInvalid("it contains < or >"));
        }
        if !text.chars().all(is_visible) {
            return Err(ChatError::NameInvalid(
                "it contains an invisible or control character",
            ));
        }
        if has_stray_marks(&text) {
            return Err(ChatError::NameInvalid(
                "it has combining marks without a letter",
            ));
        }
        // Folding turns I into i, and I looks like l: so i and l are one.
        let key = skeleton(&fold(&text)).replace('i', "l");
        let look = fold(&skeleton(&text.nfkc().collect::<String>())).replace('i', "l");
        if key.trim().is_empty() {
            return Err(ChatError::NameInvalid("nothing of it can be seen"));
        }
        Ok(Self {
            text: text.into(),
            key: key.into(),
            look: look.into(),
        })
    }

    /// The name as its owner wrote it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What all names share that count as this one.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// What names share that nobody can tell apart as they are written.
    pub(crate) fn look(&self) -> &Arc<str> {
        &self.look
    }
}

/// A room's name: 1 to 64 letters, digits, `-`, `_` and `.`, regardless of case.
#[derive(Clone)]
pub struct RoomName {
    text: Arc<str>,
    key: Arc<str>,
}

impl RoomName {
    /// The room that always exists.
    pub fn lobby() -> Self {
        Self {
            text: "lobby".into(),
            key: "lobby".into(),
        }
    }

    /// The name of the conversation of two, whichever of them asks: `@` and 16 digits in base32.
    ///
    /// It follows from who they are, not from what they are called: who takes a name that somebody
    /// had before finds nothing of theirs. A hash, as identities of guests are nobody's business.
    pub fn direct(one: PersonId, other: PersonId) -> Self {
        let identity = |person: PersonId| match person {
            PersonId::Account(account) => format!("account {}", account.0),
            PersonId::Guest(guest) => format!("guest {:032x}", guest.0),
        };
        let (first, second) = (one.min(other), one.max(other));
        let both = format!("direct: {}, {}", identity(first), identity(second));
        let digits = secret::base32(&SecretHash::of(both.as_bytes()).0[..DIRECT_LEN]);
        let text: Arc<str> = format!("@{}", digits.to_ascii_lowercase()).into();
        Self {
            key: Arc::clone(&text),
            text,
        }
    }

    /// Whether it is the name of a conversation of two.
    pub fn is_direct(&self) -> bool {
        self.text.starts_with('@')
    }

    /// Reads a room's name, or says which rule it breaks.
    ///
    /// # Errors
    /// [`ChatError::RoomInvalid`].
    pub fn parse(text: &str) -> Result<Self, ChatError> {
        if is_direct(text) {
            return Ok(Self {
                text: text.into(),
                key: text.into(),
            });
        }
        let text = composed(text, MAX_ROOM_NAME_LEN + 1);
        if text.is_empty() {
            return Err(ChatError::RoomInvalid("it is empty"));
        }
        if text.chars().count() > MAX_ROOM_NAME_LEN {
            return Err(ChatError::RoomInvalid("it has more than 64 characters"));
        }
        if !text.chars().all(is_room_character) {
            return Err(ChatError::RoomInvalid(
                "only letters, digits, -, _ and . are allowed",
            ));
        }
        if has_stray_marks(&text) {
            return Err(ChatError::RoomInvalid(
                "it has combining marks without a letter",
            ));
        }
        let key = fold(&text);
        Ok(Self {
            text: text.into(),
            key: key.into(),
        })
    }

    /// The name as its creator wrote it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What all spellings of this name share.
    pub fn key(&self) -> &str {
        &self.key
    }
}

/// Whether a text is of the form that [`RoomName::direct`] makes.
fn is_direct(text: &str) -> bool {
    let digits = text.strip_prefix('@').unwrap_or_default();
    digits.len() == DIRECT_LEN * 8 / 5
        && digits
            .bytes()
            .all(|b| matches!(b, b'a'..=b'z' | b'2'..=b'7'))
}

macro_rules! compare_by_key {
    ($name:ident) => {
        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                self.key == other.key
            }
        }
        impl Eq for $name {}
        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }
        impl Ord for $name {
            fn cmp(&self, other: &Self) -> Ordering {
                self.key.cmp(&other.key)
            }
        }
        impl Hash for $name {
            fn hash<H: Hasher>(&self, state: &mut H) {
                self.key.hash(state);
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.text)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", self.text)
            }
        }
    };
}

compare_by_key!(UserName);
compare_by_key!(RoomName);

/// The first characters of a text's composed form (NFC), which is what ASCII is in already.
fn composed(text: &str, max_count: usize) -> String {
    if text.is_ascii() {
        text.chars().take(max_count).collect()
    } else {
        text.nfc().take(max_count).collect()
    }
}

/// The compatibility form with letter case folded away, stable under another round (UAX #15, D146).
fn fold(text: &str) -> String {
    // What the rest does to ASCII, a hundred times as fast: each request names a room.
    if text.is_ascii() {
        text.to_ascii_lowercase()
    } else {
        fold_any(text)
    }
}

fn fold_any(text: &str) -> String {
    let folded = caseless::default_case_fold_str(&text.nfkc().collect::<String>());
    caseless::default_case_fold_str(&folded.nfkc().collect::<String>())
        .nfkc()
        .collect()
}

fn skeleton(text: &str) -> String {
    unicode_security::skeleton(text).collect()
}

/// Whether a character shows as a glyph or is the plain space.
pub(crate) fn is_visible(c: char) -> bool {
    if c.is_ascii() {
        return c == ' ' || c.is_ascii_graphic();
    }
    let is_glyph = !matches!(
        c.general_category_group(),
        GeneralCategoryGroup::Other | GeneralCategoryGroup::Separator
    );
    is_glyph && !is_blank_glyph(c)
}

/// Characters of visible categories that fonts draw as nothing (the rest of
/// Default_Ignorable_Code_Point, Unicode 16, and the empty Braille pattern).
fn is_blank_glyph(c: char) -> bool {
    matches!(c,
        '\u{034f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{ffa0}' | '\u{e0100}'..='\u{e01ef}')
}

fn is_room_character(c: char) -> bool {
    // Each request names a room, and a category is searched for in a table of thousands.
    if c.is_ascii() {
        return c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    }
    let is_letter_or_digit = matches!(
        c.general_category_group(),
        GeneralCategoryGroup::Letter | GeneralCategoryGroup::Mark
    ) || c.general_category() == GeneralCategory::DecimalNumber;
    is_letter_or_digit && !is_blank_glyph(c)
}

/// Whether marks stand where no letter carries them, or pile up past the lines above and below.
fn has_stray_marks(text: &str) -> bool {
    let mut run = MAX_MARKS_IN_A_ROW;
    text.chars().any(|c| {
        if !c.is_ascii() && c.general_category_group() == GeneralCategoryGroup::Mark {
            run += 1;
        } else {
            run = 0;
        }
        run > MAX_MARKS_IN_A_ROW
    })
}

/// Long enough for a full name, short enough for one line of a phone.
const MAX_USER_NAME_LEN: usize = 32;

/// Bytes of a hash in the name of a direct conversation: nobody finds two pairs that share 80 bits of
/// it, as nobody chooses who they are.
const DIRECT_LEN: usize = 10;

/// As much as a URL's path segment bears without being unwieldy.
const MAX_ROOM_NAME_LEN: usize = 64;

/// No living script needs more on one letter after composition.
const MAX_MARKS_IN_A_ROW: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    fn user_error(text: &str) -> &'static str {
        UserName::parse(text).expect_err(text).code()
    }

    /// The short way agrees with the categories, which decide for all other characters.
    #[test]
    fn ascii_is_seen_and_names_rooms_as_all_else() {
        for c in (0..128u8).map(char::from) {
            let group = c.general_category_group();
            let is_hidden =
                [GeneralCategoryGroup::Other, GeneralCategoryGroup::Separator].contains(&group);
            assert_eq!(is_visible(c), !is_hidden || c == ' ', "{c:?}");
            let is_named = group == GeneralCategoryGroup::Letter
                || group == GeneralCategoryGroup::Number
                || "-_.".contains(c);
            assert_eq!(is_room_character(c), is_named, "{c:?}");
            assert_ne!(group, GeneralCategoryGroup::Mark, "{c:?}");
        }
    }

    #[test]
    fn ascii_is_folded_as_all_else() {
        let ascii = || (0..128u8).map(char::from);
        for text in ascii().flat_map(|a| ascii().map(move |b| format!("{a}{b}"))) {
            assert_eq!(fold(&text), fold_any(&text), "{text:?}");
            assert_eq!(composed(&text, 2), text.nfc().collect::<String>());
        }
    }

    #[test]
    fn names_that_look_alike_are_equal() {
        for (a, b) in [
            ("alice", "ALICE"),
            ("alice", "аlice"),
            ("ﬁn", "fin"),
            ("é", "e\u{301}"),
            ("Straße", "STRASSE"),
            ("paypal", "paypaI"),
        ] {
            assert_eq!(UserName::parse(a), UserName::parse(b), "{a} {b}");
        }
        assert_ne!(UserName::parse("alice"), UserName::parse("bob"));
    }

    #[test]
    fn capitals_and_digits_that_look_alike_have_one_look() {
        let look = |text| UserName::parse(text).unwrap().look().clone();
        for (a, b) in [
            ("BOB", "ВОВ"),
            ("Bob", "Воb"),
            ("Nick", "Νick"),
            ("TOM", "ТОМ"),
            ("BOB", "B0B"),
            ("bob", "b0b"),
        ] {
            assert_eq!(look(a), look(b), "{a} {b}");
        }
        assert_ne!(look("Nick"), look("Vick"));
        assert_ne!(look("Νίκος"), look("Nikos"));
    }

    #[test]
    fn names_with_something_to_hide_are_refused() {
        for text in [
            "",
            " a",
            "a ",
            "a\u{200b}b",
            "a\u{202e}b",
            "a\nb",
            "\u{301}a",
            "a\u{7f}",
            "\u{3164}",
            "a<b",
            "a＞b",
            "\u{feff}",
            "a\u{ad}b",
            "\u{e000}",
            "a\u{301}\u{302}\u{303}\u{304}\u{305}b",
            "a\u{a0}b",
        ] {
            assert_eq!(user_error(text), "name_invalid", "{text:?}");
        }
    }

    #[test]
    fn user_names_have_1_to_32_characters() {
        assert!(UserName::parse(&"ä".repeat(32)).is_ok());
        assert_eq!(user_error(&"ä".repeat(33)), "name_invalid");
        assert!(UserName::parse("🦊").is_ok());
    }

    #[test]
    fn room_names_have_1_to_64_letters_digits_and_three_signs() {
        assert!(RoomName::parse(&"x".repeat(64)).is_ok());
        for text in ["", "a b", "a/b", "@a", "#a", "a\u{200d}b", &"x".repeat(65)] {
            assert!(RoomName::parse(text).is_err(), "{text:?}");
        }
        for text in ["lobby", "Straße", "v1.2_rc-3", "日本語", "हिन्दी"] {
            assert_eq!(RoomName::parse(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn rooms_differ_not_by_case_but_keep_their_spelling() {
        let (a, b) = (
            RoomName::parse("Dev").unwrap(),
            RoomName::parse("dev").unwrap(),
        );
        assert_eq!(a, b);
        assert_eq!(a.as_str(), "Dev");
    }
}
