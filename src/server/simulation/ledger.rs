//! What the log has said is durable: all that anybody is shown must agree with it.
//!
//! Whatever the log writes has a *position* in one order of everything. How much of that the hub was
//! told when it decided something tells what it could know: by that its decisions are judged.

mod accounts;
mod bans;
mod books;
mod compare;
mod eyes;
mod inheritance;
mod past;
mod shares;
mod shown;
mod turns;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::RangeInclusive;

pub(super) use accounts::Accounts;
pub(super) use bans::Bans;
use books::Books;
pub(super) use books::DAY_MS;
pub(super) use eyes::{Eyes, Happened, Moment};
use past::Past;
use shares::Shares;
pub(super) use shown::AsOf;

use crate::chat::log::{Append, Committed, Fact, LogError, Recorded, RoomFact, Visibility};
use crate::chat::order::{Party, RestraintKind};
use crate::chat::shares::Allowances;
use crate::chat::{AccountId, Body, GuestId, Message, PersonId, Timestamp};

/// A promise that was broken, and how.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Violation(pub(super) String);

pub(super) type Checked<T = ()> = Result<T, Violation>;

/// Fails with a story unless a promise was kept.
macro_rules! ensure {
    ($kept:expr, $($story:tt)*) => {
        if !$kept {
            return Err($crate::server::simulation::ledger::Violation(format!($($story)*)));
        }
    };
}
pub(super) use ensure;

/// How much was recorded before something.
pub(super) type Position = u64;

/// Guests whom somebody was, with what they were called at last.
type Guests = Vec<(PersonId, String)>;

/// All that is durable.
#[derive(Debug)]
pub(super) struct Ledger {
    /// How much there is.
    position: Position,
    /// How much of that the hub was told.
    told: Position,
    /// How much there was when the hub of now began.
    began_at: Position,
    rooms: BTreeMap<String, Room>,
    /// Where each text was said.
    said: BTreeMap<String, Vec<(String, u64)>>,
    pub(super) accounts: Accounts,
    /// Who is kept out of the server.
    pub(super) bans: Bans,
    /// What was said of late.
    shares: Shares,
    /// Guests, and the accounts that they became.
    heirs: BTreeSet<(PersonId, PersonId)>,
    /// When guests became the first of those.
    handed_over: BTreeMap<GuestId, Position>,
    /// The guests whom each account was, with what they were called at last.
    guests: BTreeMap<PersonId, Guests>,
    /// For how many days messages are kept where nobody decided; 0: for ever.
    retention_days: u32,
}

/// What happened in a room, and how it is kept.
#[derive(Debug)]
struct Room {
    past: Past,
    books: Books,
}

impl Ledger {
    /// As a new log has it.
    pub(super) fn new(retention_days: u32, allowances: Allowances) -> Self {
        Self {
            retention_days,
            shares: Shares::new(allowances),
            bans: Bans::default(),
            handed_over: BTreeMap::new(),
            position: 0,
            told: 0,
            began_at: 0,
            rooms: BTreeMap::from([("lobby".to_owned(), Room::new(Visibility::Public))]),
            said: BTreeMap::new(),
            accounts: Accounts::default(),
            heirs: BTreeSet::new(),
            guests: BTreeMap::new(),
        }
    }

    /// How much there is.
    pub(super) fn position(&self) -> Position {
        self.position
    }

    /// How much the hub was told.
    pub(super) fn told(&self) -> Position {
        self.told
    }

    /// The hub is told of one thing more.
    pub(super) fn tell(&mut self) {
        self.told += 1;
    }

    /// A new hub reads all there is.
    pub(super) fn tell_all(&mut self) {
        self.told = self.position;
        self.began_at = self.position;
        self.shares.forget();
    }

    /// Takes note of what the log says, which must follow from all that it said before, and from
    /// what the hub had been told when it asked for it.
    pub(super) fn record(&mut self, committed: &Committed, told: Position) -> Checked {
        let position = self.position;
        self.position += 1;
        let Committed { append, outcome } = committed;
        self.bans.see(append.at);
        match &append.fact {
            Fact::Account(fact) => {
                self.hand_over(append.at, fact, outcome, position);
                self.accounts.record(fact, outcome, position)
            }
            Fact::Server(_) if outcome.is_err() => Ok(()),
            Fact::Server(fact) => {
                let accounts = &self.accounts;
                let is_owner = |account| accounts.is_owner(account);
                self.bans.record(fact, is_owner, position)
            }
            fact => match fact.room() {
                Some(room) => {
                    let room = room.as_str().to_owned();
                    self.record_in(&room, append, outcome, (position, told))
                }
                None => Err(Violation(format!("{fact:?} was recorded"))),
            },
        }
    }

