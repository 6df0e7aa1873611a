//! How people react to a message without a word: an emoji, and who chose it.

use std::fmt;
use std::sync::Arc;

use unicode_segmentation::UnicodeSegmentation as _;

use crate::chat::error::{ChatError, Unit};
use crate::chat::name::{UserName, is_visible};

/// One character as people see it, of up to 32 bytes.
#[derive(Clone, Eq, Ord, PartialEq, PartialOrd)]
pub struct Emoji(Arc<str>);

impl Emoji {
    /// Most bytes: a family of four with skin tones has 41, a flag of a region 28, most others 4 to
    /// 20.
    pub const MAX_LEN: usize = 32;

    /// Reads one character as people see it (a grapheme cluster, UAX #29) without controls, white
    /// space and characters that turn the reading direction.
    ///
    /// # Errors
    /// [`ChatError::Empty`], [`ChatError::TooLong`], and [`ChatError::BadRequest`].
    pub fn parse(text: &str) -> Result<Self, ChatError> {
        if text.is_empty() {
            return Err(ChatError::Empty("the emoji"));
        }
        if text.len() > Self::MAX_LEN {
            return Err(ChatError::TooLong {
                what: "the emoji",
                max: Self::MAX_LEN,
                unit: Unit::Bytes,
            });
        }
        let is_seen = |c: char| is_visible(c) && c != ' ';
        let begins_well = text.chars().next().is_some_and(is_seen);
        let is_whole = text.chars().all(|c| is_seen(c) || is_part(c));
        if !begins_well || !is_whole || text.graphemes(true).count() != 1 {
            return Err(ChatError::BadRequest(
                "an emoji is one visible character, with what belongs to it",
            ));
        }
        Ok(Self(text.into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Emoji {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

/// What joins emoji, chooses how they look, or names a flag's region; invisible by itself.
fn is_part(c: char) -> bool {
    matches!(
        c,
        '\u{200d}' | '\u{fe0e}' | '\u{fe0f}' | '\u{e0020}'..='\u{e007f}'
    )
}

/// An emoji, and who chose it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reaction {
    /// Which.
    pub emoji: Emoji,
    /// The names of those who chose it, first one first; capped.
    pub names: Vec<UserName>,
    /// How many chose it, named or not.
    pub count: u64,
}

/// All reactions to a message, in the order in which the emoji were first chosen.
///
/// What [`change`](Self::change) makes of them follows from the reactions alone, so that the log, the
/// hub's memory and every client come to the same, whichever of them they began with.
///
/// Invariants: no emoji twice; none without a reaction; no more names than the count.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Reactions(Vec<Reaction>);

impl Reactions {
    /// Most different emoji of one message: a line or two below it.
    pub const MAX_EMOJI: usize = 20;

    /// Most names of one emoji: what a person reads, and together 60 KB at the worst.
    pub const MAX_NAMES: usize = 20;

    /// Puts together what was taken apart; what breaks an invariant is left out.
    pub fn from_parts(parts: impl IntoIterator<Item = Reaction>) -> Self {
        let mut reactions = Self::default();
        for mut reaction in parts {
            let is_known = reactions.get(&reaction.emoji).is_some();
            if is_known || reaction.count == 0 || reactions.0.len() == Self::MAX_EMOJI {
                continue;
            }
            let max = usize::try_from(reaction.count).unwrap_or(usize::MAX);
            reaction.names.truncate(max.min(Self::MAX_NAMES));
            reactions.0.push(reaction);
        }
        reactions
    }

    /// The reactions, in their order.
    pub fn as_slice(&self) -> &[Reaction] {
        &self.0
    }

    /// The reaction with an emoji.
    pub fn get(&self, emoji: &Emoji) -> Option<&Reaction> {
        self.0.iter().find(|reaction| reaction.emoji == *emoji)
    }

    /// Whether there is room for an emoji: as many as can be are others.
    pub fn has_room_for(&self, emoji: &Emoji) -> bool {
        self.0.len() < Self::MAX_EMOJI || self.get(emoji).is_some()
    }

    /// Adds somebody who chose an emoji, or takes away somebody who no longer does.
    ///
    /// Who comes when the list of names is full is counted only, also when a place becomes free.
    pub fn change(&mut self, emoji: &Emoji, name: &UserName, on: bool) {
        let place = self.0.iter().position(|it| it.emoji == *emoji);
        match (place, on) {
            (None, false) => {}
            (None, true) => self.0.push(Reaction {
                emoji: emoji.clone(),
                names: vec![name.clone()],
                count: 1,
            }),
            (Some(place), true) => self.0[place].add(name),
            (Some(place), false) => {
                self.0[place].remove(name);
                if self.0[place].count == 0 {
                    self.0.remove(place);
                }
            }
        }
    }

    /// About how many bytes they take in an answer.
    pub(crate) fn weight(&self) -> usize {
        let of_one = |reaction: &Reaction| {
            let names = reaction.names.iter();
            REACTION_OVERHEAD_LEN + names.map(|name| name.as_str().len() + 3).sum::<usize>()
        };
        self.0.iter().map(of_one).sum()
    }
}

impl Reaction {
    fn add(&mut self, name: &UserName) {
        self.count += 1;
        if self.names.len() < Reactions::MAX_NAMES {
            self.names.push(name.clone());
        }
    }

    fn remove(&mut self, name: &UserName) {
        self.count -= 1;
        // Two people may have gone by one name, one after the other: either entry stands for both.
        let written = |it: &UserName| it.as_str() == name.as_str();
        if let Some(place) = self.names.iter().position(written) {
            self.names.remove(place);
        }
        // Where a nameless one of that name went, a name too many would be left.
        self.names
            .truncate(usize::try_from(self.count).unwrap_or(usize::MAX));
    }
}

/// Emoji, count and punctuation of a reaction in JSON, roughly.
const REACTION_OVERHEAD_LEN: usize = 80;

#[cfg(test)]
mod tests {
    use super::*;

    fn emoji(text: &str) -> Emoji {
        Emoji::parse(text).unwrap()
    }

    fn name(text: &str) -> UserName {
        UserName::parse(text).unwrap()
    }

    #[test]
    fn emoji_is_one_character_as_people_see_it() {
        for text in ["👍", "❤️", "👩‍👩‍👧", "🇩🇪", "👍🏽", "1️⃣", "é", "+"]
        {
            assert!(Emoji::parse(text).is_ok(), "{text}");
        }
        // A flag of a region: 28 bytes.
        assert!(Emoji::parse("🏴\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}").is_ok());
        for text in [
            "👍👍",
            "ab",
            " ",
            "a ",
            "\n",
            "\u{7}",
            "\u{200d}",
            "\u{fe0f}",
            "\u{200b}",
            "👍\u{202e}",
            "\u{2066}",
            "\u{200f}",
            "\u{e0067}",
            "\u{a0}",
        ] {
            let error = Emoji::parse(text).unwrap_err();
            assert_eq!(error.code(), "bad_request", "{text:?}");
        }
        assert_eq!(Emoji::parse("").unwrap_err().code(), "empty");
    }

    #[test]
    fn emoji_has_at_most_32_bytes() {
        let with_marks = |count: usize| format!("oo{}", "\u{301}".repeat(count))[1..].to_owned();
        assert_eq!(with_marks(15).len(), 31);
        assert!(Emoji::parse(&with_marks(15)).is_ok());
        assert_eq!(
            Emoji::parse(&with_marks(16)).unwrap_err().code(),
            "too_long"
        );
    }

    #[test]
    fn emoji_stand_in_the_order_of_their_first_choice() {
        let mut reactions = Reactions::default();
        for (text, by, on) in [
            ("👍", "ada", true),
            ("🎉", "ada", true),
            ("👍", "bob", true),
            ("👍", "ada", false),
            ("🎉", "ada", false),
            ("🎉", "bob", true),
        ] {
            reactions.change(&emoji(text), &name(by), on);
        }
        let expected = ["👍", "🎉"].map(|text| Reaction {
            emoji: emoji(text),
            names: vec![name("bob")],
            count: 1,
        });
        assert_eq!(reactions.as_slice(), expected);
    }

    #[test]
    fn names_are_capped_and_counted_on() {
        let mut reactions = Reactions::default();
        for i in 0..25 {
            reactions.change(&emoji("👍"), &name(&format!("n{i}")), true);
        }
        let all = reactions.as_slice()[0].clone();
        assert_eq!((all.names.len(), all.count), (20, 25));
        // One that is counted only, and one that is named.
        reactions.change(&emoji("👍"), &name("n24"), false);
        reactions.change(&emoji("👍"), &name("n0"), false);
        let rest = &reactions.as_slice()[0];
        assert_eq!((&rest.names[..], rest.count), (&all.names[1..], 23));
        for i in 1..24 {
            reactions.change(&emoji("👍"), &name(&format!("n{i}")), false);
        }
        assert_eq!(reactions, Reactions::default());
    }

    #[test]
    fn emoji_beyond_the_most_have_no_room() {
        let mut reactions = Reactions::default();
        let letters: Vec<Emoji> = ('a'..='u').map(|c| emoji(&c.to_string())).collect();
        for letter in &letters[..20] {
            assert!(reactions.has_room_for(letter));
            reactions.change(letter, &name("ada"), true);
        }
        assert!(!reactions.has_room_for(&letters[20]));
        assert!(reactions.has_room_for(&letters[0]));
    }

    #[test]
    fn parts_make_the_whole_again_and_nothing_else() {
        let part = |text: &str, count| Reaction {
            emoji: emoji(text),
            names: vec![name("ada"), name("bob")],
            count,
        };
        let parts = [part("👍", 2), part("👍", 3), part("🎉", 0), part("❤️", 1)];
        let reactions = Reactions::from_parts(parts);
        let found: Vec<_> = reactions
            .as_slice()
            .iter()
            .map(|it| (it.emoji.as_str(), it.names.len(), it.count))
            .collect();
        assert_eq!(found, [("👍", 2, 2), ("❤️", 1, 1)]);
    }
}
