//! What is said: bodies, topics, keys, and the messages of a room.

use std::fmt;
use std::sync::Arc;

use crate::chat::error::{ChatError, Unit};
use crate::chat::log::{Change, ChangeKind};
use crate::chat::name::UserName;
use crate::chat::reaction::Reactions;

/// The place of a message in its room, from 1, without holes.
pub type Seq = u64;

/// The number of changes to what a room had already shown.
pub type Rev = u64;

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Timestamp(pub i64);

/// A message that everyone in its room may see.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Message {
    /// Its number in the room.
    pub seq: Seq,
    /// When it was decided.
    pub at: Timestamp,
    /// Who said it.
    pub from: UserName,
    /// What is left of it.
    pub content: Content,
}

/// What a message says, as long as it does.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Content {
    /// It stands.
    Said(Said),
    /// It was deleted; only its place is kept.
    Deleted,
}

/// What was said, and what became of it since.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Said {
    /// What was said, or what it was changed to.
    pub body: Body,
    /// The sender's own name for it.
    pub key: Option<MessageKey>,
    /// The message that it answers.
    pub reply_to: Option<Seq>,
    /// When it was changed last.
    pub edited_at: Option<Timestamp>,
    /// How others reacted.
    pub reactions: Reactions,
}

impl Message {
    /// About how many bytes it takes in an answer, for bounding pages.
    pub fn weight(&self) -> usize {
        let content_len = match &self.content {
            Content::Said(said) => said.body.as_str().len() + said.reactions.weight(),
            Content::Deleted => 0,
        };
        content_len + MESSAGE_OVERHEAD_LEN
    }

    /// What it says; `None`: it was deleted.
    pub fn said(&self) -> Option<&Said> {
        match &self.content {
            Content::Said(said) => Some(said),
            Content::Deleted => None,
        }
    }

    /// Makes it what it is after a change, if the change concerns it.
    pub fn apply(&mut self, change: &Change) {
        if change.kind.seq() != Some(self.seq) {
            return;
        }
        let Content::Said(said) = &mut self.content else {
            return;
        };
        match &change.kind {
            ChangeKind::Topic(_) => {}
            ChangeKind::Edited { body, at, .. } => {
                said.body = body.clone();
                said.edited_at = Some(*at);
            }
            ChangeKind::Deleted { .. } => self.content = Content::Deleted,
            ChangeKind::Reacted { emoji, on, .. } => {
                said.reactions.change(emoji, &change.by, *on);
            }
        }
    }
}

impl Said {
    /// A body that nobody has reacted to, and that answers nothing.
    pub fn new(body: Body) -> Self {
        Self {
            body,
            key: None,
            reply_to: None,
            edited_at: None,
            reactions: Reactions::default(),
        }
    }
}

/// The text of a message: 1 to 8,000 characters, no controls but newline and tab.
#[derive(Clone, Eq, PartialEq)]
pub struct Body(Arc<str>);

impl Body {
    /// Most characters of a body.
    pub const MAX_CHARACTERS: usize = 8_000;

    /// Most bytes of a body; what 8,000 characters take at most.
    pub const MAX_LEN: usize = 32_000;