    fn record_in(
        &mut self,
        name: &str,
        append: &Append,
        outcome: &Result<Recorded, LogError>,
        (position, told): (Position, Position),
    ) -> Checked {
        if *outcome == Err(LogError::Unavailable) {
            return Ok(());
        }
        let fact = &append.fact;
        let Some(room) = self.rooms.get_mut(name) else {
            let is_new = *outcome == Ok(Recorded::RoomCreated);
            let is_none = *outcome == Err(LogError::NoSuchRoom);
            match Room::begun(fact, position) {
                Some(room) if is_new => {
                    self.rooms.insert(name.to_owned(), room);
                }
                begun => ensure!(
                    begun.is_none() && is_none,
                    "the log made {outcome:?} of {fact:?}"
                ),
            }
            return Ok(());
        };
        match (fact, outcome) {
            (Fact::RoomCreated { .. } | Fact::DirectOpened { .. }, Ok(Recorded::RoomExisted)) => {}
            (Fact::MessagePosted { person, body, .. }, Ok(recorded)) => {
                room.books.check_voice(*person, told, append.at)?;
                let guests = self.guests.get(person).map_or(&[][..], Vec::as_slice);
                if room.past.post(append, recorded, position, guests)? {
                    let known = (told, self.began_at);
                    room.books.take_turn(*person, append.at, known)?;
                    self.shares.take(append, *person)?;
                    let place = (name.to_owned(), room.past.newest());
                    room.books.read(*person, place.1, None);
                    self.said
                        .entry(body.as_str().to_owned())
                        .or_default()
                        .push(place);
                }
            }
            (
                Fact::Room {
                    fact: RoomFact::Removed { .. },
                    ..
                },
                Ok(Recorded::Noted),
            ) => {
                self.rooms.remove(name);
            }
            (
                Fact::Room {
                    fact: RoomFact::Joined { account, .. },
                    ..
                },
                Err(LogError::Banned),
            ) => {
                let person = PersonId::Account(*account);
                ensure!(
                    (room.books).was_held(RestraintKind::Ban, person, position, append.at),
                    "{person:?} was refused as banned, and is not"
                );
            }
            (
                Fact::Room {
                    fact: RoomFact::Expired { before },
                    ..
                },
                Ok(Recorded::Erased { up_to, .. }),
            ) => {
                let known = (told, self.retention_days);
                room.books.check_expiry(*before, append.at, known)?;
                room.past.erase(*before, *up_to, position)?;
            }
            (Fact::MessageRefused { person, .. }, outcome) => {
                let guests = self.guests.get(person).map_or(&[][..], Vec::as_slice);
                let due = room.past.judge_repeat(fact, guests);
                ensure!(
                    *outcome == due,
                    "the log knows {outcome:?} of {fact:?}, which is {due:?}"
                );
            }
            (Fact::Room { fact, .. }, Ok(Recorded::Noted)) => {
                let newest = room.past.newest();
                (room.books).lift_carried(fact, &self.heirs, append.at, position);
                room.books.keep(append, fact, newest, (position, told))?;
            }
            (fact, outcome) => {
                let due = room.past.judge(fact, &self.heirs);
                ensure!(
                    *outcome == due,
                    "the log made {outcome:?} of {fact:?}, which is {due:?}"
                );
                if let Ok(recorded) = outcome {
                    if let Fact::MessageEdited { seq, body, .. } = fact {
                        let place = (name.to_owned(), *seq);
                        self.said
                            .entry(body.as_str().to_owned())
                            .or_default()
                            .push(place);
                    }
                    if let Some(person) = voice(fact) {
                        room.books.check_voice(person, told, append.at)?;
                    }
                    room.past.change(append, recorded, position);
                }
            }
        }
        Ok(())
    }

    /// Whether somebody has belonged to a room only since the hub had been told so much.
    pub(super) fn is_new_since(&self, name: &str, eyes: &Eyes, told: Position) -> bool {
        let room = self.rooms.get(name).zip(eyes.account);
        room.is_some_and(|(room, account)| room.books.is_new_since(account, told))
    }

    /// Whether an account is, or was, banned from a room.
    pub(super) fn keeps_accounts_out(&self, name: &str) -> bool {
        let is_account = |whom: &Party| !whom.person.is_guest();
        let room = self.rooms.get(name);
        room.is_some_and(|room| (room.books).may_be_held(RestraintKind::Ban, is_account, 0))
    }

    /// Whether a conversation of a guest's is, or was, taken over by an account.
    pub(super) fn has_changed_hands(&self, name: &str) -> bool {
        let room = self.rooms.get(name);
        room.is_some_and(|room| !room.books.former_parties.is_empty())
    }

