//! What users are told: answers to their requests, and what happens without their asking.

use std::sync::Arc;
use std::time::Duration;

use crate::chat::GuestId;
use crate::chat::account::{LoginId, LoginLabel, LoginToken};
use crate::chat::bans::BanRecord;
use crate::chat::log::{Change, Visibility};
use crate::chat::message::{Message, Rev, Seq, Timestamp, Topic};
use crate::chat::name::{RoomName, UserName};
use crate::chat::order::{AuditEntry, InviteCode, Reason, RestraintKind};
use crate::chat::permission::Standing;
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
    /// What was asked about a room is done, and there is no more to say.
    Kept {
        /// Which.
        room: RoomName,
    },
    /// `invite`.
    Invited {
        /// Where to.
        room: RoomName,
        /// What lets in whoever has it.
        code: InviteCode,
        /// Until when.
        until: Timestamp,
    },
    /// `bans`, `mutes`.
    Bans {
        /// Where; `None`: on the whole server.
        room: Option<RoomName>,
        /// Which of both.
        kind: RestraintKind,
        /// The newest first.
        bans: Vec<BanRecord>,
        /// Whether there are more than were listed.
        more: bool,
    },
    /// `audit`.
    Audit {
        /// Where; `None`: on the whole server.
        room: Option<RoomName>,
        /// The newest first.
        entries: Vec<AuditEntry>,
        /// Whether there are older ones.
        more: bool,
    },
    /// Somebody logged in, elsewhere than on this connection.
    LoggedIn(LoginToken),
    /// What was asked is done, and there is no more to say.
    Finished,
    /// `sessions`.
    Logins {
        /// Where one is logged in.
        logins: Vec<LoginSummary>,
        /// Whether logging in takes a second factor.
        has_totp: bool,
    },
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
    RegistrationInvited {
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
    /// What it may do on the whole server.
    pub server_role: Role,
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
    /// For how many days messages are kept; `None`: for ever.
    pub retention_days: Option<u32>,
    /// How long a member waits between two messages; zero: not at all.
    pub slow_mode: Duration,
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
    /// What they may do on the whole server, where that is not the question.
    pub server_role: Role,
    /// Whether they are there now, and do not only belong there.
    pub is_online: bool,
}

impl Member {
    /// Somebody as told to themselves: their role is that on the whole server.
    pub(crate) fn you(name: UserName, guest: bool, role: Role) -> Self {
        Self {
            name,
            guest,
            role,
            server_role: Role::Member,
            is_online: true,
        }
    }
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
    /// How many belong to it.
    pub member_count: usize,
    /// How many messages whoever asks has not read; 0 where they do not belong.
    pub unread_count: u64,
    /// In a direct conversation, the other one.
    pub with: Option<UserName>,
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
    /// A public room is no more.
    RoomRemoved {
        /// Its name.
        room: RoomName,
        /// What it was about.
        topic: Topic,
    },
    /// One has read up to a message, on another device.
    Read {
        /// Where.
        room: RoomName,
        /// The newest message that was read.
        seq: Seq,
    },
    /// There is something unread in a room that one belongs to.
    Unread {
        /// Where.
        room: RoomName,
        /// Its newest message.
        seq: Seq,
    },
    /// Somebody has begun a direct conversation; from here on one is told what is said there.
    Opened {
        /// Its name.
        room: RoomName,
        /// The two.
        members: Vec<Member>,
    },
    /// One is no longer in a room.
    Removed {
        /// Which.
        room: RoomName,
        /// Why, for people.
        reason: Arc<str>,
    },
    /// One has another role on the whole server.
    You(Member),
    /// Something for people to know.
    Notice {
        /// Where it concerns those who are there; `None`: it concerns oneself.
        room: Option<RoomName>,
        /// What.
        text: Arc<str>,
        /// The rule of the room that is another now, if that is what it is about.
        rule: Option<Rule>,
    },
    /// One is banned from the server; the connection is closed behind it.
    Banned {
        /// Until then; `None`: without an end.
        until: Option<Timestamp>,
        /// Why, for people; it may be empty.
        reason: Reason,
    },
    /// The server closes; reconnecting makes sense after about this time.
    Shutdown {
        /// In milliseconds, spread so that not all come back at once.
        retry_after_ms: u32,
    },
}

/// What holds in a room for all who are there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Rule {
    /// How long a member waits between two messages; zero: not at all.
    SlowMode(Duration),
    /// For how many days messages are kept; 0: for ever.
    RetentionDays(u32),
}

/// What somebody did in a room.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Presence {
    /// Came in with the first of their connections; with what they are there.
    Joined(Standing),
    /// Left with the last of their connections.
    Left,
    /// Changed their name.
    Renamed {
        /// The name from now on.
        to: UserName,
    },
}
