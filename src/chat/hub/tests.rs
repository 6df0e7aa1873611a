//! The hub against a log that does what the real one promises.

use super::*;
use crate::chat::account::{AccountFact, LoginId, NewAccount};
use crate::chat::event::{self, Presence};
use crate::chat::hash::{HashOutcome, HashTask};
use crate::chat::log::{
    Change, ChangeKind, Fact, LogError, Page, Purpose, Recorded, RoomFact, Span, Visibility,
};
use crate::chat::order::Books;
use crate::chat::password::PasswordHash;
use crate::chat::search::{Findings, Query, Scope};
use crate::chat::shares::{self, Allowances};
use crate::chat::{
    AccountId, Body, Content, Emoji, GuestId, Hello, Message, MessageKey, Said, Seq, Topic,
};

#[cfg(test)]
mod accounts;

#[cfg(test)]
mod accounts_in_rooms;

#[cfg(test)]
mod keeping;

#[cfg(test)]
mod messages;

#[cfg(test)]
mod retention;

#[cfg(test)]
mod server;

#[cfg(test)]
mod sharing;

/// A hub, a log in memory, and what every session got to see.
struct World {
    hub: Hub,
    log: Vec<(RoomName, Vec<Message>)>,
    /// What changed in each of them, and who wrote what.
    changes: BTreeMap<RoomName, Vec<Change>>,
    authors: BTreeMap<(RoomName, Seq), PersonId>,
    /// The messages up to these are gone, of each room.
    erased: BTreeMap<RoomName, Seq>,
    /// How many were erased at a time.
    erasures: Vec<usize>,
    searches: Vec<Search>,
    /// What the log has not been given yet; taken by `settle`.
    waiting: VecDeque<Output>,
    is_log_failing: bool,
    /// Whether more passwords wait than the hashers take.
    are_hashers_busy: bool,
    /// What happened to accounts; the number of each is its place, from 1.
    account_facts: Vec<AccountFact>,
    closed: Vec<SessionId>,
    /// From where whose connections come.
    addresses: BTreeMap<u64, ClientAddress>,
    network_bans: NetworkBans,
    limited: Vec<shares::Scope>,
    now: Timestamp,
    subscribed: BTreeMap<RoomId, BTreeSet<SessionId>>,
    answers: Vec<(SessionId, Result<Done, ChatError>)>,
    seen: Vec<(SessionId, Arc<Event>)>,
}

impl World {
    fn new() -> Self {
        let record = RoomRecord {
            name: RoomName::lobby(),
            visibility: Visibility::Public,
            topic: Topic::default(),
            roles: Vec::new(),
            seq: 0,
            rev: 0,
            books: Books::default(),
        };
        Self {
            hub: Hub::new(
                Policy {
                    guests: true,
                    registration: Registration::Open,
                    claim: None,
                    max_rooms: 4,
                    retention_days: 0,
                    allowances: Allowances::FREE,
                },
                [record],
            ),
            log: vec![(RoomName::lobby(), Vec::new())],
            changes: BTreeMap::new(),
            authors: BTreeMap::new(),
            erased: BTreeMap::new(),
            erasures: Vec::new(),
            searches: Vec::new(),
            waiting: VecDeque::new(),
            is_log_failing: false,
            are_hashers_busy: false,
            account_facts: Vec::new(),
            closed: Vec::new(),
            addresses: BTreeMap::new(),
            network_bans: NetworkBans::default(),
            limited: Vec::new(),
            now: Timestamp(0),
            subscribed: BTreeMap::new(),
            answers: Vec::new(),
            seen: Vec::new(),
        }
    }

    fn ask(&mut self, who: u64, command: Command) {
        let request = Request { id: None, command };
        self.step(Input::Request {
            session: session(who),
            from: self.addresses.get(&who).copied(),
            request,
        });
    }

    /// Asks, and lets the log do all it was asked.
    fn get(&mut self, who: u64, command: Command) -> Result<Done, ChatError> {
        self.ask(who, command);
        self.settle();
        let (to, answer) = self.answers.pop().expect("an answer");
        assert_eq!(to, session(who));
        answer
    }

    fn enter(&mut self, who: u64, name: &str, room: &str) {
        self.get(who, hello(name, who)).expect("hello");
        self.get(who, join(room)).expect("join");
    }

