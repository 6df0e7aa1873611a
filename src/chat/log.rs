//! What the hub asks of the log, and what the log answers: the seam between deciding and keeping.
//!
//! An [`Append`] goes in, and comes back as a [`Committed`] once it is durable, in the same order.
//! The log numbers what it takes: [`Recorded`] tells the numbers. Answers to [`Read`]s may come in
//! any order. Both carry their [`Context`] with them, so that the hub keeps no table of them.

use std::time::Duration;

use crate::chat::account::{AccountFact, LoginId};
use crate::chat::bans::ServerFact;
use crate::chat::command::RequestId;
use crate::chat::error::ChatError;
use crate::chat::event::Role;
use crate::chat::hub::SessionId;
use crate::chat::message::{Body, Message, MessageKey, Rev, Seq, Timestamp, Topic};
use crate::chat::name::{RoomName, UserName};
use crate::chat::network::ClientAddress;
use crate::chat::order::{AuditEntry, Books, Invite, InviteCode, Measure, Party, Reason};
use crate::chat::reaction::Emoji;
use crate::chat::{AccountId, PersonId};

/// For whom something is done: the log carries it, and does not look at it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Context {
    /// Whose request it was.
    pub session: SessionId,
    /// From where it came.
    pub from: Option<ClientAddress>,
    /// What the session calls the request.
    pub re: Option<RequestId>,
}

/// One decision, to be made durable.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Append {
    /// Whom to answer.
    pub context: Context,
    /// When it was decided.
    pub at: Timestamp,
    /// What was decided.
    pub fact: Fact,
}

/// What can be decided.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Fact {
    /// A room comes into being.
    RoomCreated {
        /// Its name.
        room: RoomName,
        /// Who may see it.
        visibility: Visibility,
        /// What it is about.
        topic: Topic,
        /// The name of whoever made it.
        by: UserName,
        /// Whoever made it, and owns it.
        owner: PersonId,
        /// Whether a request to join brought it about, which an existing room satisfies too.
        join: bool,
    },
    /// A message is posted.
    MessagePosted {
        /// Where.
        room: RoomName,
        /// By whom.
        from: UserName,
        /// Who is behind the name.
        person: PersonId,
        /// What was said.
        body: Body,
        /// The sender's own name for it: the same one by the same name again posts nothing, nor by the
        /// account that a guest of that name has become.
        key: Option<MessageKey>,
        /// The message that it answers.
        reply_to: Option<Seq>,
    },
    /// A message is refused, unless it was posted before: behind whatever is on its way to the log, where
    /// the first may be. Nothing is written.
    MessageRefused {
        /// Where.
        room: RoomName,
        /// By whom.
        from: UserName,
        /// Who is behind the name.
        person: PersonId,
        /// The sender's own name for it.
        key: MessageKey,
        /// Why.
        refusal: ChatError,
    },
    /// A message gets another body, if it is of whoever asks.
    MessageEdited {
        /// Where.
        room: RoomName,
        /// Which.
        seq: Seq,
        /// What it says from now on.
        body: Body,
        /// By whom.
        by: UserName,
        /// Who is behind the name.
        person: PersonId,
    },
    /// A message is deleted, if it is of whoever asks, or they may delete others'.
    MessageDeleted {
        /// Where.
        room: RoomName,
        /// Which.
        seq: Seq,
        /// By whom.
        by: UserName,
        /// Who is behind the name.
        person: PersonId,
        /// Whether they may delete what others wrote.
        others: bool,
    },
    /// Somebody reacts to a message, or no longer does.
    Reacted {
        /// Where.
        room: RoomName,
        /// To which message.
        seq: Seq,
        /// How.
        emoji: Emoji,
        /// Whether they do from now on.
        on: bool,
        /// Who.
        from: UserName,
        /// Who is behind the name.
        person: PersonId,
    },
    /// A room gets another topic.
    TopicChanged {
        /// Where.
        room: RoomName,
        /// The new one.
        topic: Topic,
        /// By whom.
        by: UserName,
    },
    /// Two begin to talk: the room comes into being, unless it is there.
    DirectOpened {
        /// Its name, which follows from who they are.
        room: RoomName,
        /// The two, first who asks.
        parties: [Party; 2],
    },
    /// Something about how a room is kept.
    Room {
        /// Which.
        room: RoomName,
        /// What.
        fact: RoomFact,
    },
    /// Something about an account.
    Account(AccountFact),
    /// Something about the whole server.
    Server(ServerFact),
}

