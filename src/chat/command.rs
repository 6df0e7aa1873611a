//! What users can ask for.

use std::sync::Arc;

use crate::chat::GuestId;
use crate::chat::log::{Span, Visibility};
use crate::chat::message::{Body, MessageKey, Rev, Seq, Topic};
use crate::chat::name::{RoomName, UserName};
use crate::chat::reaction::Emoji;
use crate::chat::search::{Place, Query};

/// A command, and what its sender calls it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Request {
    /// The answer carries it as `re`.
    pub id: Option<RequestId>,
    /// What is asked for.
    pub command: Command,
}

/// A client's own name for a request: text or a number, up to 64 characters.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum RequestId {
    /// A text.
    Text(Arc<str>),
    /// An integer.
    Integer(i64),
    /// An integer that 64 bits do not hold, in its digits.
    BigInteger(Arc<str>),
}

impl RequestId {
    /// Most characters of a text.
    pub const MAX_CHARACTERS: usize = 64;
}

/// A request, every part of it well-formed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Command {
    /// Says who one is, or who one is from now on.
    Hello(Hello),
    /// Enters a room and asks what happened there.
    Join {
        /// Which.
        room: RoomName,
        /// The newest message that the client has.
        since: Option<Seq>,
        /// The newest change that the client has.
        rev: Option<Rev>,
        /// Whether to create the room if there is none.
        create: bool,
    },
    /// Leaves a room.
    Leave {
        /// Which.
        room: RoomName,
    },
    /// Creates a room and enters it.
    Create {
        /// Its name.
        room: RoomName,
        /// Who may see it.
        visibility: Visibility,
        /// What it is about.
        topic: Topic,
    },
    /// Posts a message.
    Send {
        /// Where.
        room: RoomName,
        /// What.
        body: Body,
        /// The sender's own name for it.
        key: Option<MessageKey>,
        /// The message that it answers.
        reply_to: Option<Seq>,
    },
    /// Gives a message of one's own another body.
    Edit {
        /// Where.
        room: RoomName,
        /// Which.
        seq: Seq,
        /// What it says from now on.
        body: Body,
    },
    /// Deletes a message.
    Delete {
        /// Where.
        room: RoomName,
        /// Which.
        seq: Seq,
    },
    /// Reacts to a message, or takes that back.
    React {
        /// Where.
        room: RoomName,
        /// To which message.
        seq: Seq,
        /// How.
        emoji: Emoji,
        /// Whether to, from now on.
        on: bool,
    },
    /// Tells the others that one is writing; never answered.
    Typing {
        /// Where.
        room: RoomName,
    },
    /// Asks for messages of the past.
    History {
        /// Where.
        room: RoomName,
        /// Which.
        span: Span,
        /// At most so many.
        limit: usize,
    },
    /// Asks which messages have these words.
    Search {
        /// Which words.
        query: Query,
        /// Where; everywhere if none is named.
        room: Option<RoomName>,
        /// Older than this.
        before: Option<Place>,
        /// At most so many.
        limit: usize,
    },
    /// Asks which rooms there are.
    Rooms,
    /// Asks who is in a room.
    Who {
        /// Which.
        room: RoomName,
    },
    /// Sets what a room is about.
    Topic {
        /// Which.
        room: RoomName,
        /// The new topic.
        topic: Topic,
    },
}

/// Who somebody claims to be.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Hello {
    /// A guest with this name; `fresh` identifies them if they are new on this connection.
    Guest {
        /// The name wanted.
        name: UserName,
        /// A random identity, used unless the session is somebody already.
        fresh: GuestId,
    },
    /// A guest under whatever name is free (`guest-NNNN`).
    Anyone {
        /// A random identity.
        fresh: GuestId,
    },
    /// A guest who proved to have been here before.
    Returning {
        /// Who it was.
        guest: GuestId,
        /// The name that the proof was made for.
        name: UserName,
    },
}