    fn step(&mut self, input: Input) {
        let mut output = Vec::new();
        self.hub.step(input, self.now, &mut output);
        for output in output {
            match output {
                Output::Answer { to, answer, .. } => self.answers.push((to, answer)),
                Output::Publish { room, event, .. } => {
                    let sessions = self.subscribed.get(&room).into_iter().flatten();
                    self.seen
                        .extend(sessions.map(|session| (*session, Arc::clone(&event))));
                }
                Output::Announce(_) => {}
                Output::Tell { to, event } => self.seen.push((to, event)),
                Output::Subscribe { session, room } => {
                    assert!(self.subscribed.entry(room).or_default().insert(session));
                }
                Output::Unsubscribe { session, room } => {
                    assert!(self.subscribed.entry(room).or_default().remove(&session));
                }
                Output::Append(_) | Output::Read(_) | Output::Search(_) | Output::Hash(_) => {
                    self.waiting.push_back(output);
                }
                Output::Close(session) | Output::ShutOut(session) => self.closed.push(session),
                Output::NetworkBanned { network, until, .. } => {
                    self.network_bans.ban(network, until, self.now);
                }
                Output::NetworkUnbanned(network) => self.network_bans.lift(network),
                Output::Limited(scope) => self.limited.push(scope),
            }
        }
    }

    fn settle(&mut self) {
        while let Some(asked) = self.waiting.pop_front() {
            let input = self.work(asked);
            self.step(input);
        }
    }

    /// Keeps of a password what a test can read.
    fn hash(&self, hashing: Hashing) -> Hashed {
        let kept = |password: &[u8]| PasswordHash::new(str::from_utf8(password).unwrap());
        let outcome = match hashing.task {
            HashTask::Verify { password, hash } => {
                HashOutcome::Verified(hash == Some(kept(password.as_bytes())))
            }
            HashTask::Make(password) => HashOutcome::Made(kept(password.as_bytes())),
        };
        Hashed {
            context: hashing.context,
            purpose: hashing.purpose,
            outcome: Some(outcome).filter(|_| !self.are_hashers_busy),
        }
    }

    fn append_account(&mut self, fact: &AccountFact) -> Result<Recorded, LogError> {
        if let AccountFact::LoggedIn {
            account, against, ..
        } = fact
            && self.password(*account) != *against
        {
            return Err(LogError::Outdated);
        }
        let is_same = |known: &AccountFact| match (known, fact) {
            (
                AccountFact::Opened(NewAccount { name: a, .. }),
                AccountFact::Opened(NewAccount { name: b, .. }),
            ) => a == b,
            _ => false,
        };
        if self.account_facts.iter().any(is_same) {
            return Ok(Recorded::AccountExisted);
        }
        self.account_facts.push(fact.clone());
        let id = i64::try_from(self.account_facts.len()).unwrap();
        Ok(match fact {
            AccountFact::Opened(_) => Recorded::AccountOpened(AccountId(id)),
            AccountFact::LoggedIn { .. } => Recorded::LoggedIn(LoginId(id)),
            _ => Recorded::Noted,
        })
    }

    /// What is kept of an account's password.
    fn password(&self, id: AccountId) -> Option<PasswordHash> {
        let mut kept = None;
        for (fact, number) in self.account_facts.iter().zip(1..) {
            match fact {
                AccountFact::Opened(account) if number == id.0 => kept = account.password.clone(),
                AccountFact::PasswordSet {
                    account, password, ..
                } if *account == id => kept = Some(password.clone()),
                _ => {}
            }
        }
        kept
    }

    /// The log does what it was asked.
    fn work(&mut self, asked: Output) -> Input {
        match asked {
            Output::Append(append) => {
                let outcome = self.append(&append);
                Input::Committed(Committed { append, outcome })
            }
            Output::Read(read) => {
                let outcome = self.read(&read);
                Input::Read(ReadDone { read, outcome })
            }
            Output::Search(search) => {
                self.searches.push(search.clone());
                let outcome = Ok(Findings::default());
                Input::Searched(SearchDone { search, outcome })
            }
            Output::Hash(hashing) => Input::Hashed(self.hash(hashing)),
            _ => unreachable!("only these wait for the log"),
        }
    }