    /// Reads a body, or says which rule it breaks.
    ///
    /// # Errors
    /// [`ChatError::Empty`], [`ChatError::TooLong`], and [`ChatError::BadRequest`] for controls.
    pub fn parse(text: &str) -> Result<Self, ChatError> {
        check_len("the message", text, Self::MAX_CHARACTERS)?;
        if text
            .chars()
            .any(|c| c.is_control() && c != '\n' && c != '\t')
        {
            return Err(ChatError::BadRequest("the message has a control character"));
        }
        if text.trim().is_empty() {
            return Err(ChatError::Empty("the message"));
        }
        Ok(Self(text.into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a room is about: up to 250 characters on one line.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct Topic(Arc<str>);

impl Topic {
    /// Most characters of a topic.
    pub const MAX_CHARACTERS: usize = 250;

    /// Reads a topic; the empty text takes a topic away.
    ///
    /// # Errors
    /// [`ChatError::TooLong`], and [`ChatError::BadRequest`] for controls and line breaks.
    pub fn parse(text: &str) -> Result<Self, ChatError> {
        check_len("the topic", text, Self::MAX_CHARACTERS)?;
        if text
            .chars()
            .any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}'))
        {
            return Err(ChatError::BadRequest(
                "the topic has a control character or a line break",
            ));
        }
        Ok(Self(text.trim().into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The sender's own name for a message, so that sending it again does not post it again.
#[derive(Clone, Eq, PartialEq)]
pub struct MessageKey(Arc<str>);

impl MessageKey {
    /// Most characters of a key: a UUID in any of its spellings, and room to spare.
    pub const MAX_CHARACTERS: usize = 64;

    /// Reads a key of 1 to 64 characters.
    ///
    /// # Errors
    /// [`ChatError::Empty`], [`ChatError::TooLong`], and [`ChatError::BadRequest`] for controls.
    pub fn parse(text: &str) -> Result<Self, ChatError> {
        check_len("the key", text, Self::MAX_CHARACTERS)?;
        if text.is_empty() {
            return Err(ChatError::Empty("the key"));
        }
        if text.chars().any(char::is_control) {
            return Err(ChatError::BadRequest("the key has a control character"));
        }
        Ok(Self(text.into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Body {
    // Bodies are not for logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Body({} bytes)", self.0.len())
    }
}

impl fmt::Debug for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl fmt::Debug for MessageKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

/// Judges bytes before characters, so that a huge text is not counted through.
fn check_len(what: &'static str, text: &str, max: usize) -> Result<(), ChatError> {
    let max_len = max * 4;
    if text.len() > max_len {
        return Err(ChatError::TooLong {
            what,
            max: max_len,
            unit: Unit::Bytes,
        });
    }
    if text.len() > max && text.chars().count() > max {
        return Err(ChatError::TooLong {
            what,
            max,
            unit: Unit::Characters,
        });
    }
    Ok(())
}

/// Name, key, numbers and punctuation of a message in JSON, roughly.
const MESSAGE_OVERHEAD_LEN: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_have_1_to_8000_characters() {
        assert!(Body::parse(&"ä".repeat(8_000)).is_ok());
        assert!(Body::parse(&"🦊".repeat(8_000)).is_ok());
        for text in ["ä".repeat(8_001), "x".repeat(32_001)] {
            assert_eq!(Body::parse(&text).unwrap_err().code(), "too_long");
        }
        for text in ["", " ", "\n\t"] {
            assert_eq!(Body::parse(text).unwrap_err().code(), "empty");
        }
    }

    #[test]
    fn bodies_have_no_controls_but_newline_and_tab() {
        assert!(Body::parse("a\n\tb").is_ok());
        for text in ["a\0", "a\x1b[2J", "a\rb", "a\u{85}", "a\x7f"] {
            assert_eq!(
                Body::parse(text).unwrap_err().code(),
                "bad_request",
                "{text:?}"
            );
        }
    }

    #[test]
    fn topics_and_keys_are_bounded() {
        assert!(Topic::parse(&"x".repeat(250)).is_ok() && Topic::parse("").is_ok());
        assert_eq!(
            Topic::parse(&"x".repeat(251)).unwrap_err().code(),
            "too_long"
        );
        assert_eq!(Topic::parse("a\nb").unwrap_err().code(), "bad_request");
        assert!(MessageKey::parse(&"x".repeat(64)).is_ok());
        assert_eq!(
            MessageKey::parse(&"x".repeat(65)).unwrap_err().code(),
            "too_long"
        );
        assert_eq!(MessageKey::parse("").unwrap_err().code(), "empty");
    }

    #[test]
    fn debug_output_shows_no_body() {
        assert!(!format!("{:?}", Body::parse("secret").unwrap()).contains("secret"));
    }
}
