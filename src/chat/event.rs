//! What users are told: answers to their requests, and what happens without their asking.

use crate::chat::GuestId;
use crate::chat::account::{LoginId, LoginLabel, LoginToken};
use crate::chat::log::{Change, Visibility};
use crate::chat::message::{Message, Rev, Seq, Timestamp, Topic};
use crate::chat::name::{RoomName, UserName};
use crate::chat::search::Findings;
use crate::chat::totp::{RecoveryCode, TotpSecret};

/// What a granted request is answered with.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Done {
    /// `hello`.
    Welcomed {
        /// Who one is now.
        you: Member,
        /// What proves it next time.
        proof: Proof,
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
    /// Somebody logged in, elsewhere than on this connection.
    LoggedIn(LoginToken),
    /// What was asked is done, and there is no more to say.
    Finished,
    /// `sessions`.
    Logins(Vec<LoginSummary>),
    /// `totp_begin`: what to put into the device.
    TotpBegun {
        /// The secret.
        secret: TotpSecret,
        /// The account's name.
        name: UserName,
    },
    /// `totp_confirm`: what to put on paper.
    TotpConfirmed(Box<[RecoveryCode; RecoveryCode::COUNT]>),
    /// `invite`, to the server.
    Invited {
        /// What to register with.
        code: RecoveryCode,
        /// Until when.
        until: Timestamp,
    },
    /// All accounts, by their numbers; for the operator.
    Accounts(Vec<AccountSummary>),
}

/// What proves next time who somebody is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Proof {
    /// The identity behind a guest's name, to be sealed.
    Guest(GuestId),
    /// A login.
    Login(LoginToken),
}

/// A login in the list of its owner.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LoginSummary {
    /// Which.
    pub id: LoginId,
    /// What its owner knows it by.
    pub label: LoginLabel,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When its owner was there last, to the hour.
    pub seen_at: Timestamp,
    /// Whether the connection that asks came with it.
    pub is_current: bool,
}

/// An account in the operator's list.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AccountSummary {
    /// Its name.
    pub name: UserName,
    /// Whether it owns the server.
    pub is_admin: bool,
    /// Whether it is a program's.
    pub is_bot: bool,
    /// Whether nobody can log in.
    pub is_disabled: bool,
    /// Whether it has a second factor.
    pub has_totp: bool,
    /// How many logins there are.
    pub login_count: usize,
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
