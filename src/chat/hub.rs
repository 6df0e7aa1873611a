//! The hub: all rooms and all who are present, as a step function.
//!
//! ```text
//!  Request ──> judge ──granted──> Append ──> the log ──> Committed ──> Answer + Publish
//!                │ └──nothing to keep──> Answer                (memory changes only here)
//!                └──refused──> Answer
//! ```
//!
//! What must last changes the hub's memory only when the log has returned it, so that there is
//! nothing to take back when the log fails, and nothing to be seen that could be lost. Who is
//! present is not in the log and changes at once.
//!
//! A session that waits to enter a room, or for its password to be checked, has its further requests
//! put aside until that is over, so that a client may send them all at once and still have them
//! judged one after the other.
//!
//! Invariants: each request gets exactly one answer (`typing`, when granted, none) unless its
//! session is gone; a session is subscribed to exactly the rooms in its `rooms`; the outputs of a
//! step are in the order in which every connection must see them; requests are put aside only for
//! a session that waits.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::chat::account::Roll;
use crate::chat::accounts::Accounts;
use crate::chat::attempts::Attempts;
use crate::chat::bans::Bans;
use crate::chat::command::{Command, Request, RequestId};
use crate::chat::entrance::{Entrance, Registration};
use crate::chat::error::ChatError;
use crate::chat::event::{Done, Event};
use crate::chat::hash::{Hashed, Hashing};
use crate::chat::heirs::Heirs;
use crate::chat::hub::inheritance::Bequest;
use crate::chat::hub::retention::Erasing;
use crate::chat::log::{Append, Committed, Context, Read, ReadDone, RoomRecord};
use crate::chat::message::Timestamp;
use crate::chat::name::{RoomName, UserName};
use crate::chat::network::{ClientAddress, Network, NetworkBans};
use crate::chat::order::Reason;
use crate::chat::people::People;
use crate::chat::recent::Waiting;
use crate::chat::request_queue::RequestQueue;
use crate::chat::room::{Room, RoomId};
use crate::chat::search::{Search, SearchDone};
use crate::chat::secret::SecretHash;
use crate::chat::shares::{Allowances, Scope, Shares};
use crate::chat::{AccountId, GuestId, PersonId};

mod accounts;
mod arrival;
mod commit;
mod direct;
mod inheritance;
mod keeping;
mod login;
mod membership;
mod messages;
mod order;
mod presence;
mod recorded;
mod retention;
mod rooms;
mod server;
mod sharing;
#[cfg(test)]
mod tests;
mod upkeep;

pub use presence::MAX_PRESENCE_MEMBERS;

use arrival::Session;

/// A connection as the hub knows it: the worker that serves it, and the worker's name for it.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SessionId {
    /// The worker's number, from 0.
    pub worker: u32,
    /// The worker's own name for the connection.
    pub connection: u64,
}

impl SessionId {
    /// The operator's request of that number, by the control socket: no worker serves it.
    pub fn operator(number: u64) -> Self {
        Self {
            worker: OPERATOR,
            connection: number,
        }
    }

    /// Whether it is the operator.
    pub fn is_operator(self) -> bool {
        self.worker == OPERATOR
    }
}

/// What the server's owner decided.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// Whether names without an account are admitted.
    pub guests: bool,
    /// Who may register.
    pub registration: Registration,
    /// What is kept of the one-time link for the server's first owner; it is of no use when there is
    /// one.
    pub claim: Option<SecretHash>,
    /// Most rooms that can exist.
    pub max_rooms: usize,
    /// For how many days messages are kept where a room's owner decided nothing; 0: for ever.
    pub retention_days: u32,
    /// How much somebody may ask for over all of their connections.
    pub allowances: Allowances,
}

/// What the hub is told.
#[derive(Clone, Debug)]
pub enum Input {
    /// Somebody asks for something.
    Request {
        /// On which connection.
        session: SessionId,
        /// From where; not by a socket of this machine.
        from: Option<ClientAddress>,
        /// What.
        request: Request,
    },
    /// A connection is gone.
    Disconnected(SessionId),
    /// The log is through with something, in the order in which it was asked.
    Committed(Committed),
    /// The log answers a question.
    Read(ReadDone),
    /// A password was hashed, or was not.
    Hashed(Hashed),
    /// The log is through with a search.
    Searched(SearchDone),
    /// Time has passed; of interest while [`Hub::is_behind`].
    Tick,
}

