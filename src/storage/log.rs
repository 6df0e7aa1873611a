//! The log's writer: a batch of facts in, one transaction, and what became of each out.

use std::collections::BTreeMap;

use crate::chat::PersonId;
use crate::chat::account::{AccountFact, NewAccount, Roll};
use crate::chat::event::Role;
use crate::chat::log::{
    Append, Committed, Fact, LogError, Recorded, RoomFact, RoomRecord, Visibility,
};
use crate::chat::message::{MessageKey, Rev, Seq, Timestamp};
use crate::chat::name::RoomName;
use crate::chat::order::Party;
use crate::chat::password::PasswordHash;
use crate::storage::accounts::{self, read_roll};
use crate::storage::data_dir::DataDir;
#[cfg(test)]
use crate::storage::database::DiskFault;
use crate::storage::database::{
    Database, DatabaseError, NewMessage, NewRoom, Portion, RoomRow, RoomState, Transaction,
};
use crate::storage::error::StorageError;
use crate::storage::opening::open_writer;
use crate::storage::rows::books::read_books;
use crate::storage::rows::{read_role, read_room, write_event, write_person, write_visibility};

mod books;
mod changes;
mod erasure;
mod inheritance;
mod server;

/// The one writer of the database.
#[derive(Debug)]
pub struct Log {
    database: Database,
    /// Whether the newest transaction failed: a streak of failures is reported once.
    is_failing: bool,
    /// Whether something may be left of rooms that were removed.
    has_remains: bool,
    /// How much the next transaction erases: more and more while there is nothing else to write.
    portion: Portion,
    /// Keeps the directory locked.
    _dir: DataDir,
}

impl Log {
    /// Opens the log of a data directory, a new one with `lobby` in it if there is none.
    ///
    /// # Errors
    /// Every [`StorageError`] that is about files and databases; the files are left as they were.
    pub fn open(dir: &DataDir) -> Result<Self, StorageError> {
        Ok(Self {
            database: open_writer(dir)?,
            is_failing: false,
            has_remains: true,
            portion: Portion::SMALL,
            _dir: dir.clone(),
        })
    }

    /// Reads all rooms, in the order of their creation.
    ///
    /// Rooms whose name and key were edited by hand into something that is no name are left out.
    ///
    /// # Errors
    /// [`StorageError::Database`].
    pub fn rooms(&mut self) -> Result<Vec<RoomRecord>, StorageError> {
        let (rooms, rows, books) = self.database.rooms()?;
        let mut roles: BTreeMap<String, Vec<(PersonId, Role)>> = BTreeMap::new();
        for row in rows {
            if let Some(role) = read_role(&row) {
                roles.entry(row.room).or_default().push(role);
            }
        }
        let mut books = read_books(books);
        let read = |row: RoomRow| {
            let roles = roles.remove(&row.key).unwrap_or_default();
            read_room(&row, roles, books.remove(&row.key).unwrap_or_default())
        };
        Ok(rooms.into_iter().filter_map(read).collect())
    }

    /// Reads all accounts, and what belongs to them.
    ///
    /// # Errors
    /// [`StorageError::Database`].
    pub fn accounts(&mut self) -> Result<Roll, StorageError> {
        Ok(read_roll(self.database.roll()?))
    }

    /// Records a batch in one transaction, and returns it in the same order once it is durable.
    ///
    /// If the database fails, nothing of the batch happened and every answer is
    /// [`LogError::Unavailable`]; the next batch tries again. A failed sync leaves one doubt: if
    /// power fails before the next commit, the batch may be there after all.
    pub fn append(&mut self, batch: Vec<Append>) -> Vec<Committed> {
        let is_quiet = batch.iter().all(erasure::is_expiry);
        if !is_quiet {
            self.portion = Portion::SMALL;
        }
        let outcomes = match self.record(&batch) {
            Ok(outcomes) => {
                if self.is_failing {
                    tracing::info!("the log takes messages again");
                }
                self.has_remains |= self.is_failing || batch.iter().any(erasure::is_removal);
                self.is_failing = false;
                outcomes
            }
            Err(error) => {
                self.failed(&error);
                vec![Err(LogError::Unavailable); batch.len()]
            }
        };
        if is_quiet {
            self.portion = self.portion.larger();
        }
        batch
            .into_iter()
            .zip(outcomes)
            .map(|(append, outcome)| Committed { append, outcome })
            .collect()
    }

    /// Leaves everything in the database file and an empty write-ahead log.
    pub fn close(self) {
        // What stays in the write-ahead log is as durable there.
        if let Err(error) = self.database.checkpoint() {
            tracing::warn!(%error, "the write-ahead log could not be emptied");
        }
    }