    fn append(&mut self, append: &Append) -> Result<Recorded, LogError> {
        if self.is_log_failing {
            return Err(LogError::Unavailable);
        }
        let place = append
            .fact
            .room()
            .and_then(|room| self.log.iter().position(|(name, _)| name == room));
        match &append.fact {
            Fact::RoomCreated { room, .. } if place.is_none() => {
                self.log.push((room.clone(), Vec::new()));
                Ok(Recorded::RoomCreated)
            }
            Fact::RoomCreated { .. } => Ok(Recorded::RoomExisted),
            Fact::Server(_) => Ok(Recorded::Noted),
            Fact::MessagePosted {
                room,
                from,
                person,
                body,
                key,
                reply_to,
            } => {
                let messages = &mut self.log[place.ok_or(LogError::NoSuchRoom)?].1;
                let is_first =
                    |m: &&Message| m.said().is_some_and(|said| said.key == *key) && m.from == *from;
                if key.is_some()
                    && let Some(first) = messages.iter().find(is_first)
                {
                    return Ok(Recorded::Repeated {
                        seq: first.seq,
                        at: first.at,
                    });
                }
                let seq = Seq::try_from(messages.len()).unwrap() + 1;
                let said = Said {
                    key: key.clone(),
                    reply_to: *reply_to,
                    ..Said::new(body.clone())
                };
                messages.push(Message {
                    seq,
                    at: append.at,
                    from: from.clone(),
                    content: Content::Said(said),
                });
                self.authors.insert((room.clone(), seq), *person);
                Ok(Recorded::Posted { seq })
            }
            Fact::DirectOpened { room, .. } if place.is_none() => {
                self.log.push((room.clone(), Vec::new()));
                Ok(Recorded::RoomCreated)
            }
            Fact::DirectOpened { .. } => Ok(Recorded::RoomExisted),
            Fact::Room { fact, .. } => {
                let place = place.ok_or(LogError::NoSuchRoom)?;
                match fact {
                    RoomFact::Expired { before } => return Ok(self.erase(place, *before)),
                    RoomFact::Removed { .. } => drop(self.log.remove(place)),
                    _ => {}
                }
                Ok(Recorded::Noted)
            }
            Fact::TopicChanged { room, topic, by } => {
                let rev = self.change(room, ChangeKind::Topic(topic.clone()), by);
                Ok(Recorded::TopicSet { rev })
            }
            Fact::MessageEdited { .. } | Fact::MessageDeleted { .. } | Fact::Reacted { .. } => {
                self.change_message(&append.fact, append.at)
            }
            Fact::Account(fact) => self.append_account(fact),
        }
    }

    /// Erases two messages at a time.
    fn erase(&mut self, place: usize, before: Timestamp) -> Recorded {
        let (room, messages) = &self.log[place];
        let erased = self.erased.entry(room.clone()).or_default();
        let kept = messages.iter().filter(|message| message.seq > *erased);
        let stale = kept.clone().take_while(|message| message.at < before);
        let count = stale.take(2).count();
        let oldest_at = kept.clone().nth(count).map(|message| message.at);
        *erased += Seq::try_from(count).unwrap();
        let up_to = *erased;
        self.erasures.push(count);
        Recorded::Erased { up_to, oldest_at }
    }

    /// Judges as the log does.
    fn change_message(&mut self, fact: &Fact, at: Timestamp) -> Result<Recorded, LogError> {
        let (room, seq, kind, by, person, may) = match fact {
            Fact::MessageEdited {
                room,
                seq,
                body,
                by,
                person,
            } => {
                let (seq, body) = (*seq, body.clone());
                let kind = ChangeKind::Edited { seq, body, at };
                (room, seq, kind, by, person, false)
            }
            Fact::MessageDeleted {
                room,
                seq,
                by,
                person,
                others,
            } => {
                let kind = ChangeKind::Deleted { seq: *seq };
                (room, *seq, kind, by, person, *others)
            }
            Fact::Reacted {
                room,
                seq,
                emoji,
                on,
                from,
                person,
            } => {
                let (seq, emoji, on) = (*seq, emoji.clone(), *on);
                let kind = ChangeKind::Reacted { seq, emoji, on };
                (room, seq, kind, from, person, true)
            }
            _ => unreachable!("only these change messages"),
        };
        let author = self.authors.get(&(room.clone(), seq));
        let author = author.ok_or(LogError::NoSuchMessage)?;
        if !may && author != person {
            return Err(LogError::NotTheirs);
        }
        let log = self.log.iter().find(|(name, _)| name == room);
        let messages = &log.ok_or(LogError::NoSuchRoom)?.1;
        let message = messages.iter().find(|message| message.seq == seq);
        let said = message.and_then(Message::said);
        let said = said.ok_or(LogError::NoSuchMessage)?;
        // One name is one person in these tests.
        if let ChangeKind::Reacted { emoji, on, .. } = &kind
            && said
                .reactions
                .get(emoji)
                .is_some_and(|it| it.names.contains(by))
                == *on
        {
            return Err(LogError::Already);
        }
        let is_reaction = matches!(kind, ChangeKind::Reacted { .. });
        let rev = self.change(room, kind, by);
        Ok(if is_reaction {
            let from = by.clone();
            Recorded::Reacted { rev, from }
        } else {
            Recorded::Changed { rev }
        })
    }

