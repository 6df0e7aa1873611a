//! What can be searched for, and what is found.

use crate::chat::error::{ChatError, Unit};
use crate::chat::log::{Context, LogError};
use crate::chat::message::Message;
use crate::chat::name::RoomName;

/// Where a message stands among those of all rooms: later ones have larger numbers.
pub type Place = u64;

/// Words and phrases that a message must all have.
#[derive(Clone, Eq, PartialEq)]
pub struct Query(Vec<Term>);

/// A part of a query.
#[derive(Clone, Eq, PartialEq)]
pub enum Term {
    /// These words in a row; a single one, mostly.
    Phrase(String),
    /// A word that begins like this.
    Prefix(String),
}

impl Query {
    /// Most characters of a query.
    pub const MAX_CHARACTERS: usize = 200;

    /// Most words and phrases of a query: each is looked up.
    pub const MAX_TERMS: usize = 16;

    /// Reads words, and phrases between quotation marks. The last word counts as the beginning of
    /// one, as people search while they type, unless a space or a quotation mark ends it.
    ///
    /// # Errors
    /// [`ChatError::TooLong`], and [`ChatError::Empty`] where no letter and no digit is.
    pub fn parse(text: &str) -> Result<Self, ChatError> {
        if text.chars().take(Self::MAX_CHARACTERS + 1).count() > Self::MAX_CHARACTERS {
            return Err(ChatError::TooLong {
                what: "the query",
                max: Self::MAX_CHARACTERS,
                unit: Unit::Characters,
            });
        }
        let text = text.replace(char::is_control, " ");
        let mut terms = Vec::new();
        let mut parts = text.split(is_quotation_mark).enumerate().peekable();
        while let Some((i, part)) = parts.next() {
            let is_last = parts.peek().is_none();
            if i % 2 == 1 {
                push(&mut terms, Term::Phrase(part.trim().to_owned()));
                continue;
            }
            let mut words = part.split_whitespace().peekable();
            while let Some(word) = words.next() {
                let is_open = is_last && words.peek().is_none() && part.ends_with(word);
                let term = if is_open { Term::Prefix } else { Term::Phrase };
                push(&mut terms, term(word.to_owned()));
            }
        }
        if terms.is_empty() {
            return Err(ChatError::Empty("the query"));
        }
        if terms.len() > Self::MAX_TERMS {
            return Err(ChatError::BadRequest("a query has at most 16 words"));
        }
        Ok(Self(terms))
    }

    /// Its parts, as they were typed.
    pub fn terms(&self) -> &[Term] {
        &self.0
    }
}

impl std::fmt::Debug for Query {
    // What people search for is not for logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Query({} terms)", self.0.len())
    }
}

impl std::fmt::Debug for Term {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Phrase(_) => "Phrase",
            Self::Prefix(_) => "Prefix",
        })
    }
}

/// Keeps a term that has anything to be found by.
fn push(terms: &mut Vec<Term>, term: Term) {
    let (Term::Phrase(text) | Term::Prefix(text)) = &term;
    if text.chars().any(char::is_alphanumeric) {
        terms.push(term);
    }
}

fn is_quotation_mark(c: char) -> bool {
    matches!(c, '"' | '“' | '”' | '„' | '«' | '»')
}

/// A question to the log: which messages have these words.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Search {
    /// Whom to answer.
    pub context: Context,
    /// Which words.
    pub query: Query,
    /// In which rooms.
    pub scope: Scope,
    /// Only messages from before this place.
    pub before: Option<Place>,
    /// At most so many messages, the newest of them.
    pub max_messages: usize,
    /// At most so many bytes of [`Message::weight`], but at least one message.
    pub max_weight: usize,
}

/// Rooms in which to search.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Scope {
    /// This one, which whoever asks may read.
    Room(RoomName),
    /// All public ones, and those private ones that whoever asks is in.
    Readable {
        /// The private ones.
        private: Vec<RoomName>,
    },
}

/// The answer to a [`Search`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SearchDone {
    /// What was asked.
    pub search: Search,
    /// What was found.
    pub outcome: Result<Findings, LogError>,
}

/// What was found, newest first.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Findings {
    /// The messages.
    pub messages: Vec<Finding>,
    /// The place of the last one, if there may be more before it.
    pub next: Option<Place>,
}

/// A message that was found.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Finding {
    /// Where.
    pub room: RoomName,
    /// What.
    pub message: Message,
    /// Where in the body it matches, first one first, none touching another.
    pub marks: Vec<Mark>,
}

/// A stretch of a body, counted in characters (Unicode scalar values).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Mark {
    /// Characters before it.
    pub start: usize,
    /// Characters of it.
    pub count: usize,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, expected: &[(&str, &str)]) {
        let query = Query::parse(text).expect(text);
        let terms: Vec<_> = query
            .terms()
            .iter()
            .map(|term| match term {
                Term::Phrase(text) => ("phrase", text.as_str()),
                Term::Prefix(text) => ("prefix", text.as_str()),
            })
            .collect();
        assert_eq!(terms, expected, "{text}");
    }

    #[test]
    fn queries_are_words_phrases_and_a_beginning() {
        check("tea", &[("prefix", "tea")]);
        check("tea ", &[("phrase", "tea")]);
        check("green te", &[("phrase", "green"), ("prefix", "te")]);
        check(
            "\"green tea\" po",
            &[("phrase", "green tea"), ("prefix", "po")],
        );
        check("\"green tea\"", &[("phrase", "green tea")]);
        check("“green tea”", &[("phrase", "green tea")]);
        check("\"green te", &[("phrase", "green te")]);
        check(
            "a\"b c\"d",
            &[("phrase", "a"), ("phrase", "b c"), ("prefix", "d")],
        );
        check("- tea ! *", &[("phrase", "tea")]);
        check("AND (tea*", &[("phrase", "AND"), ("prefix", "(tea*")]);
    }

    #[test]
    fn queries_have_something_to_be_found_by() {
        for text in ["", " ", "\"\"", "!?", "\" - \"", "🦊"] {
            assert_eq!(Query::parse(text).unwrap_err().code(), "empty", "{text}");
        }
    }

    #[test]
    fn queries_are_bounded() {
        assert!(Query::parse(&"ä".repeat(200)).is_ok());
        let error = Query::parse(&"ä".repeat(201)).unwrap_err();
        assert_eq!(error.code(), "too_long");
        assert!(Query::parse(&"a ".repeat(16)).is_ok());
        assert_eq!(
            Query::parse(&"a ".repeat(17)).unwrap_err().code(),
            "bad_request"
        );
    }

    proptest! {
        #[test]
        fn terms_hold_no_quotation_mark_and_no_control(text in "[\"a-c \0\n\u{1b}“*()]{0,60}") {
            if let Ok(query) = Query::parse(&text) {
                for Term::Phrase(text) | Term::Prefix(text) in query.terms() {
                    prop_assert!(!text.contains(|c: char| c == '"' || c.is_control()));
                    prop_assert!(text.chars().any(char::is_alphanumeric));
                }
            }
        }
    }
}