    fn record(&mut self, batch: &[Append]) -> Result<Vec<Outcome>, DatabaseError> {
        let mut transcript = Transcript::begin(self.database.begin()?, self.portion)?;
        let outcomes = batch
            .iter()
            .map(|append| transcript.record(append))
            .collect::<Result<_, _>>()?;
        transcript.commit()?;
        Ok(outcomes)
    }

    /// Takes note that a transaction failed: nothing of it happened.
    fn failed(&mut self, error: &DatabaseError) {
        if !self.is_failing {
            tracing::error!(%error, "the log cannot take messages");
        }
        self.is_failing = true;
        self.database.note_failure(error);
    }
}

type Outcome = Result<Recorded, LogError>;

/// A transaction in progress.
///
/// Rooms' counters are kept here until the end: each room is read and written once per batch, and
/// a transaction rolled back takes them with it.
struct Transcript<'c> {
    transaction: Transaction<'c>,
    portion: Portion,
    /// By key.
    rooms: BTreeMap<String, Room>,
    newest_event: i64,
}

#[derive(Clone, Copy)]
struct Room {
    state: RoomState,
    is_changed: bool,
}

impl<'c> Transcript<'c> {
    fn begin(transaction: Transaction<'c>, portion: Portion) -> Result<Self, DatabaseError> {
        Ok(Self {
            newest_event: transaction.newest_event()?,
            transaction,
            portion,
            rooms: BTreeMap::new(),
        })
    }

    fn record(&mut self, append: &Append) -> Result<Outcome, DatabaseError> {
        match (&append.fact, append.fact.room()) {
            (Fact::Account(fact), _) => self.record_account(append, fact),
            (Fact::Server(fact), _) => Ok(Ok(self.record_server(append, fact)?)),
            (_, Some(name)) => self.record_in(name, append),
            (_, None) => Ok(Err(LogError::NoSuchRoom)),
        }
    }

    fn record_in(&mut self, name: &RoomName, append: &Append) -> Result<Outcome, DatabaseError> {
        let room = self.room(name)?;
        let recorded = match (&append.fact, room) {
            (Fact::Account(_) | Fact::Server(_), _) => Recorded::Noted,
            (Fact::RoomCreated { .. }, Some(_)) => Recorded::RoomExisted,
            (
                Fact::RoomCreated {
                    room: name,
                    visibility,
                    topic,
                    owner,
                    by,
                    join: _,
                },
                None,
            ) => {
                let owner = Party {
                    person: *owner,
                    name: by.clone(),
                };
                self.create_room(append, name, *visibility, topic.as_str(), &owner)?
            }
            (Fact::DirectOpened { .. }, Some(_)) => Recorded::RoomExisted,
            (
                Fact::DirectOpened {
                    room: name,
                    parties,
                },
                None,
            ) => self.open_direct(append, name, parties)?,
            (_, None) => return Ok(Err(LogError::NoSuchRoom)),
            // Whatever was decided before it stands, though it was judged without.
            (
                Fact::Room {
                    fact: RoomFact::Joined { account, .. },
                    ..
                },
                Some(room),
            ) if self.is_banned(append.at, *account, room)? => return Ok(Err(LogError::Banned)),
            (Fact::Room { fact, .. }, Some(room)) => self.keep(append, fact, room)?,
            (
                Fact::MessagePosted {
                    room: _,
                    from,
                    person,
                    body,
                    key,
                    reply_to,
                },
                Some(room),
            ) => self.post(
                append,
                (*person, room),
                &NewMessage {
                    room: room.id,
                    seq: room.seq + 1,
                    event: self.newest_event + 1,
                    at: append.at.0,
                    sender: from.as_str(),
                    sender_key: from.key(),
                    person: &write_person(*person),
                    body: body.as_str(),
                    key: key.as_ref().map(MessageKey::as_str),
                    reply_to: *reply_to,
                },
            )?,
            (
                Fact::MessageRefused {
                    from, person, key, ..
                },
                Some(room),
            ) => return self.repeat(room, from.key(), *person, key.as_str()),
            (_, Some(room)) => return self.change(append, room),
        };
        Ok(Ok(recorded))
    }