    /// Whether the log says that an account has read so far, or that it does not belong there.
    pub(super) fn has_read(&self, name: &str, account: AccountId, seq: u64) -> bool {
        let room = self.rooms.get(name);
        let member = room.and_then(|room| room.books.members.get(&account));
        member.is_none_or(|member| member.read >= seq)
    }

    /// Whether anybody was ever to wait between two messages in a room.
    pub(super) fn is_slow(&self, name: &str) -> bool {
        let room = self.rooms.get(name);
        room.is_some_and(|room| room.books.turns.were_limited())
    }

    /// How far an account has asked to have read since then, each time that it went further, in the
    /// rooms where it is a member.
    pub(super) fn marks_since(
        &self,
        account: AccountId,
        position: Position,
    ) -> impl Iterator<Item = (&str, u64)> {
        self.rooms.iter().flat_map(move |(name, room)| {
            let member = room.books.members.get(&account);
            let marks = member.into_iter().flat_map(|member| &member.marks);
            let later = marks.filter(move |(at, _)| *at >= position);
            later.map(move |(_, mark)| (name.as_str(), *mark))
        })
    }

    /// Whether somebody belonged to a room at any time since a message of it was posted, as far as
    /// that is written down.
    pub(super) fn belonged_since(&self, name: &str, seq: u64, eyes: &Eyes) -> bool {
        let Some(room) = self.rooms.get(name) else {
            return false;
        };
        let posted_at = room.past.get(seq).map_or(0, |posted| posted.position + 1);
        let is_member = eyes
            .account
            .is_some_and(|account| room.books.belonged_since(account, posted_at));
        is_member || room.books.parties.iter().any(|party| eyes.is(party))
    }

    /// Whether a change of that number is one of that message, by somebody of one of these names.
    pub(super) fn is_change_of(&self, room: &str, rev: u64, seq: u64, eyes: &Eyes) -> bool {
        let change = self
            .rooms
            .get(room)
            .and_then(|it| it.past.change_at(rev, rev));
        change.is_some_and(|change| {
            change.kind.seq() == Some(seq) && eyes.is_named(change.by.as_str())
        })
    }

    /// How many messages that are there an account has not read, where it belongs.
    pub(super) fn unread(&self, name: &str, account: AccountId) -> Option<u64> {
        let room = self.rooms.get(name)?;
        let member = room.books.members.get(&account)?;
        Some(room.past.newest() - member.read.max(room.past.erased()))
    }

    /// A code that lets its holder into a room, and that the hub knows of.
    pub(super) fn invites(&self, at: Timestamp) -> Vec<(&str, &str)> {
        let rooms = self.rooms.iter();
        let codes = rooms.flat_map(|(name, room)| {
            let invites = room.books.invites.iter();
            let good = invites
                .filter(move |(position, invite, _)| *position < self.told && invite.until > at);
            good.map(move |(_, _, code)| (name.as_str(), code.as_str()))
        });
        codes.collect()
    }

    /// Whether the codes that there were have ended since the hub had been told so much.
    pub(super) fn may_be_uninvited(&self, room: &str, told: Position) -> bool {
        let room = self.rooms.get(room);
        let ended_at = room.and_then(|room| room.books.uninvited_at);
        ended_at.is_some_and(|at| at >= told)
    }

    pub(super) fn message(&self, room: &str, seq: u64) -> Option<&Message> {
        Some(&self.rooms.get(room)?.past.get(seq)?.last)
    }

    /// What a message said at first.
    pub(super) fn first_body(&self, room: &str, seq: u64) -> Option<&Body> {
        let posted = self.rooms.get(room)?.past.get(seq)?;
        Some(&posted.first.said()?.body)
    }

    /// Whose message it is.
    pub(super) fn author(&self, room: &str, seq: u64) -> Option<PersonId> {
        Some(self.rooms.get(room)?.past.get(seq)?.person)
    }

    /// Where a text was said: more than once only if somebody says it again under another name, not
    /// knowing that it was said.
    pub(super) fn places_of(&self, body: &str) -> &[(String, u64)] {
        self.said.get(body).map_or(&[], Vec::as_slice)
    }

    /// Whether a message was posted under its key before.
    pub(super) fn has_key(&self, fact: &Fact) -> bool {
        let Fact::MessagePosted {
            room, from, key, ..
        } = fact
        else {
            return false;
        };
        let room = self.rooms.get(room.as_str());
        let key = key
            .as_ref()
            .map(|key| (from.key().to_owned(), key.as_str().to_owned()));
        room.zip(key)
            .is_some_and(|(room, key)| room.past.keys.contains_key(&key))
    }

    pub(super) fn is_public(&self, room: &str) -> bool {
        let room = self.rooms.get(room);
        room.is_some_and(|room| room.books.visibility == Visibility::Public)
    }

