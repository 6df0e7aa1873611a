//! A hub, a log in memory, and what every session got to see.

use std::collections::VecDeque;

use super::*;
use crate::chat::command::RoomCommand;
use crate::chat::event::{Joined, Member, Presence, Role};
use crate::chat::hash::{HashOutcome, HashTask};
use crate::chat::order::InviteCode;
use crate::chat::shares::{self, Allowances};

pub(super) struct World {
    pub(super) hub: Hub,
    pub(super) log: MemoryLog,
    pub(super) searches: Vec<Search>,
    /// What the log has not been given yet; taken by `settle`.
    pub(super) waiting: VecDeque<Output>,
    /// Whether more passwords wait than the hashers take.
    pub(super) are_hashers_busy: bool,
    pub(super) closed: Vec<SessionId>,
    /// From where whose connections come.
    pub(super) addresses: BTreeMap<u64, ClientAddress>,
    pub(super) network_bans: NetworkBans,
    pub(super) limited: Vec<shares::Scope>,
    pub(super) now: Timestamp,
    subscribed: BTreeMap<RoomId, BTreeSet<SessionId>>,
    pub(super) answers: Vec<(SessionId, Result<Done, ChatError>)>,
    pub(super) seen: Vec<(SessionId, Arc<Event>)>,
}

impl World {
    pub(super) fn new() -> Self {
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
            log: MemoryLog::new(),
            searches: Vec::new(),
            waiting: VecDeque::new(),
            are_hashers_busy: false,
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

    pub(super) fn ask(&mut self, who: u64, command: Command) {
        let request = Request { id: None, command };
        self.step(Input::Request {
            session: session(who),
            from: self.addresses.get(&who).copied(),
            request,
        });
    }

    /// Asks, and lets the log do all it was asked.
    pub(super) fn get(&mut self, who: u64, command: Command) -> Result<Done, ChatError> {
        self.ask(who, command);
        self.settle();
        let (to, answer) = self.answers.pop().expect("an answer");
        assert_eq!(to, session(who));
        answer
    }

    pub(super) fn enter(&mut self, who: u64, name: &str, room: &str) {
        self.get(who, hello(name, who)).expect("hello");
        self.get(who, join(room)).expect("join");
    }

    pub(super) fn step(&mut self, input: Input) {
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

    pub(super) fn settle(&mut self) {
        while let Some(asked) = self.waiting.pop_front() {
            let input = self.work(asked);
            self.step(input);
        }
    }

    /// The log does what it was asked.
    pub(super) fn work(&mut self, asked: Output) -> Input {
        match asked {
            Output::Append(append) => {
                let outcome = self.log.append(&append);
                Input::Committed(Committed { append, outcome })
            }
            Output::Read(read) => {
                let outcome = self.log.read(&read);
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

    /// Keeps of a password what a test can read.
    pub(super) fn hash(&self, hashing: Hashing) -> Hashed {
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

    /// A connection of somebody with an account.
    pub(super) fn log_in(&mut self, who: u64, account: i64, name: &str) {
        let account = AccountId(account);
        self.hub
            .attach_account(session(who), account, name, Role::Member);
    }

    /// A connection of the server's owner.
    pub(super) fn log_in_admin(&mut self, who: u64, account: i64, name: &str) {
        let account = AccountId(account);
        self.hub
            .attach_account(session(who), account, name, Role::Owner);
    }

    pub(super) fn joined(&mut self, who: u64, command: Command) -> Joined {
        match self.get(who, command) {
            Ok(Done::Joined(joined)) => *joined,
            other => panic!("{other:?}"),
        }
    }

    /// Names in a list of members; in brackets who is not there.
    pub(super) fn who(&mut self, who: u64, name: &str) -> Vec<String> {
        match self.get(who, Command::Who { room: room(name) }) {
            Ok(Done::Who { members, .. }) => members.iter().map(shown).collect(),
            other => panic!("{other:?}"),
        }
    }

    /// How much is unread in each room of a list.
    pub(super) fn unread(&mut self, who: u64) -> Vec<(String, u64)> {
        match self.get(who, Command::Rooms) {
            Ok(Done::Rooms { rooms, .. }) => rooms
                .into_iter()
                .map(|room| (room.name.to_string(), room.unread_count))
                .collect(),
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn invite(&mut self, who: u64, name: &str, code: u128) -> Result<Done, ChatError> {
        let fresh = InviteCode::new(code);
        let lasting = DAY;
        self.get(who, keep(name, RoomCommand::Invite { fresh, lasting }))
    }

    /// What a session saw since this was asked last, in short.
    pub(super) fn seen_by(&mut self, who: u64) -> Vec<String> {
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

pub(super) fn shown(member: &Member) -> String {
    if member.is_online {
        member.name.to_string()
    } else {
        format!("({})", member.name)
    }
}
