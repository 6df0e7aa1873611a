//! A log in memory that does what the real one promises.

use super::*;

pub(super) struct MemoryLog {
    pub(super) rooms: Vec<(RoomName, Vec<Message>)>,
    /// What changed in each of them, and who wrote what.
    changes: BTreeMap<RoomName, Vec<Change>>,
    authors: BTreeMap<(RoomName, Seq), PersonId>,
    /// The messages up to these are gone, of each room.
    pub(super) erased: BTreeMap<RoomName, Seq>,
    /// How many were erased at a time.
    pub(super) erasures: Vec<usize>,
    /// Whether the last message of a portion goes in half only.
    pub(super) halves: bool,
    /// What happened to accounts; the number of each is its place, from 1.
    pub(super) account_facts: Vec<AccountFact>,
    pub(super) is_failing: bool,
}

impl MemoryLog {
    /// Of a new server: the lobby, and nothing in it.
    pub(super) fn new() -> Self {
        Self {
            rooms: vec![(RoomName::lobby(), Vec::new())],
            changes: BTreeMap::new(),
            authors: BTreeMap::new(),
            erased: BTreeMap::new(),
            erasures: Vec::new(),
            halves: false,
            account_facts: Vec::new(),
            is_failing: false,
        }
    }

    pub(super) fn append(&mut self, append: &Append) -> Result<Recorded, LogError> {
        if self.is_failing {
            return Err(LogError::Unavailable);
        }
        let place = append
            .fact
            .room()
            .and_then(|room| self.rooms.iter().position(|(name, _)| name == room));
        match &append.fact {
            Fact::RoomCreated { room, .. } if place.is_none() => {
                self.rooms.push((room.clone(), Vec::new()));
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
                let messages = &mut self.rooms[place.ok_or(LogError::NoSuchRoom)?].1;
                if let Some(key) = key
                    && let Some(first) = repeated(messages, from, key)
                {
                    return Ok(first);
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
            Fact::MessageRefused { from, key, .. } => {
                let messages = &self.rooms[place.ok_or(LogError::NoSuchRoom)?].1;
                repeated(messages, from, key).ok_or(LogError::NoSuchMessage)
            }
            Fact::DirectOpened { room, .. } if place.is_none() => {
                self.rooms.push((room.clone(), Vec::new()));
                Ok(Recorded::RoomCreated)
            }
            Fact::DirectOpened { .. } => Ok(Recorded::RoomExisted),
            Fact::Room { fact, .. } => {
                let place = place.ok_or(LogError::NoSuchRoom)?;
                match fact {
                    RoomFact::Expired { before } => return Ok(self.erase(place, *before)),
                    RoomFact::Removed { .. } => drop(self.rooms.remove(place)),
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

    pub(super) fn read(&self, read: &Read) -> Result<Page, LogError> {
        if self.is_failing {
            return Err(LogError::Unavailable);
        }
        let (_, messages) = self
            .rooms
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
    pub(super) fn password(&self, id: AccountId) -> Option<PasswordHash> {
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

    /// Erases two messages at a time.
    fn erase(&mut self, place: usize, before: Timestamp) -> Recorded {
        let (room, messages) = &self.rooms[place];
        let erased = self.erased.entry(room.clone()).or_default();
        let kept = messages.iter().filter(|message| message.seq > *erased);
        let stale = kept.clone().take_while(|message| message.at < before);
        let count = stale.take(2).count();
        let has_remains = self.halves && count > 0;
        let oldest = count - usize::from(has_remains);
        let oldest_at = kept.clone().nth(oldest).map(|message| message.at);
        *erased += Seq::try_from(count).unwrap();
        let up_to = *erased;
        self.erasures.push(count);
        Recorded::Erased {
            up_to,
            oldest_at,
            has_remains,
        }
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
        let log = self.rooms.iter().find(|(name, _)| name == room);
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
        for (_, messages) in self.rooms.iter_mut().filter(|(name, _)| name == room) {
            messages
                .iter_mut()
                .for_each(|message| message.apply(&change));
        }
        changes.push(change);
        rev
    }
}

/// What was said before with a key, under that name.
fn repeated(messages: &[Message], from: &UserName, key: &MessageKey) -> Option<Recorded> {
    let key_of = |m: &Message| m.said().and_then(|said| said.key.clone());
    let mut own = messages.iter().filter(|m| m.from == *from);
    let first = own.find(|m| key_of(m).as_ref() == Some(key))?;
    let (seq, at) = (first.seq, first.at);
    Some(Recorded::Repeated { seq, at })
}