    fn change(&mut self, room: &RoomName, kind: ChangeKind, by: &UserName) -> u64 {
        let changes = self.changes.entry(room.clone()).or_default();
        let rev = u64::try_from(changes.len()).unwrap() + 1;
        let by = by.clone();
        let change = Change { rev, kind, by };
        if let ChangeKind::Deleted { seq } = change.kind {
            let edits = changes.iter_mut().filter(
                |it| matches!(it.kind, ChangeKind::Edited { seq: edited, .. } if edited == seq),
            );
            edits.for_each(|it| it.kind = ChangeKind::Deleted { seq });
        }
        for (_, messages) in self.log.iter_mut().filter(|(name, _)| name == room) {
            messages
                .iter_mut()
                .for_each(|message| message.apply(&change));
        }
        changes.push(change);
        rev
    }

    fn read(&self, read: &Read) -> Result<Page, LogError> {
        if self.is_log_failing {
            return Err(LogError::Unavailable);
        }
        let (_, messages) = self
            .log
            .iter()
            .find(|(name, _)| *name == read.room)
            .ok_or(LogError::NoSuchRoom)?;
        let erased = self.erased.get(&read.room).copied().unwrap_or_default();
        let is_meant = |m: &&Message| match read.span {
            _ if m.seq <= erased => false,
            Span::Newest => true,
            Span::Before(seq) => m.seq < seq,
            Span::After(seq) => m.seq > seq,
            Span::Around(seq) => m.seq.abs_diff(seq) <= 1,
        };
        let seq = Seq::try_from(messages.len()).unwrap();
        let mut messages: Vec<Message> = messages.iter().filter(is_meant).cloned().collect();
        if let Span::After(_) = read.span {
            messages.truncate(read.max_messages);
        } else {
            messages.drain(..messages.len().saturating_sub(read.max_messages));
        }
        let mut changes = self.changes.get(&read.room).cloned().unwrap_or_default();
        let rev = u64::try_from(changes.len()).unwrap();
        changes.drain(..changes.len().saturating_sub(read.max_changes));
        Ok(Page {
            erased,
            messages,
            changes,
            seq,
            rev,
            audit: Vec::new(),
        })
    }

    /// What a session saw since this was asked last, in short.
    fn seen_by(&mut self, who: u64) -> Vec<String> {
        let mine = self.seen.extract_if(.., |(to, _)| *to == session(who));
        mine.map(|(_, event)| match &*event {
            Event::Message { room, message } => {
                format!(
                    "{room} {} {}: {}",
                    message.seq,
                    message.from,
                    message
                        .said()
                        .map_or("(deleted)", |said| said.body.as_str())
                )
            }
            Event::Presence { room, name, state } => match state {
                Presence::Joined(_) => format!("{room} +{name}"),
                Presence::Left => format!("{room} -{name}"),
                Presence::Renamed { to } => format!("{room} {name} -> {to}"),
            },
            Event::Changed { room, change } => {
                let by = &change.by;
                match &change.kind {
                    ChangeKind::Topic(topic) => format!("{room} {by} topic {}", topic.as_str()),
                    ChangeKind::Edited { seq, body, .. } => {
                        format!("{room} {by} edited {seq}: {}", body.as_str())
                    }
                    ChangeKind::Deleted { seq } => format!("{room} {by} deleted {seq}"),
                    ChangeKind::Reacted { seq, emoji, on } => {
                        let sign = if *on { '+' } else { '-' };
                        format!("{room} {by} {sign}{} {seq}", emoji.as_str())
                    }
                }
            }
            Event::Typing { room, from } => format!("{room} {from} types"),
            Event::Unread { room, seq } => format!("{room} unread {seq}"),
            Event::Read { room, seq } => format!("{room} read {seq}"),
            Event::Opened { room, members } => {
                let names = members.iter().map(|member| member.name.as_str());
                format!("{room} opened {}", names.collect::<Vec<_>>().join(" "))
            }
            Event::Removed { room, reason } => format!("{room} removed: {reason}"),
            Event::Notice { text, .. } => format!("* {text}"),
            other => format!("{other:?}"),
        })
        .collect()
    }
}