/// What is to be done, in this order.
#[derive(Clone, Debug)]
pub enum Output {
    /// Tell one session what became of its request.
    Answer {
        /// Whom.
        to: SessionId,
        /// What they call the request.
        re: Option<RequestId>,
        /// What became of it.
        answer: Result<Done, ChatError>,
    },
    /// Tell all who are subscribed to a room.
    Publish {
        /// Which.
        room: RoomId,
        /// What.
        event: Arc<Event>,
        /// The session that caused it.
        origin: Option<SessionId>,
    },
    /// Tell everybody present.
    Announce(Arc<Event>),
    /// Tell one session.
    Tell {
        /// Whom.
        to: SessionId,
        /// What.
        event: Arc<Event>,
    },
    /// From here on, what is published to the room goes to the session too.
    Subscribe {
        /// Who.
        session: SessionId,
        /// To what.
        room: RoomId,
    },
    /// No longer so.
    Unsubscribe {
        /// Who.
        session: SessionId,
        /// From what.
        room: RoomId,
    },
    /// Hand this to the log.
    Append(Append),
    /// Ask the log this.
    Read(Read),
    /// Have this hashed.
    Hash(Hashing),
    /// Close a connection, whose login is over. The hub knows it no more.
    Close(SessionId),
    /// Close a connection of somebody who is banned. The hub knows it no more.
    ShutOut(SessionId),
    /// Let nobody in from there any more, and close the connections of those who are.
    NetworkBanned {
        /// Where.
        network: Network,
        /// Until then; `None`: until it is lifted.
        until: Option<Timestamp>,
        /// Why, for people.
        reason: Reason,
    },
    /// Let those in again.
    NetworkUnbanned(Network),
    /// Count that a request came too soon for that share.
    Limited(Scope),
    /// Have the log look for this.
    Search(Search),
}

/// All rooms and all who are present.
#[derive(Debug)]
pub struct Hub {
    policy: Policy,
    people: People,
    accounts: Accounts,
    attempts: Attempts,
    /// Whose password somebody gave with a wrong second factor while they were not there.
    to_warn: BTreeSet<AccountId>,
    shares: Shares,
    bans: Bans,
    sessions: BTreeMap<SessionId, Session>,
    /// What sessions have asked that wait for something, and whose turn it is not yet.
    held: BTreeMap<SessionId, RequestQueue<Option<ClientAddress>>>,
    rooms: BTreeMap<RoomId, Room>,
    room_ids: BTreeMap<RoomName, RoomId>,
    /// The number of the next room: one is never used again.
    next_room: u32,
    /// Guests who have become accounts.
    heirs: Heirs,
    /// Guests who are about to: the log has not said so yet.
    bequeathing: BTreeMap<GuestId, Bequest>,
    /// To which rooms somebody belongs.
    belongings: BTreeMap<PersonId, BTreeSet<RoomId>>,
    /// What is held of all rooms' recent pasts.
    recent_weight: usize,
    /// Sessions that wait no longer, and may have requests put aside.
    resumable: Vec<SessionId>,
    /// Rooms that have not been told of all who came and went.
    behind: BTreeSet<RoomId>,
    /// Rooms with news that those elsewhere have not been told.
    untold: BTreeSet<RoomId>,
    /// Rooms that nobody may need any more.
    abandoned: BTreeSet<RoomId>,
    /// When those were looked at.
    cleared_at: Timestamp,
    /// When the oldest of what is kept for a time is too old, for each room.
    expiries: BTreeSet<(Timestamp, RoomId)>,
    /// What the log is doing about it.
    erasing: Erasing,
    /// When the logins of those who are connected end by themselves.
    ends: BTreeSet<(Timestamp, SessionId)>,
    /// Pages under way of rooms that are gone.
    stale_reads: BTreeMap<RoomName, usize>,
    /// When they were told what they could bear.
    caught_up_at: Timestamp,
    /// The time of this step.
    now: Timestamp,
}

/// One request under way, with what judging it needs.
struct Asking<'a> {
    context: Context,
    at: Timestamp,
    person: PersonId,
    name: UserName,
    output: &'a mut Vec<Output>,
}