/// What can be decided about how a room is kept.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum RoomFact {
    /// Somebody with an account belongs to the room from now on.
    Joined {
        /// Who.
        account: AccountId,
        /// What they are called.
        name: UserName,
        /// The newest message that the client has; the log does not look at it.
        since: Option<Seq>,
        /// The newest change that the client has; the log does not look at it.
        rev: Option<Rev>,
    },
    /// Somebody with an account does so no longer.
    Left {
        /// Who.
        account: AccountId,
        /// What they are called.
        name: UserName,
    },
    /// Somebody with an account has read up to a message. It is kept as it is now, without an event:
    /// nobody asks how it came about.
    Read {
        /// Who.
        account: AccountId,
        /// The newest message that they have read.
        seq: Seq,
    },
    /// There is an invite.
    Invited {
        /// By whom.
        by: Party,
        /// What is kept of it.
        invite: Invite,
        /// What is told to whoever asked; the log does not look at it.
        code: InviteCode,
    },
    /// All invites have ended.
    Uninvited {
        /// By whom.
        by: Party,
    },
    /// Somebody was dealt with.
    Measured {
        /// By whom.
        by: Party,
        /// Who.
        whom: Party,
        /// How.
        measure: Measure,
        /// For a ban: whoever comes from there too.
        from: Vec<ClientAddress>,
        /// Why.
        reason: Reason,
    },
    /// The time between two messages of a member is another one.
    SlowModeSet {
        /// By whom.
        by: Party,
        /// The time; zero: none.
        interval: Duration,
    },
    /// Messages are kept for another time.
    RetentionSet {
        /// By whom.
        by: Party,
        /// For so many days; 0: for ever.
        days: u32,
    },
    /// What was decided before then is erased, from the oldest on, some of it at a time; the rest of
    /// what counts as erased in any case.
    Expired {
        /// The moment.
        before: Timestamp,
    },
    /// The room is no more.
    Removed {
        /// By whom; `None`: nobody needed it.
        by: Option<Party>,
    },
}

impl Fact {
    /// Whether the session that asked waits to enter a room.
    pub(crate) fn is_entrance(&self) -> bool {
        match self {
            Self::RoomCreated { .. } | Self::DirectOpened { .. } => true,
            Self::Room { fact, .. } => matches!(fact, RoomFact::Joined { .. }),
            Self::MessagePosted { .. }
            | Self::MessageRefused { .. }
            | Self::MessageEdited { .. }
            | Self::MessageDeleted { .. }
            | Self::Reacted { .. }
            | Self::TopicChanged { .. }
            | Self::Account(_)
            | Self::Server(_) => false,
        }
    }

    /// The room that it is about, if it is about one.
    pub fn room(&self) -> Option<&RoomName> {
        match self {
            Self::RoomCreated { room, .. }
            | Self::MessagePosted { room, .. }
            | Self::MessageRefused { room, .. }
            | Self::MessageEdited { room, .. }
            | Self::MessageDeleted { room, .. }
            | Self::Reacted { room, .. }
            | Self::TopicChanged { room, .. }
            | Self::DirectOpened { room, .. }
            | Self::Room { room, .. } => Some(room),
            Self::Account(_) | Self::Server(_) => None,
        }
    }

    /// What it changes of what a room had already shown: where, what, and by whom.
    pub(crate) fn into_change(self, at: Timestamp) -> Option<(RoomName, ChangeKind, UserName)> {
        match self {
            Self::RoomCreated { .. }
            | Self::MessagePosted { .. }
            | Self::MessageRefused { .. }
            | Self::DirectOpened { .. }
            | Self::Room { .. }
            | Self::Account(_)
            | Self::Server(_) => None,
            Self::MessageEdited {
                room,
                seq,
                body,
                by,
                ..
            } => Some((room, ChangeKind::Edited { seq, body, at }, by)),
            Self::MessageDeleted { room, seq, by, .. } => {
                Some((room, ChangeKind::Deleted { seq }, by))
            }
            Self::Reacted {
                room,
                seq,
                emoji,
                on,
                from,
                ..
            } => Some((room, ChangeKind::Reacted { seq, emoji, on }, from)),
            Self::TopicChanged { room, topic, by } => Some((room, ChangeKind::Topic(topic), by)),
        }
    }
}

/// Who may see a room.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Visibility {
    /// Everyone.
    Public,
    /// Its members.
    Private,
}

/// An [`Append`] that the log is through with.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Committed {
    /// What was asked.
    pub append: Append,
    /// What became of it.
    pub outcome: Result<Recorded, LogError>,
}

/// What the log made of a fact.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Recorded {
    /// The room is new.
    RoomCreated,
    /// A room of that name was there before; nothing was changed.
    RoomExisted,
    /// The message has this number now.
    Posted {
        /// Its number.
        seq: Seq,
    },
    /// The same key by the same sender had been posted before; nothing was changed.
    Repeated {
        /// The number of the first.
        seq: Seq,
        /// When the first was decided.
        at: Timestamp,
    },
    /// The topic is set.
    TopicSet {
        /// The room's number of changes with it.
        rev: Rev,
    },
    /// The account is new, and this is its number.
    AccountOpened(AccountId),
    /// An account of that name was there before; nothing was changed.
    AccountExisted,
    /// The login has this number.
    LoggedIn(LoginId),
    /// It is written down.
    Noted,
    /// What was too old is gone, or the oldest part of it.
    Erased {
        /// The messages up to this one.
        up_to: Seq,
        /// When the oldest message or change was decided that is left.
        oldest_at: Option<Timestamp>,
        /// Whether some of what counts as erased is left.
        has_remains: bool,
    },
    /// The message is edited or deleted.
    Changed {
        /// The room's number of changes with it.
        rev: Rev,
    },
    /// The reaction is there, or gone.
    Reacted {
        /// The room's number of changes with it.
        rev: Rev,
        /// The name that it stands under: who takes a reaction back may have another by now.
        from: UserName,
    },
}