fn session(who: u64) -> SessionId {
    SessionId {
        worker: 0,
        connection: who,
    }
}

fn hello(name: &str, id: u64) -> Command {
    let name = UserName::parse(name).expect(name);
    Command::Hello(Hello::Guest {
        name,
        fresh: GuestId(id.into()),
    })
}

fn room(name: &str) -> RoomName {
    RoomName::parse(name).expect(name)
}

fn join(name: &str) -> Command {
    Command::Join {
        room: room(name),
        since: None,
        rev: None,
        create: true,
        invite: None,
    }
}

fn send(name: &str, body: &str, key: Option<&str>) -> Command {
    let body = Body::parse(body).expect(body);
    let key = key.map(|key| MessageKey::parse(key).expect(key));
    Command::Send {
        room: room(name),
        body,
        key,
        reply_to: None,
    }
}

fn code(answer: Result<Done, ChatError>) -> &'static str {
    answer.expect_err("a refusal").code()
}

#[test]
fn members_see_each_other_come_talk_and_go() {
    let mut world = World::new();
    world.enter(1, "ada", "lobby");
    world.enter(2, "bob", "lobby");
    world.get(2, send("lobby", "hi", None)).unwrap();
    assert_eq!(world.seen_by(1), ["lobby +bob", "lobby 1 bob: hi"]);
    assert_eq!(world.seen_by(2), ["lobby 1 bob: hi"]);
    world.step(Input::Disconnected(session(2)));
    assert_eq!(world.seen_by(1), ["lobby -bob"]);
}

#[test]
fn nothing_is_shown_before_the_log_has_it() {
    let mut world = World::new();
    world.enter(1, "ada", "lobby");
    world.ask(1, send("lobby", "hi", None));
    assert!(world.seen_by(1).is_empty() && world.answers.is_empty());
    world.settle();
    assert_eq!(world.seen_by(1), ["lobby 1 ada: hi"]);
    assert_eq!(world.answers.len(), 1);
}

#[test]
fn failing_log_shows_nothing_and_heals() {
    let mut world = World::new();
    world.enter(1, "ada", "lobby");
    world.is_log_failing = true;
    assert_eq!(code(world.get(1, send("lobby", "lost", None))), "busy");
    assert_eq!(code(world.get(1, join("dev"))), "busy");
    world.is_log_failing = false;
    assert!(world.seen_by(1).is_empty());
    assert_eq!(
        code(world.get(1, Command::Who { room: room("dev") })),
        "not_found"
    );
    world.get(1, send("lobby", "kept", None)).unwrap();
    assert_eq!(world.seen_by(1), ["lobby 1 ada: kept"]);
}

#[test]
fn repeated_key_is_answered_alike_and_posts_once() {
    let mut world = World::new();
    world.enter(1, "ada", "lobby");
    let first = world.get(1, send("lobby", "once", Some("k"))).unwrap();
    assert_eq!(
        world.get(1, send("lobby", "twice", Some("k"))).unwrap(),
        first
    );
    assert_eq!(world.seen_by(1), ["lobby 1 ada: once"]);
}

#[test]
fn requests_sent_ahead_of_a_join_wait_for_it() {
    let mut world = World::new();
    world.ask(1, hello("ada", 1));
    world.ask(1, join("new"));
    world.ask(1, send("new", "first", None));
    world.ask(1, join("other"));
    world.ask(1, send("other", "second", None));
    world.settle();
    let codes: Vec<_> = world
        .answers
        .drain(..)
        .map(|(_, answer)| answer.is_ok())
        .collect();
    assert_eq!(codes, [true; 5]);
    assert_eq!(
        world.seen_by(1),
        ["new 1 ada: first", "other 1 ada: second"]
    );
}