impl Hub {
    /// A hub over the rooms that the log knows.
    pub fn new(policy: Policy, records: impl IntoIterator<Item = RoomRecord>) -> Self {
        let mut hub = Self {
            policy,
            people: People::default(),
            accounts: Accounts::default(),
            attempts: Attempts::default(),
            to_warn: BTreeSet::new(),
            shares: Shares::default(),
            bans: Bans::default(),
            sessions: BTreeMap::new(),
            held: BTreeMap::new(),
            rooms: BTreeMap::new(),
            room_ids: BTreeMap::new(),
            next_room: 0,
            heirs: Heirs::default(),
            bequeathing: BTreeMap::new(),
            belongings: BTreeMap::new(),
            recent_weight: 0,
            resumable: Vec::new(),
            behind: BTreeSet::new(),
            untold: BTreeSet::new(),
            abandoned: BTreeSet::new(),
            cleared_at: Timestamp::default(),
            expiries: BTreeSet::new(),
            erasing: Erasing::Paused(Timestamp::default()),
            ends: BTreeSet::new(),
            stale_reads: BTreeMap::new(),
            caught_up_at: Timestamp::default(),
            now: Timestamp::default(),
        };
        for record in records {
            let id = hub.insert_room(record);
            hub.consider_abandoned(id);
        }
        hub
    }

    /// The hub, with the accounts, bans and heirs that the log knows.
    #[must_use]
    pub fn with_accounts(self, mut roll: Roll) -> Self {
        let bans = Bans::new(std::mem::take(&mut roll.bans));
        let heirs = Heirs::new(std::mem::take(&mut roll.heirs));
        let accounts = Accounts::new(roll);
        Self {
            accounts,
            bans,
            heirs,
            ..self
        }
    }

    /// From where nobody is to be let in; what changes of it is told.
    pub fn network_bans(&self) -> NetworkBans {
        self.bans.networks()
    }

    /// Whom it lets in.
    pub fn entrance(&self) -> Entrance {
        Entrance {
            guests: self.policy.guests,
            registration: self.policy.registration,
        }
    }

    /// Takes one input, and appends what is to be done about it.
    pub fn step(&mut self, input: Input, now: Timestamp, output: &mut Vec<Output>) {
        self.now = now;
        match input {
            Input::Request {
                session,
                from,
                request,
            } => self.request(session, from, request, output),
            Input::Disconnected(session) => self.disconnect(session, output),
            Input::Committed(committed) => self.committed(committed, output),
            Input::Read(done) => self.read_done(done, output),
            Input::Hashed(hashed) => self.hashed(hashed, output),
            Input::Searched(done) => self.searched(done, output),
            Input::Tick => {}
        }
        while let Some(session) = self.resumable.pop() {
            self.resume(session, output);
        }
        self.catch_up(output);
        self.clear_away(output);
        self.expire(output);
        self.end_sessions(output);
        self.assert_invariants();
    }

    /// Whether there is something to tell as time passes, for which [`Input::Tick`] asks.
    pub fn is_behind(&self) -> bool {
        !self.behind.is_empty() || !self.untold.is_empty()
    }

    /// How many rooms there are.
    pub fn room_count(&self) -> usize {
        self.rooms.len()
    }

    /// Whether nobody is here: no session, nobody who speaks through one, no member of a room.
    #[cfg(test)]
    pub(crate) fn is_deserted(&self) -> bool {
        self.sessions.is_empty()
            && self.held.is_empty()
            && self.people.is_empty()
            && self.rooms.values().all(|room| room.present_count() == 0)
    }

    fn request(
        &mut self,
        id: SessionId,
        from: Option<ClientAddress>,
        request: Request,
        output: &mut Vec<Output>,
    ) {
        let context = |re| Context {
            session: id,
            from,
            re,
        };
        if let Some(put_aside) = self.held.get_mut(&id) {
            if let Some(request) = put_aside.push(request, from) {
                let busy = ChatError::Busy("an earlier request is not answered yet");
                answer(context(request.id), Err(busy), output);
            }
            return;
        }
        let context = context(request.id);
        if let Err(error) = self.judge(&context, request.command, self.now, output) {
            answer(context, Err(error), output);
        }
    }