/// Why the log did not do something; nothing of it happened.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum LogError {
    /// The disk or the queue is full, or the disk failed.
    Unavailable,
    /// There is no such room.
    NoSuchRoom,
    /// There is no such message, or it was deleted.
    NoSuchMessage,
    /// The message is somebody else's.
    NotTheirs,
    /// It is so already.
    Already,
    /// The message has as many different reactions as it can have.
    TooManyReactions,
    /// What it was judged by is not so any more.
    Outdated,
    /// Whoever wanted to belong to the room has been banned from it meanwhile.
    Banned,
    /// Finding the answer would take too long.
    TooSlow,
}

/// A question about the past.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Read {
    /// What the answer is for.
    pub purpose: Purpose,
    /// The room.
    pub room: RoomName,
    /// Which messages.
    pub span: Span,
    /// At most so many messages.
    pub max_messages: usize,
    /// At most so many bytes of [`Message::weight`], but at least one message.
    pub max_weight: usize,
    /// At most so many of the newest changes.
    pub max_changes: usize,
}

/// Which messages of a room.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Span {
    /// The newest.
    Newest,
    /// The newest of those with smaller numbers.
    Before(Seq),
    /// The oldest of those with larger numbers.
    After(Seq),
    /// That one, and as many before it as behind it.
    Around(Seq),
}

/// What a [`Read`] is for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Purpose {
    /// The hub wants to know what is recent in the room.
    Recent,
    /// A request for `history`.
    History(Context),
    /// A request for `audit`: not messages, but what was done to keep order, the newest or before the
    /// entry of that number.
    Audit(Context),
    /// The same for the whole server, whatever room is named.
    ServerAudit(Context),
}

/// The answer to a [`Read`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ReadDone {
    /// What was asked.
    pub read: Read,
    /// What there is.
    pub outcome: Result<Page, LogError>,
}

/// A stretch of a room's past, oldest first.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Page {
    /// Messages, without holes.
    pub messages: Vec<Message>,
    /// The newest changes, without holes.
    pub changes: Vec<Change>,
    /// What was done to keep order, the newest first; where that was asked for.
    pub audit: Vec<AuditEntry>,
    /// The messages up to this one were erased.
    pub erased: Seq,
    /// The number of the room's newest message at that moment.
    pub seq: Seq,
    /// The room's number of changes at that moment, which are all in `messages`.
    pub rev: Rev,
}

/// A change to what a room had already shown.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Change {
    /// Its number in the room, from 1, without holes.
    pub rev: Rev,
    /// What changed.
    pub kind: ChangeKind,
    /// Who did it.
    pub by: UserName,
}

impl Change {
    /// About how many bytes it takes in memory.
    pub(crate) fn weight(&self) -> usize {
        let text_len = match &self.kind {
            ChangeKind::Topic(topic) => topic.as_str().len(),
            ChangeKind::Edited { body, .. } => body.as_str().len(),
            ChangeKind::Deleted { .. } | ChangeKind::Reacted { .. } => 0,
        };
        text_len + CHANGE_OVERHEAD_LEN
    }
}

/// What can change in a room.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ChangeKind {
    /// Its topic.
    Topic(Topic),
    /// What a message says.
    Edited {
        /// Which.
        seq: Seq,
        /// What it says now.
        body: Body,
        /// When it was changed.
        at: Timestamp,
    },
    /// That there is a message. An edit of one that was deleted later is told like that too.
    Deleted {
        /// Which.
        seq: Seq,
    },
    /// Who reacts to a message.
    Reacted {
        /// To which.
        seq: Seq,
        /// How.
        emoji: Emoji,
        /// Whether they do now.
        on: bool,
    },
}

impl ChangeKind {
    /// The message that changed.
    pub fn seq(&self) -> Option<Seq> {
        match self {
            Self::Topic(_) => None,
            Self::Edited { seq, .. } | Self::Deleted { seq } | Self::Reacted { seq, .. } => {
                Some(*seq)
            }
        }
    }
}

/// A room as the log knows it when the server starts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RoomRecord {
    /// Its name.
    pub name: RoomName,
    /// Who may see it.
    pub visibility: Visibility,
    /// What it is about.
    pub topic: Topic,
    /// Who is more than a member there; nobody owns `lobby`.
    pub roles: Vec<(PersonId, Role)>,
    /// The number of its newest message; 0 if there is none.
    pub seq: Seq,
    /// The number of its newest change; 0 if there is none.
    pub rev: Rev,
    /// Who belongs to it, and under what rules.
    pub books: Books,
}

/// Name and numbers of a change, roughly.
const CHANGE_OVERHEAD_LEN: usize = 200;
