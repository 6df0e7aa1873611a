//! What users can ask for.

use std::sync::Arc;
use std::time::Duration;

use crate::chat::GuestId;
use crate::chat::account::{LoginId, LoginToken, Opening};
use crate::chat::event::Role;
use crate::chat::log::{Span, Visibility};
use crate::chat::message::{Body, MessageKey, Rev, Seq, Timestamp, Topic};
use crate::chat::name::{RoomName, UserName};
use crate::chat::network::Network;
use crate::chat::order::{InviteCode, Reason, RestraintKind};
use crate::chat::password::{NewPassword, Password, PasswordHash};
use crate::chat::reaction::Emoji;
use crate::chat::search::{Place, Query};
use crate::chat::secret::SecretHash;
use crate::chat::totp::{RecoveryCode, SecondFactor, TotpCode, TotpSecret};

/// A command, and what its sender calls it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Request {
    /// The answer carries it as `re`.
    pub id: Option<RequestId>,
    /// What is asked for.
    pub command: Command,
}

impl Request {
    /// About how many bytes it takes in memory, and hardly ever more.
    pub(crate) fn weight(&self) -> usize {
        let text_len = match &self.command {
            Command::Send { body, .. }
            | Command::Edit { body, .. }
            | Command::Account(AccountCommand::Post { body, .. }) => body.as_str().len(),
            // Passwords, in the form that they are compared in.
            Command::Hello(_) | Command::Account(_) => 2_560,
            // Topics, reasons, queries: up to 250 characters.
            Command::Topic { .. }
            | Command::Search { .. }
            | Command::Room { .. }
            | Command::Server(_) => 1_024,
            Command::Join { .. }
            | Command::Leave { .. }
            | Command::Create { .. }
            | Command::Delete { .. }
            | Command::React { .. }
            | Command::Typing { .. }
            | Command::History { .. }
            | Command::Rooms
            | Command::Who { .. }
            | Command::Direct { .. } => 0,
        };
        size_of::<Self>() + NAMES_LEN + text_len
    }
}

/// What a request and a room are called, and whoever it is about, in all the forms in which they are
/// compared.
const NAMES_LEN: usize = 768;

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
        /// What lets one into a private room.
        invite: Option<InviteCode>,
        /// Whether a glance will do: a few of the newest messages, and of the members
        /// ([`MAX_GLANCED_AT`]). A terminal shows no more, and to gather what it leaves out is most
        /// of what a join costs.
        glance: bool,
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
    /// Begins a conversation of two, or finds it again, and enters it.
    Direct {
        /// With whom.
        to: UserName,
    },
    /// Something about how a room is kept, and by whom.
    Room {
        /// Which.
        room: RoomName,
        /// What.
        command: RoomCommand,
    },
    /// Something about accounts.
    Account(AccountCommand),
    /// Something about the whole server.
    Server(ServerCommand),
}

/// What can be asked about how a room is kept.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum RoomCommand {
    /// Takes note of how far one has read.
    Read {
        /// The newest message that one has read.
        seq: Seq,
    },
    /// Makes a code with which others may enter.
    Invite {
        /// A random one.
        fresh: InviteCode,
        /// For how long it is good.
        lasting: Duration,
    },
    /// Ends all codes with which others may enter.
    Uninvite,
    /// Puts somebody out.
    Kick {
        /// Whom.
        name: UserName,
        /// Why.
        reason: Reason,
    },
    /// Keeps somebody from something.
    Restrain {
        /// From what.
        kind: RestraintKind,
        /// Whom.
        name: UserName,
        /// For how long; `None`: until it is lifted.
        lasting: Option<Duration>,
        /// Whether from wherever they are connected, too.
        address: bool,
        /// Why.
        reason: Reason,
    },
    /// Keeps somebody from it no longer.
    Lift {
        /// From what.
        kind: RestraintKind,
        /// Whom.
        name: UserName,
        /// Why.
        reason: Reason,
    },
    /// Gives somebody a role.
    Role {
        /// Whom.
        name: UserName,
        /// Which.
        role: Role,
    },
    /// Sets how long each member waits between two messages.
    SlowMode {
        /// So long; zero: not at all.
        interval: Duration,
    },
    /// Removes the room, and all that was said there.
    Remove,
    /// Asks who did what to keep order.
    Audit {
        /// Only what has a smaller number.
        before: Option<u64>,
        /// At most so many.
        limit: usize,
    },
    /// Asks who is banned, or muted.
    Restrained {
        /// Which of both.
        kind: RestraintKind,
        /// Only those that were decided before then.
        before: Option<Timestamp>,
    },
    /// Sets for how long messages are kept.
    Retention {
        /// For so many days; 0: for ever.
        days: u32,
    },
}

