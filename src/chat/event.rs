//! What users are told: answers to their requests, and what happens without their asking.

use crate::chat::GuestId;
use crate::chat::log::{Change, Visibility};
use crate::chat::message::{Message, Rev, Seq, Timestamp, Topic};
use crate::chat::name::{RoomName, UserName};
use crate::chat::search::Findings;

/// What a granted request is answered with.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Done {
    /// `hello`.
    Welcomed {
        /// Who one is now.
        you: Member,
        /// The identity behind the name, for the token that proves it.
        guest: GuestId,
    },
    /// `join` and `create`.
    Joined(Box<Joined>),
    /// `leave`.
    Left {
        /// Which room.
        room: RoomName,
    },
    /// `send`.
    Sent {
        /// Where.
        room: RoomName,
        /// The message's number.
        seq: Seq,
        /// When it was decided.
        at: Timestamp,
    },
    /// `edit`, `delete` and `react`.
    Changed {
        /// Where.
        room: RoomName,
        /// Which message.
        seq: Seq,
        /// The room's number of changes with it.
        rev: Rev,
    },
    /// `history`.
    History {
        /// Where.
        room: RoomName,
        /// Oldest first.
        messages: Vec<Message>,
        /// Whether there are older ones than the first.
        more: bool,
        /// Whether there are newer ones than the last.
        more_after: bool,
    },
    /// `search`.
    Found(Findings),
    /// `rooms`.
    Rooms {
        /// By number of members, then by name.
        rooms: Vec<RoomSummary>,
        /// Whether there are more than were listed.
        more: bool,
    },
    /// `who`.
    Who {
        /// Where.
        room: RoomName,
        /// By name; capped.
        members: Vec<Member>,
        /// How many there are, listed or not.
        member_count: usize,
    },
    /// `topic`.
    TopicSet {
        /// Where.
        room: RoomName,
    },
}

/// A room as one finds it on entering.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Joined {
    /// Its name.
    pub room: RoomName,
    /// What it is about.
    pub topic: Topic,
    /// Who may see it.
    pub visibility: Visibility,
    /// The number of its newest message.
    pub seq: Seq,
    /// The number of its newest change.
    pub rev: Rev,
    /// Who is there, by name; capped.
    pub members: Vec<Member>,
    /// How many are there, listed or not.
    pub member_count: usize,
    /// What came after what the client has, or the newest page.
    pub messages: Vec<Message>,
    /// What changed after what the client has.
    pub changes: Vec<Change>,
    /// Whether `messages` and `changes` complete what the client has.
    pub recovered: bool,
    /// Whether there are messages older than the first given.
    pub more: bool,
}

/// Somebody in a room.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Member {
    /// Their name.
    pub name: UserName,
    /// Whether there is no account behind it.
    pub guest: bool,
    /// What they may do there.
    pub role: Role,
}

/// What somebody may do in a room.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Role {
    /// Reads and writes.
    Member,
    /// Keeps order.
    Op,
    /// Owns the room.
    Owner,
}

impl Role {
    /// The name of it on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Op => "op",
            Self::Owner => "owner",
        }
    }
}

/// A room in a list of rooms.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RoomSummary {
    /// Its name.
    pub name: RoomName,
    /// What it is about.
    pub topic: Topic,
    /// Who may see it.
    pub visibility: Visibility,
    /// How many are in it.
    pub member_count: usize,
}

/// What happens without one's asking.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Event {
    /// A message was posted.
    Message {
        /// Where.
        room: RoomName,
        /// What.
        message: Message,
    },
    /// What a room had shown before is different now.
    Changed {
        /// Where.
        room: RoomName,
        /// What is.
        change: Change,
    },
    /// Somebody is writing.
    Typing {
        /// Where.
        room: RoomName,
        /// Who.
        from: UserName,
    },
    /// Somebody came, went, or goes by another name.
    Presence {
        /// Where.
        room: RoomName,
        /// Who.
        name: UserName,
        /// What they did.
        state: Presence,
    },
    /// There is a new public room.
    RoomCreated {
        /// Its name.
        room: RoomName,
        /// What it is about.
        topic: Topic,
    },
    /// The server closes; reconnecting makes sense after about this time.
    Shutdown {
        /// In milliseconds, spread so that not all come back at once.
        retry_after_ms: u32,
    },
}

/// What somebody did in a room.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Presence {
    /// Came in with the first of their connections.
    Joined,
    /// Left with the last of their connections.
    Left,
    /// Changed their name.
    Renamed {
        /// The name from now on.
        to: UserName,
    },
}