    /// A room that not everybody sees, and where something was said.
    pub(super) fn hidden_room(&self) -> Option<&str> {
        let mut rooms = self.rooms.iter();
        let hidden = rooms.find(|(_, room)| {
            room.books.visibility == Visibility::Private && room.past.newest() > 0
        });
        hidden.map(|(name, _)| name.as_str())
    }

    /// Up to which messages of a room are gone: when the hub had been told so much, and now.
    pub(super) fn erased(&self, room: &str, told: Position) -> RangeInclusive<u64> {
        let past = self.rooms.get(room).map(|room| &room.past);
        past.map_or(0..=0, |past| past.erased_at(told)..=past.erased())
    }

    /// Whether a message was erased.
    pub(super) fn is_gone(&self, room: &str, seq: u64) -> bool {
        let room = self.rooms.get(room);
        room.is_some_and(|room| seq <= room.past.erased())
    }

    /// How many changes of a room may be gone.
    pub(super) fn lost_revs(&self, room: &str) -> u64 {
        self.rooms.get(room).map_or(0, |it| it.past.lost_revs())
    }

    /// The number of a room's newest message.
    pub(super) fn newest(&self, room: &str) -> u64 {
        self.rooms.get(room).map_or(0, |it| it.past.newest())
    }

    pub(super) fn newest_rev(&self, room: &str) -> u64 {
        self.rooms.get(room).map_or(0, |it| it.past.newest_rev())
    }

    /// How many changes a room had when so much was recorded.
    pub(super) fn rev_at(&self, room: &str, position: Position) -> u64 {
        let room = self.rooms.get(room);
        room.map_or(0, |it| it.past.rev_at(position))
    }

    /// What a room was about after so many changes.
    pub(super) fn topic(&self, room: &str, rev: u64) -> &str {
        self.rooms.get(room).map_or("", |it| it.past.topic(rev))
    }

    /// Whether it is a conversation with a guest.
    pub(super) fn is_of_guests(&self, room: &str) -> bool {
        let room = self.rooms.get(room);
        room.is_some_and(|room| room.books.parties.iter().any(|it| it.person.is_guest()))
    }

    /// All messages with a word that an account may read, the newest first, where they are; but for
    /// those in conversations with guests.
    pub(super) fn find(&self, account: AccountId, word: &str) -> Vec<(&str, u64)> {
        let person = PersonId::Account(account);
        let is_let_in = |room: &&Room| {
            let books = &room.books;
            books.visibility == Visibility::Public
                || books.members.contains_key(&account)
                || books.parties.iter().any(|party| party.person == person)
        };
        let rooms = self.rooms.iter();
        let rooms = rooms.filter(|(name, room)| is_let_in(room) && !self.is_of_guests(name));
        let messages = rooms.flat_map(|(name, room)| {
            let messages = room.past.messages.iter();
            let kept = messages.filter(|posted| posted.last.seq > room.past.erased());
            kept.map(move |posted| (posted, name.as_str()))
        });
        let has_word = |message: &Message| {
            let said = message.said();
            said.is_some_and(|said| {
                let mut words = said.body.as_str().split(|c: char| !c.is_alphanumeric());
                words.any(|it| it == word)
            })
        };
        let mut found: Vec<_> = messages
            .filter(|(posted, _)| has_word(&posted.last))
            .map(|(posted, name)| (posted.position, name, posted.last.seq))
            .collect();
        found.sort_unstable_by(|a, b| b.cmp(a));
        let found = found.into_iter();
        found.map(|(_, name, seq)| (name, seq)).collect()
    }
}

impl Room {
    fn new(visibility: Visibility) -> Self {
        Self {
            past: Past::default(),
            books: Books::new(visibility),
        }
    }

    /// The room that a fact begins.
    fn begun(fact: &Fact, position: Position) -> Option<Self> {
        match fact {
            Fact::RoomCreated {
                visibility,
                by,
                owner,
                ..
            } => {
                let mut room = Self::new(*visibility);
                let (person, name) = (*owner, by.clone());
                room.books.own(&Party { person, name }, position);
                Some(room)
            }
            Fact::DirectOpened { parties, .. } => {
                let mut room = Self::new(Visibility::Private);
                for party in parties {
                    room.books.enter(party, 0, position);
                }
                room.books.parties = parties.to_vec();
                Some(room)
            }
            _ => None,
        }
    }
}

/// Who changes something by speaking.
fn voice(fact: &Fact) -> Option<PersonId> {
    match fact {
        Fact::MessageEdited { person, .. } | Fact::Reacted { person, .. } => Some(*person),
        _ => None,
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The place of the nth, counted from 1.
fn place(number: u64) -> Option<usize> {
    usize::try_from(number.checked_sub(1)?).ok()
}

/// When the day of all runs begins: 2026-01-01T00:00:00Z.
pub(super) const DAY: Timestamp = Timestamp(1_767_225_600_000);