    /// Goes on with what was put aside while a session waited.
    fn resume(&mut self, id: SessionId, output: &mut Vec<Output>) {
        let mut put_aside = self.held.remove(&id).unwrap_or_default();
        while let Some((request, from)) = put_aside.pop() {
            self.request(id, from, request, output);
            if let Some(held) = self.held.get_mut(&id) {
                // It waits again, and the rest with it.
                *held = put_aside;
                return;
            }
        }
    }

    /// Has what a session asks from now on put aside until what it waits for is answered.
    fn hold(&mut self, id: SessionId) {
        self.held.entry(id).or_default();
    }

    /// Answers what a session waited for.
    fn release(
        &mut self,
        context: Context,
        result: Result<Done, ChatError>,
        output: &mut Vec<Output>,
    ) {
        if self.held.contains_key(&context.session) {
            self.resumable.push(context.session);
        }
        answer(context, result, output);
    }

    /// Judges a request; what is refused is answered by the caller.
    fn judge(
        &mut self,
        context: &Context,
        command: Command,
        at: Timestamp,
        output: &mut Vec<Output>,
    ) -> Result<(), ChatError> {
        let command = match command {
            Command::Hello(hello) => return self.hello(context, hello, output),
            Command::Account(command) => return self.account_command(context, command, output),
            other => other,
        };
        self.see(context, output);
        let asking = self.asking(context, at, output)?;
        self.judge_of(asking, command)
    }

    /// Judges a request of somebody who has said who they are.
    fn judge_of(&mut self, mut asking: Asking<'_>, command: Command) -> Result<(), ChatError> {
        if let Err(refusal) = self.charge_for(&mut asking, &command) {
            return self.refuse(&mut asking, &command, refusal);
        }
        match command {
            Command::Hello(_) | Command::Account(_) => Ok(()),
            Command::Join {
                room,
                since,
                rev,
                create,
                invite,
                glance,
            } => {
                let waiting = Waiting {
                    glance,
                    ..asking.waiting(since, rev)
                };
                self.join(&mut asking, room, waiting, create, invite.as_ref())
            }
            Command::Leave { room } => self.leave(&mut asking, &room),
            Command::Create {
                room,
                visibility,
                topic,
            } => self.create(&mut asking, room, visibility, topic),
            Command::Send {
                room,
                body,
                key,
                reply_to,
            } => self.send(&mut asking, &room, body, key, reply_to),
            Command::Typing { room } => self.typing(&mut asking, &room),
            Command::Edit { room, seq, body } => self.edit(&mut asking, &room, seq, body),
            Command::Delete { room, seq } => self.delete(&mut asking, &room, seq),
            Command::React {
                room,
                seq,
                emoji,
                on,
            } => self.react(&mut asking, &room, seq, emoji, on),
            Command::History { room, span, limit } => self.history(&mut asking, &room, span, limit),
            Command::Search {
                query,
                room,
                before,
                limit,
            } => self.search(&mut asking, query, room.as_ref(), before, limit),
            Command::Rooms => {
                self.list_rooms(&mut asking);
                Ok(())
            }
            Command::Who { room } => self.who(&mut asking, &room),
            Command::Topic { room, topic } => self.set_topic(&mut asking, &room, topic),
            Command::Direct { to } => self.direct(&mut asking, &to),
            Command::Room { room, command } => self.keep_room(&mut asking, &room, command),
            Command::Server(command) => self.server_command(&mut asking, command),
        }
    }