    fn record_account(
        &mut self,
        append: &Append,
        fact: &AccountFact,
    ) -> Result<Outcome, DatabaseError> {
        if let AccountFact::Opened(NewAccount { name, .. }) = fact
            && self.transaction.has_account(name.key(), name.look())?
        {
            return Ok(Ok(Recorded::AccountExisted));
        }
        // Whatever was decided before it stands: a password that was changed, an account disabled.
        if let AccountFact::LoggedIn {
            account, against, ..
        } = fact
        {
            let against = against.as_ref().map(PasswordHash::as_str);
            if !self.transaction.may_log_in(account.0, against)? {
                return Ok(Err(LogError::Outdated));
            }
        }
        // That somebody is still there is no event.
        let event = match fact {
            AccountFact::Seen { .. } => 0,
            _ => self.insert_event(append, &append.fact, NO_ROOM)?,
        };
        let recorded = accounts::record(&self.transaction, event, append.at, fact)?;
        self.hand_over(append.at, fact, &recorded)?;
        Ok(Ok(recorded))
    }

    fn change(&mut self, append: &Append, room: RoomState) -> Result<Outcome, DatabaseError> {
        match &append.fact {
            Fact::TopicChanged { topic, .. } => {
                let rev = self.insert_change(append, &append.fact, room, None)?;
                self.transaction.set_topic(room.id, topic.as_str())?;
                Ok(Ok(Recorded::TopicSet { rev }))
            }
            Fact::MessageEdited {
                seq, body, person, ..
            } => self.edit(append, room, *seq, body, *person),
            Fact::MessageDeleted {
                seq,
                person,
                others,
                ..
            } => self.delete(append, room, *seq, *person, *others),
            Fact::Reacted {
                seq,
                emoji,
                on,
                from,
                person,
                ..
            } => self.react(append, room, *seq, emoji, (*on, from, *person)),
            Fact::RoomCreated { .. }
            | Fact::MessagePosted { .. }
            | Fact::MessageRefused { .. }
            | Fact::DirectOpened { .. }
            | Fact::Room { .. }
            | Fact::Account(_)
            | Fact::Server(_) => {
                unreachable!("these are recorded by themselves")
            }
        }
    }

    fn create_room(
        &mut self,
        append: &Append,
        name: &RoomName,
        visibility: Visibility,
        topic: &str,
        owner: &Party,
    ) -> Result<Recorded, DatabaseError> {
        let id = self.insert_room(append, name, visibility, topic)?;
        let person = write_person(owner.person);
        self.transaction
            .set_role(id, &person, Role::Owner.as_str())?;
        if let PersonId::Account(account) = owner.person {
            let name = owner.name.as_str();
            self.transaction.insert_member(id, account.0, name, 0)?;
        }
        Ok(Recorded::RoomCreated)
    }

    /// Makes a room that has nobody in it yet; its number.
    fn insert_room(
        &mut self,
        append: &Append,
        name: &RoomName,
        visibility: Visibility,
        topic: &str,
    ) -> Result<i64, DatabaseError> {
        let id = self.newest_event + 1;
        self.insert_event(append, &append.fact, id)?;
        self.transaction.insert_room(&NewRoom {
            id,
            key: name.key(),
            name: name.as_str(),
            visibility: write_visibility(visibility),
            topic,
            created_at: append.at.0,
        })?;
        let room = Room::unchanged(RoomState {
            id,
            seq: 0,
            rev: 0,
            is_public: visibility == Visibility::Public,
            erased: 0,
        });
        self.rooms.insert(name.key().to_owned(), room);
        Ok(id)
    }

    fn post(
        &mut self,
        append: &Append,
        (person, room): (PersonId, RoomState),
        row: &NewMessage<'_>,
    ) -> Result<Recorded, DatabaseError> {
        if let Some(key) = row.key
            && let Some(first) = self.said_as_guest(room, person, key)?
        {
            return Ok(repeated(first));
        }
        // The unique index finds a repeated key: most keys are new, and cost no look-up this way.
        let is_new = self.transaction.insert_message(row)?;
        if let (false, Some(key)) = (is_new, row.key) {
            let first = (self.transaction).message_by_key(row.room, row.sender_key, key)?;
            return Ok(repeated(first));
        }
        self.transaction
            .index(row.event, row.body, row.room, room.is_public)?;
        self.insert_event(append, &append.fact, row.room)?;
        if let PersonId::Account(account) = person {
            // Who speaks has read what was said.
            self.transaction.set_read(row.room, account.0, row.seq)?;
        }
        self.change_room(append.fact.room(), |room| room.seq = row.seq);
        Ok(Recorded::Posted { seq: row.seq })
    }

    /// Finds what was posted before with a key.
    fn repeat(
        &self,
        room: RoomState,
        sender_key: &str,
        person: PersonId,
        key: &str,
    ) -> Result<Outcome, DatabaseError> {
        let first = match self.said_as_guest(room, person, key)? {
            None => (self.transaction).find_message_by_key(room.id, sender_key, key)?,
            first => first,
        };
        let first = first.filter(|(seq, _)| *seq > room.erased);
        Ok(first.map(repeated).ok_or(LogError::NoSuchMessage))
    }