#[test]
fn two_creators_of_one_room_agree_on_one() {
    let mut world = World::new();
    world.get(1, hello("ada", 1)).unwrap();
    world.get(2, hello("bob", 2)).unwrap();
    let create = |name: &str| Command::Create {
        room: room(name),
        visibility: Visibility::Public,
        topic: Topic::default(),
    };
    world.ask(1, create("dev"));
    world.ask(2, create("dev"));
    world.settle();
    let refused: Vec<_> = world
        .answers
        .drain(..)
        .filter(|(_, answer)| answer.is_err())
        .collect();
    assert_eq!(refused, [(session(2), Err(ChatError::RoomExists))]);
    assert_eq!(world.hub.room_count(), 2);
}

#[test]
fn joiners_of_a_cold_room_get_its_past_without_holes() {
    let mut world = World::new();
    world.enter(1, "ada", "lobby");
    for i in 0..5 {
        world.get(1, send("lobby", &format!("m{i}"), None)).unwrap();
    }
    world
        .get(
            1,
            Command::Leave {
                room: room("lobby"),
            },
        )
        .unwrap();
    world.get(2, hello("bob", 2)).unwrap();
    world.ask(1, join("lobby"));
    world.ask(2, join("lobby"));
    world.settle();
    for (_, answer) in world.answers.drain(..) {
        let Ok(Done::Joined(joined)) = answer else {
            panic!("{answer:?}")
        };
        let seqs: Vec<_> = joined.messages.iter().map(|message| message.seq).collect();
        assert_eq!(seqs, [1, 2, 3, 4, 5]);
    }
}

#[test]
fn what_the_reader_knows_before_the_hub_is_shown_once() {
    let mut world = World::new();
    world.enter(1, "ada", "lobby");
    world.get(2, hello("bob", 2)).unwrap();
    world.get(1, send("lobby", "first", None)).unwrap();
    world.ask(1, send("lobby", "second", None));
    let leave = Command::Leave {
        room: room("lobby"),
    };
    world.ask(1, leave);
    world.ask(2, join("lobby"));
    let (Some(Output::Append(append)), Some(Output::Read(read))) =
        (world.waiting.pop_front(), world.waiting.pop_front())
    else {
        panic!("the log is asked to keep, and asked for the past");
    };
    // Both threads have done their part, and the reader's news comes first.
    let outcome = world.append(&append);
    let committed = Committed { append, outcome };
    let outcome = world.read(&read);
    world.answers.clear();
    world.step(Input::Read(ReadDone { read, outcome }));
    assert!(world.answers.is_empty(), "the page is read again");
    world.step(Input::Committed(committed));
    world.settle();
    let Some((_, Ok(Done::Joined(joined)))) = world.answers.pop() else {
        panic!("{:?}", world.answers);
    };
    let seqs: Vec<_> = joined.messages.iter().map(|it| it.seq).collect();
    assert_eq!((joined.seq, seqs), (2, vec![1, 2]));
    assert!(world.seen_by(2).is_empty(), "it is in the answer");
}

#[test]
fn someone_on_two_devices_is_one_member() {
    let mut world = World::new();
    world.enter(1, "ada", "lobby");
    world.enter(3, "eve", "lobby");
    world.seen_by(3);
    let name = UserName::parse("ada").unwrap();
    world
        .get(
            2,
            Command::Hello(Hello::Returning {
                guest: GuestId(1),
                name,
            }),
        )
        .unwrap();
    world.get(2, join("lobby")).unwrap();
    world.step(Input::Disconnected(session(1)));
    assert!(world.seen_by(3).is_empty());
    world.step(Input::Disconnected(session(2)));
    assert_eq!(world.seen_by(3), ["lobby -ada"]);
}

#[test]
fn names_are_unique_until_they_are_free() {
    let mut world = World::new();
    world.enter(1, "ada", "lobby");
    assert_eq!(code(world.get(2, hello("ADA", 2))), "name_taken");
    world.get(1, hello("Ada", 1)).unwrap();
    world.get(1, hello("grace", 1)).unwrap();
    world.get(2, hello("ada", 2)).unwrap();
    assert_eq!(world.seen_by(1), ["lobby ada -> Ada", "lobby Ada -> grace"]);
}