    /// What judging needs to know of whoever asks on a session.
    fn asking<'a>(
        &self,
        context: &Context,
        at: Timestamp,
        output: &'a mut Vec<Output>,
    ) -> Result<Asking<'a>, ChatError> {
        let session = self.sessions.get(&context.session);
        let id = session.ok_or(ChatError::NotAuthenticated)?.person;
        let person = self.people.get(id).ok_or(ChatError::NotAuthenticated)?;
        Ok(Asking {
            context: context.clone(),
            at,
            person: id,
            name: person.name.clone(),
            output,
        })
    }

    fn disconnect(&mut self, id: SessionId, output: &mut Vec<Output>) {
        self.held.remove(&id);
        let Some(session) = self.sessions.remove(&id) else {
            return;
        };
        let Some(person) = self.people.get(session.person) else {
            return;
        };
        if let Some(ends_at) = session.ends_at {
            self.ends.remove(&(ends_at, id));
        }
        let name = person.name.clone();
        let person = session.person;
        for room in session.rooms {
            self.detach(id, person, &name, room, output);
        }
        self.people.detach(person, id);
        for room in self.belongings.get(&person).into_iter().flatten() {
            if let Some(room) = self.rooms.get_mut(room) {
                room.elsewhere.remove(&id);
            }
        }
        if self.people.get(person).is_none() {
            self.consider_rooms_of(person);
        }
    }

    /// Takes a connection out of a room; the session's own list is the caller's business.
    fn detach(
        &mut self,
        session: SessionId,
        person: PersonId,
        name: &UserName,
        id: RoomId,
        output: &mut Vec<Output>,
    ) {
        output.push(Output::Unsubscribe { session, room: id });
        if self.weigh(id, |room| room.leave(person)) {
            self.presence_changed(id, name.clone(), false, output);
            self.consider_abandoned(id);
        }
        self.belonging_changed(person, id);
    }

    fn insert_room(&mut self, record: RoomRecord) -> RoomId {
        let id = RoomId(self.next_room);
        self.next_room += 1;
        self.room_ids.insert(record.name.clone(), id);
        let room = Room::new(record);
        let parties = room.parties.iter().map(|party| party.person);
        for person in room.people().chain(parties) {
            self.belongings.entry(person).or_default().insert(id);
        }
        self.rooms.insert(id, room);
        self.plan_expiry(id);
        id
    }

    fn room(&self, id: RoomId) -> &Room {
        &self.rooms[&id]
    }

    fn room_mut(&mut self, id: RoomId) -> &mut Room {
        self.rooms.get_mut(&id).expect("ids come from room_ids")
    }

    /// Checks what binds people, sessions and rooms to each other; for small hubs, in debug builds.
    fn assert_invariants(&self) {
        if !cfg!(debug_assertions) || self.sessions.len() > MAX_CHECKED_SESSIONS {
            return;
        }
        self.people.assert_invariants();
        let weights = self.rooms.values().map(|room| room.recent.weight());
        debug_assert_eq!(weights.sum::<usize>(), self.recent_weight);
        if self.rooms.len() <= MAX_CHECKED_ROOMS {
            self.rooms.values().for_each(Room::assert_invariants);
            self.assert_belongings();
        }
        for (id, session) in &self.sessions {
            let person = self
                .people
                .get(session.person)
                .expect("a session speaks for somebody");
            debug_assert!(person.sessions.contains(id));
            debug_assert!(
                session
                    .rooms
                    .iter()
                    .all(|room| self.room(*room).is_member(session.person))
            );
        }
    }
}

/// What a connection bears.
const TOO_MANY_ROOMS_HERE: ChatError =
    ChatError::Forbidden("a connection can be in 100 rooms; leave one first");

/// Answers a request.
fn answer(context: Context, answer: Result<Done, ChatError>, output: &mut Vec<Output>) {
    output.push(Output::Answer {
        to: context.session,
        re: context.re,
        answer,
    });
}

/// Members listed on entering, so that a thousand joins do not cost a million names.
pub const MAX_LISTED_ON_JOIN: usize = 200;

/// Members listed when asked for.
pub const MAX_LISTED_MEMBERS: usize = 1_000;

/// Rooms listed when asked for.
pub const MAX_LISTED_ROOMS: usize = 1_000;

/// About how many bytes such a list has at most: twenty bytes ask for it, and one of a thousand
/// rooms with the longest topics would put a slow reader over what an outbox may hold for long.
pub const MAX_LISTED_WEIGHT: usize = 128 * 1024;

/// Messages of one `history` answer.
pub const MAX_HISTORY: usize = 200;

/// Messages of one `search` answer.
pub const MAX_FOUND: usize = 50;

/// Rooms that one connection can be in.
pub const MAX_ROOMS_PER_SESSION: usize = 100;

/// A worker that no server has.
const OPERATOR: u32 = u32::MAX;

/// Checking everything at each step is for tests of this size.
const MAX_CHECKED_SESSIONS: usize = 32;
const MAX_CHECKED_ROOMS: usize = 32;