    /// Writes an event that is a change of the room, and of which message it holds another body; the
    /// room's number of changes with it.
    fn insert_change(
        &mut self,
        append: &Append,
        fact: &Fact,
        room: RoomState,
        edited: Option<Seq>,
    ) -> Result<Rev, DatabaseError> {
        let rev = room.rev + 1;
        let event = self.insert_event(append, fact, room.id)?;
        self.transaction
            .insert_change(room.id, rev, event, edited)?;
        self.change_room(append.fact.room(), |room| room.rev = rev);
        Ok(rev)
    }

    /// Writes the next event; its number.
    fn insert_event(
        &mut self,
        append: &Append,
        fact: &Fact,
        room: i64,
    ) -> Result<i64, DatabaseError> {
        let id = self.newest_event + 1;
        let (kind, payload) = write_event(fact);
        self.transaction
            .insert_event(id, append.at.0, room, kind, &payload)?;
        self.newest_event = id;
        Ok(id)
    }

    fn room(&mut self, name: &RoomName) -> Result<Option<RoomState>, DatabaseError> {
        if let Some(room) = self.rooms.get(name.key()) {
            return Ok(Some(room.state));
        }
        let state = self.transaction.room(name.key())?;
        if let Some(state) = state {
            self.rooms
                .insert(name.key().to_owned(), Room::unchanged(state));
        }
        Ok(state)
    }

    /// Forgets a room that was removed: its name may be another one's in the same batch.
    fn forget_room(&mut self, name: &RoomName) -> Result<(), DatabaseError> {
        match self.rooms.remove(name.key()) {
            Some(room) if room.is_changed => self.transaction.set_counters(room.state),
            _ => Ok(()),
        }
    }

    fn change_room(&mut self, name: Option<&RoomName>, change: impl FnOnce(&mut RoomState)) {
        let room = name.and_then(|name| self.rooms.get_mut(name.key()));
        let room = room.expect("a fact is recorded after its room was looked up");
        change(&mut room.state);
        room.is_changed = true;
    }

    fn commit(self) -> Result<(), DatabaseError> {
        for room in self.rooms.values().filter(|room| room.is_changed) {
            self.transaction.set_counters(room.state)?;
        }
        self.transaction.commit()
    }
}

impl Room {
    fn unchanged(state: RoomState) -> Self {
        Self {
            state,
            is_changed: false,
        }
    }
}

fn repeated((seq, at): (Seq, i64)) -> Recorded {
    let at = Timestamp(at);
    Recorded::Repeated { seq, at }
}

/// What events about accounts and the whole server have in place of a room.
const NO_ROOM: i64 = 0;

#[cfg(test)]
impl Log {
    /// Has the disk fail from now on, or work again.
    pub(crate) fn set_fault(&mut self, fault: Option<DiskFault>) {
        self.database.set_fault(fault);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::GuestId;
    use crate::chat::hub::SessionId;
    use crate::chat::log::Context;
    use crate::chat::message::Body;
    use crate::chat::name::UserName;

    #[test]
    fn log_that_may_not_grow_is_unavailable_as_a_whole_until_it_may() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = Log::open(&DataDir::open(dir.path()).unwrap()).unwrap();
        let outcomes = |log: &mut Log, len: usize| -> Vec<Outcome> {
            let batch = vec![post("x"), post(&"x".repeat(len)), post("x")];
            let committed = log.append(batch).into_iter();
            committed.map(|committed| committed.outcome).collect()
        };
        let posted = |seqs: [u64; 3]| seqs.map(|seq| Ok(Recorded::Posted { seq }));
        assert_eq!(outcomes(&mut log, 1), posted([1, 2, 3]));
        log.database.limit_growth(0);
        for _ in 0..3 {
            let refused = [const { Err(LogError::Unavailable) }; 3];
            assert_eq!(outcomes(&mut log, 7_999), refused);
        }
        // What fits still goes in, and a failure leaves no gap.
        assert_eq!(outcomes(&mut log, 1), posted([4, 5, 6]));
        log.database.limit_growth(1_000);
        assert_eq!(outcomes(&mut log, 7_999), posted([7, 8, 9]));
    }

    fn post(body: &str) -> Append {
        let session = SessionId {
            worker: 0,
            connection: 0,
        };
        Append {
            context: Context {
                session,
                from: None,
                re: None,
            },
            at: Timestamp(0),
            fact: Fact::MessagePosted {
                room: RoomName::lobby(),
                from: UserName::parse("ada").unwrap(),
                person: PersonId::Guest(GuestId(1)),
                body: Body::parse(body).unwrap(),
                key: None,
                reply_to: None,
            },
        }
    }
}