/// What can be asked about the whole server.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ServerCommand {
    /// Keeps somebody out.
    Ban {
        /// Whom.
        whom: Whom,
        /// For how long; `None`: until it is lifted.
        lasting: Option<Duration>,
        /// Why.
        reason: Reason,
    },
    /// Lets somebody in again.
    Unban {
        /// Whom.
        whom: Whom,
        /// Why.
        reason: Reason,
    },
    /// Asks who is banned.
    Bans {
        /// Only those that were decided before then.
        before: Option<Timestamp>,
    },
    /// Has an account keep order on the whole server, or no longer.
    SetOp {
        /// Its name.
        name: UserName,
        /// Which of both.
        is_op: bool,
    },
    /// Asks who did what to keep order on the whole server.
    Audit {
        /// Only what has a smaller number.
        before: Option<u64>,
        /// At most so many.
        limit: usize,
    },
}

/// Whom a ban is about.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Whom {
    /// Somebody of that name.
    Name(UserName),
    /// Whoever comes from there.
    Network(Network),
}

/// What can be asked about accounts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum AccountCommand {
    /// Makes an account, and logs in to it.
    Register(Box<Registration>),
    /// Logs in without speaking through this connection.
    LogIn {
        /// To what.
        login: Box<Login>,
        /// The password.
        password: Password,
    },
    /// Ends the login of a token.
    LogOut(LoginToken),
    /// Asks for one's logins.
    Sessions,
    /// Ends one of them.
    Revoke(LoginId),
    /// Sets another password; all other logins end.
    SetPassword {
        /// The one so far.
        current: Password,
        /// The one from now on.
        new: NewPassword,
    },
    /// Begins to set up a second factor.
    TotpBegin {
        /// Proves again who asks.
        password: Password,
        /// A random secret.
        fresh: TotpSecret,
    },
    /// Shows that the device has the secret; from then on it takes the device to log in.
    TotpConfirm {
        /// What the device shows.
        code: TotpCode,
        /// Random codes for when the device is lost.
        fresh: Box<[RecoveryCode; RecoveryCode::COUNT]>,
    },
    /// Takes the second factor away.
    TotpDisable {
        /// Proves again who asks.
        password: Password,
    },
    /// Makes an invite with which somebody may register.
    Invite {
        /// A random code.
        fresh: RecoveryCode,
    },
    /// Posts a message for whoever has the token.
    Post {
        /// A login's.
        token: LoginToken,
        /// Where.
        room: RoomName,
        /// What.
        body: Body,
        /// The sender's own name for it.
        key: Option<MessageKey>,
        /// The message that it answers.
        reply_to: Option<Seq>,
    },
    /// Asks whether the server still waits for its owner, who has a link with this secret.
    Claimable(SecretHash),
    /// Something that only the operator asks, by the control socket.
    Order(Order),
}

/// What the operator of a server asks for; nothing that comes over the network becomes one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Order {
    /// Makes an account.
    Add {
        /// Its name.
        name: UserName,
        /// What is kept of its password.
        password: PasswordHash,
        /// Whether it owns the server.
        is_admin: bool,
    },
    /// Makes an account for a program, or another token for it.
    AddBot {
        /// Its name.
        name: UserName,
        /// What it will hold.
        token: LoginToken,
    },
    /// Sets another password; all logins end.
    SetPassword {
        /// Whose.
        name: UserName,
        /// What is kept of it.
        password: PasswordHash,
    },
    /// Has nobody log in any more, or lets somebody again.
    Disable {
        /// To which account.
        name: UserName,
        /// Which of both.
        is_disabled: bool,
    },
    /// Asks which accounts there are.
    List,
    /// Lets somebody in again who is banned from the server.
    Unban(Whom),
    /// Asks who is.
    Bans,
}

/// An account that somebody claims to have, beside its password.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Login {
    /// Its name.
    pub name: UserName,
    /// What else proves it.
    pub factor: Option<SecondFactor>,
    /// What to open.
    pub opening: Opening,
}

/// An account that somebody wants.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Registration {
    /// Its name.
    pub name: UserName,
    /// Its password.
    pub password: NewPassword,
    /// By what right.
    pub grounds: Grounds,
    /// What to open for it.
    pub opening: Opening,
}

/// By what right somebody gets an account.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Grounds {
    /// None: anybody may, or nobody.
    None,
    /// An invite.
    Invite(SecretHash),
    /// The one-time link of the server's first owner.
    Claim(SecretHash),
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
    /// Somebody with an account, who logs in.
    Password {
        /// To what.
        login: Box<Login>,
        /// The password.
        password: Password,
    },
    /// Somebody who logged in before.
    Login(LoginToken),
}

/// Messages, and members, that are told to somebody who enters a room for a glance: what fits a
/// terminal together with the rest of the greeting, and a line or two of names.
pub const MAX_GLANCED_AT: usize = 20;