#[test]
fn guests_without_a_wish_get_free_names() {
    let mut world = World::new();
    for who in [7, 10_007, 20_007] {
        let fresh = GuestId(who.into());
        world.ask(who, Command::Hello(Hello::Anyone { fresh }));
    }
    let names = world.answers.drain(..).map(|(_, answer)| match answer {
        Ok(Done::Welcomed { you, .. }) => you.name.to_string(),
        other => panic!("{other:?}"),
    });
    assert_eq!(
        names.collect::<Vec<_>>(),
        ["guest-0007", "guest-0008", "guest-0009"]
    );
}

#[test]
fn only_owners_set_a_topic() {
    let mut world = World::new();
    world.enter(1, "ada", "dev");
    world.enter(2, "bob", "dev");
    let topic = || Command::Topic {
        room: room("dev"),
        topic: Topic::parse("rust").unwrap(),
    };
    assert_eq!(code(world.get(2, topic())), "forbidden");
    world.get(1, topic()).unwrap();
    assert_eq!(world.seen_by(2), ["dev ada topic rust"]);
    let lobby = Command::Topic {
        room: room("lobby"),
        topic: Topic::default(),
    };
    world.get(1, join("lobby")).unwrap();
    assert_eq!(code(world.get(1, lobby)), "forbidden");
}

#[test]
fn refusals_have_the_documented_codes() {
    let mut world = World::new();
    assert_eq!(code(world.get(1, join("lobby"))), "not_authenticated");
    world.get(1, hello("ada", 1)).unwrap();
    assert_eq!(code(world.get(1, send("lobby", "x", None))), "forbidden");
    assert_eq!(code(world.get(1, send("nowhere", "x", None))), "not_found");
    assert_eq!(
        code(world.get(
            1,
            Command::Leave {
                room: room("lobby")
            }
        )),
        "already"
    );
    let no_create = Command::Join {
        room: room("x"),
        since: None,
        rev: None,
        create: false,
        invite: None,
    };
    assert_eq!(code(world.get(1, no_create)), "not_found");
    let private = Visibility::Private;
    let create = Command::Create {
        room: room("x"),
        visibility: private,
        topic: Topic::default(),
    };
    assert_eq!(code(world.get(1, create)), "forbidden");
    for name in ["a", "b", "c"] {
        world.get(1, join(name)).unwrap();
    }
    assert_eq!(code(world.get(1, join("d"))), "busy");
}

#[test]
fn crowd_is_told_of_no_coming_and_going() {
    let mut world = World::new();
    for who in 0..=600 {
        // Slowly enough for all to be told that may be.
        world.now.0 += 50;
        world.enter(who, &format!("user {who}"), "lobby");
    }
    let seen = world.seen_by(0);
    assert_eq!(seen.len(), MAX_PRESENCE_MEMBERS - 1);
    let Ok(Done::Who {
        members,
        member_count,
        ..
    }) = world.get(
        0,
        Command::Who {
            room: room("lobby"),
        },
    )
    else {
        panic!("no list")
    };
    assert_eq!((members.len(), member_count), (601, 601));
}

#[test]
fn rename_costs_as_much_as_it_tells() {
    let mut world = World::new();
    world.enter(1, "ada", "lobby");
    let token = Hello::Returning {
        guest: GuestId(1),
        name: UserName::parse("ada").unwrap(),
    };
    world.get(2, Command::Hello(token)).unwrap();
    for name in ["tea", "cake", "jam"] {
        world.get(2, join(name)).unwrap();
    }
    let renames = |world: &mut World| -> usize {
        let done =
            (0..1_000).take_while(|i| world.get(1, hello(&format!("n{}", i % 2), 1)).is_ok());
        done.count()
    };
    // Four rooms on two connections, 50 ms each, 10 s ahead.
    assert_eq!(renames(&mut world), 51);
    assert_eq!(code(world.get(2, hello("eve", 1))), "rate_limited");
    world.seen.clear();
    assert!(
        world.get(1, hello("n0", 1)).is_ok(),
        "it is the name already"
    );
    world.now = Timestamp(1_000);
    assert_eq!(renames(&mut world), 1 + 5);
}

#[test]
fn name_that_looks_like_that_of_somebody_present_is_taken() {
    let mut world = World::new();
    world.enter(1, "Bob", "lobby");
    for name in ["ВОВ", "Воb", "B0b"] {
        assert_eq!(code(world.get(2, hello(name, 2))), "name_taken", "{name}");
    }
    assert!(world.get(1, hello("BOB", 1)).is_ok(), "but to himself");
    world.step(Input::Disconnected(session(1)));
    assert!(world.get(2, hello("Воb", 2)).is_ok());
}

#[test]
fn list_of_rooms_is_bounded_by_its_weight() {
    let record = |i: usize| RoomRecord {
        name: room(&format!("room-{i}")),
        visibility: Visibility::Public,
        topic: Topic::parse(&"😀".repeat(250)).unwrap(),
        roles: Vec::new(),
        seq: 0,
        rev: 0,
        books: Books::default(),
    };
    let mut world = World::new();
    world.hub = Hub::new(world.hub.policy, (0..1_000).map(record));
    world.get(1, hello("ada", 1)).unwrap();
    let Ok(Done::Rooms { rooms, more }) = world.get(1, Command::Rooms) else {
        panic!("a list");
    };
    assert_eq!((rooms.len(), more), (120, true));
}

#[test]
fn all_rooms_together_hold_a_bounded_past() {
    let name = |i: u64| room(&format!("room-{i}"));
    let message = |seq| Message {
        seq,
        at: Timestamp(0),
        from: UserName::parse("ada").unwrap(),
        content: Content::Said(Said::new(Body::parse(&"😀".repeat(8_000)).unwrap())),
    };
    let messages: Vec<Message> = (1..=16).map(message).collect();
    let record = |i| RoomRecord {
        name: name(i),
        visibility: Visibility::Public,
        topic: Topic::default(),
        roles: Vec::new(),
        seq: 16,
        rev: 0,
        books: Books::default(),
    };
    let mut world = World::new();
    world.hub = Hub::new(world.hub.policy, (0..300).map(record));
    world.log = (0..300).map(|i| (name(i), messages.clone())).collect();
    let mut found = |i: u64| {
        let who = i / 100;
        if i.is_multiple_of(100) {
            world.get(who, hello(&format!("eve{who}"), who)).unwrap();
        }
        let Ok(Done::Joined(joined)) = world.get(who, join(&format!("room-{i}"))) else {
            panic!("in room {i}");
        };
        (joined.messages.len(), joined.more)
    };
    let found: Vec<_> = (0..300).map(&mut found).collect();
    assert_eq!((found[0], found[299]), ((16, false), (1, true)));
    for who in 0..3 {
        world.step(Input::Disconnected(session(who)));
    }
    assert_eq!(world.hub.recent_weight, 0);
}

#[test]
fn who_comes_and_goes_without_end_is_told_of_within_a_budget() {
    let mut world = World::new();
    for who in 1..=100 {
        world.enter(who, &format!("member {who}"), "lobby");
    }
    world.seen.clear();
    for round in 0..1_000 {
        let who = 1_000 + round;
        world.enter(who, "restless", "lobby");
        if round < 999 {
            world.step(Input::Disconnected(session(who)));
        }
    }
    assert!(world.seen_by(1).len() < 200);
    // Whatever they were told, in the end they know who is there.
    world.now = Timestamp(60_000);
    world.step(Input::Tick);
    assert!(!world.hub.is_behind());
    world.enter(2_000, "eve", "lobby");
    world.step(Input::Disconnected(session(1_999)));
    assert_eq!(
        world.seen_by(2).last().map(String::as_str),
        Some("lobby -restless")
    );
}

#[test]
fn who_speaks_or_is_renamed_is_told_of_first() {
    let mut world = World::new();
    for who in 1..=100 {
        world.enter(who, &format!("member {who}"), "lobby");
    }
    while !world.hub.is_behind() {
        world.enter(1_000, "restless", "lobby");
        if !world.hub.is_behind() {
            world.step(Input::Disconnected(session(1_000)));
        }
    }
    world.enter(200, "ada", "lobby");
    world.enter(201, "bob", "lobby");
    world.seen.clear();
    world.get(200, send("lobby", "hello", None)).unwrap();
    world.get(201, hello("bo", 201)).unwrap();
    assert_eq!(
        world.seen_by(1),
        [
            "lobby +ada",
            "lobby 1 ada: hello",
            "lobby +bob",
            "lobby bob -> bo"
        ]
    );
}
