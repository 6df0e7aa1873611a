//! What was said in a room, and what became of it: messages and changes, as of any moment.

use std::collections::{BTreeMap, BTreeSet};

use super::{Checked, Position, Violation, ensure, place};
use crate::chat::log::{Append, Change, ChangeKind, Fact, LogError, Recorded};
use crate::chat::{Content, Message, MessageKey, PersonId, Reactions, Said, Timestamp, UserName};

/// Messages and changes of a room.
#[derive(Debug, Default)]
pub(super) struct Past {
    pub(super) messages: Vec<Posted>,
    /// Each with what it was in the order of everything.
    pub(super) changes: Vec<(Change, Position)>,
    /// By the sender's name and the key.
    pub(super) keys: BTreeMap<(String, String), u64>,
    /// Who chose an emoji, and under what name.
    reactors: BTreeMap<(u64, String, PersonId), UserName>,
    /// When each change was decided.
    changed_at: Vec<Timestamp>,
    /// Up to which message all are gone, each time that it went further.
    erasures: Vec<(Position, u64)>,
    /// What was decided before then may be gone, where it begins with it.
    stale_before: Timestamp,
}

/// A message and its fate.
#[derive(Debug)]
pub(super) struct Posted {
    /// As it was said.
    pub(super) first: Message,
    /// As it is now.
    pub(super) last: Message,
    pub(super) person: PersonId,
    pub(super) position: Position,
    /// The numbers of the changes that concern it.
    revs: Vec<u64>,
}

impl Past {
    pub(super) fn newest(&self) -> u64 {
        u64::try_from(self.messages.len()).expect("fewer than 2^64")
    }

    /// The messages up to that one are gone.
    pub(super) fn erased(&self) -> u64 {
        self.erasures.last().map_or(0, |(_, up_to)| *up_to)
    }

    /// The messages up to that one were gone when so much had been recorded.
    pub(super) fn erased_at(&self, position: Position) -> u64 {
        let count = self.erasures.partition_point(|(at, _)| *at < position);
        let last = count.checked_sub(1).map(|nth| self.erasures[nth]);
        last.map_or(0, |(_, up_to)| up_to)
    }

    /// How many changes may be gone, from the first on.
    pub(super) fn lost_revs(&self) -> u64 {
        let is_stale = |at: &&Timestamp| **at < self.stale_before;
        let count = self.changed_at.iter().take_while(is_stale).count();
        u64::try_from(count).expect("fewer than 2^64")
    }

    /// Takes an erasure: only what was decided before then may go, from the beginning on.
    pub(super) fn erase(&mut self, before: Timestamp, up_to: u64, position: Position) -> Checked {
        let erased = self.erased();
        ensure!(
            (erased..=self.newest()).contains(&up_to),
            "of {} messages {erased} were gone, and {up_to} are",
            self.newest()
        );
        for seq in erased + 1..=up_to {
            let at = self.get(seq).map(|posted| posted.first.at);
            ensure!(
                at.is_some_and(|at| at < before),
                "message {seq}, of {at:?}, is gone; it was to go what is older than {before:?}"
            );
        }
        self.keys.retain(|_, seq| *seq > up_to);
        self.stale_before = self.stale_before.max(before);
        self.erasures.push((position, up_to));
        Ok(())
    }

    pub(super) fn newest_rev(&self) -> u64 {
        u64::try_from(self.changes.len()).expect("fewer than 2^64")
    }

    pub(super) fn get(&self, seq: u64) -> Option<&Posted> {
        self.messages.get(place(seq)?)
    }

    /// What the room was about after so many changes.
    pub(super) fn topic(&self, rev: u64) -> &str {
        let count = usize::try_from(rev).unwrap_or(usize::MAX);
        let changes = self.changes.iter().take(count).rev();
        let mut topics = changes.filter_map(|(change, _)| match &change.kind {
            ChangeKind::Topic(topic) => Some(topic.as_str()),
            _ => None,
        });
        topics.next().unwrap_or_default()
    }

    /// How many changes there were when so much had been recorded.
    pub(super) fn rev_at(&self, position: Position) -> u64 {
        let count = self.changes.partition_point(|(_, at)| *at < position);
        u64::try_from(count).expect("fewer than 2^64")
    }

    /// A change, as it is told when there were so many: what was deleted by then is told nowhere.
    pub(super) fn change_at(&self, rev: u64, as_of: u64) -> Option<Change> {
        let (change, _) = self.changes.get(place(rev)?)?;
        let mut change = change.clone();
        if let ChangeKind::Edited { seq, .. } = change.kind
            && (seq <= self.erased() || self.get(seq)?.at(as_of, self).said().is_none())
        {
            change.kind = ChangeKind::Deleted { seq };
        }
        Some(change)
    }

    /// Where a change stands in the order of everything.
    pub(super) fn place_of_change(&self, rev: u64) -> Option<Position> {
        let (_, position) = self.changes.get(place(rev)?)?;
        Some(*position)
    }

    /// How a change of a message is told that is erased by now, and was not always.
    pub(super) fn forms_of_gone(&self, rev: u64) -> Vec<Change> {
        let change = place(rev).and_then(|nth| self.changes.get(nth));
        let seq = change.and_then(|(change, _)| change.kind.seq());
        let (Some((change, _)), Some(seq)) = (change, seq.filter(|seq| *seq <= self.erased()))
        else {
            return Vec::new();
        };
        let kind = ChangeKind::Deleted { seq };
        let by = change.by.clone();
        vec![change.clone(), Change { rev, kind, by }]
    }

    /// Takes a message if the log says that it is new.
    pub(super) fn post(
        &mut self,
        append: &Append,
        recorded: &Recorded,
        position: Position,
        guests: &[(PersonId, String)],
    ) -> Checked<bool> {
        let Fact::MessagePosted {
            room,
            from,
            person,
            body,
            key,
            reply_to,
        } = &append.fact
        else {
            return Err(Violation("it is no message".to_owned()));
        };
        let full_key = key
            .as_ref()
            .map(|key| (from.key().to_owned(), key.as_str().to_owned()));
        let first = key.as_ref().and_then(|key| self.first(from, key, guests));
        match *recorded {
            Recorded::Posted { seq } => {
                let newest = self.newest();
                ensure!(
                    seq == newest + 1,
                    "message {seq} of {room} follows {newest}"
                );
                ensure!(first.is_none(), "{full_key:?} was posted to {room} twice");
                self.keys.extend(full_key.map(|key| (key, seq)));
                let message = Message {
                    seq,
                    at: append.at,
                    from: from.clone(),
                    content: Content::Said(Said {
                        body: body.clone(),
                        key: key.clone(),
                        reply_to: *reply_to,
                        edited_at: None,
                        reactions: Reactions::default(),
                    }),
                };
                self.messages.push(Posted {
                    first: message.clone(),
                    last: message,
                    person: *person,
                    position,
                    revs: Vec::new(),
                });
                Ok(true)
            }
            Recorded::Repeated { seq, at } => {
                let at_first = self.get(seq).map(|posted| posted.first.at);
                ensure!(
                    first == Some(seq) && at_first == Some(at),
                    "{full_key:?} in {room} was {first:?}, and {seq} is said to be"
                );
                Ok(false)
            }
            ref other => Err(Violation(format!("{other:?} was made of a message"))),
        }
    }

    /// What was posted with a key, under that name or by one of the guests whom somebody was.
    fn first(
        &self,
        from: &UserName,
        key: &MessageKey,
        guests: &[(PersonId, String)],
    ) -> Option<u64> {
        let under = |name: &str| {
            let key = (name.to_owned(), key.as_str().to_owned());
            self.keys.get(&key).copied()
        };
        let is_by = |seq: u64, guest| self.get(seq).is_some_and(|it| it.person == guest);
        let as_guest = |(guest, name): &(PersonId, String)| {
            let seq = under(name)?;
            is_by(seq, *guest).then_some(seq)
        };
        guests
            .iter()
            .find_map(as_guest)
            .or_else(|| under(from.key()))
    }

    /// What the log must say of a message that is refused unless it was posted before.
    pub(super) fn judge_repeat(
        &self,
        fact: &Fact,
        guests: &[(PersonId, String)],
    ) -> Result<Recorded, LogError> {
        let Fact::MessageRefused { from, key, .. } = fact else {
            return Err(LogError::NoSuchRoom);
        };
        let first = self.first(from, key, guests);
        let first = first.filter(|seq| *seq > self.erased());
        let seq = first.ok_or(LogError::NoSuchMessage)?;
        let at = self.get(seq).ok_or(LogError::NoSuchMessage)?.first.at;
        Ok(Recorded::Repeated { seq, at })
    }

    /// What the log must say of a change; what guests wrote is the accounts' that they became.
    pub(super) fn judge(
        &self,
        fact: &Fact,
        heirs: &BTreeSet<(PersonId, PersonId)>,
    ) -> Result<Recorded, LogError> {
        let is_own = |author: PersonId, person: PersonId| {
            author == person || heirs.contains(&(author, person))
        };
        let rev = self.newest_rev() + 1;
        let kept = |seq: u64| self.get(seq).filter(|_| seq > self.erased());
        match fact {
            Fact::TopicChanged { .. } => Ok(Recorded::TopicSet { rev }),
            Fact::MessageEdited {
                seq, body, person, ..
            } => {
                let posted = kept(*seq).ok_or(LogError::NoSuchMessage)?;
                let said = posted.last.said().ok_or(LogError::NoSuchMessage)?;
                match () {
                    () if !is_own(posted.person, *person) => Err(LogError::NotTheirs),
                    () if said.body == *body => Err(LogError::Already),
                    () => Ok(Recorded::Changed { rev }),
                }
            }
            Fact::MessageDeleted {
                seq,
                person,
                others,
                ..
            } => {
                let posted = kept(*seq).ok_or(LogError::NoSuchMessage)?;
                match () {
                    () if !others && !is_own(posted.person, *person) => Err(LogError::NotTheirs),
                    () if posted.last.said().is_none() => Err(LogError::Already),
                    () => Ok(Recorded::Changed { rev }),
                }
            }
            Fact::Reacted {
                seq,
                emoji,
                on,
                from,
                person,
                ..
            } => {
                let posted = kept(*seq).ok_or(LogError::NoSuchMessage)?;
                let said = posted.last.said().ok_or(LogError::NoSuchMessage)?;
                let known = (*seq, emoji.as_str().to_owned(), *person);
                let known = self.reactors.get(&known);
                match () {
                    () if known.is_some() == *on => Err(LogError::Already),
                    () if !said.reactions.has_room_for(emoji) => Err(LogError::TooManyReactions),
                    () => Ok(Recorded::Reacted {
                        rev,
                        from: known.unwrap_or(from).clone(),
                    }),
                }
            }
            _ => Err(LogError::NoSuchRoom),
        }
    }

    /// Takes a change that the log has taken.
    pub(super) fn change(&mut self, append: &Append, recorded: &Recorded, position: Position) {
        let rev = self.newest_rev() + 1;
        let Some((_, kind, mut by)) = append.fact.clone().into_change(append.at) else {
            return;
        };
        if let Recorded::Reacted { from, .. } = recorded {
            by = from.clone();
        }
        if let Fact::Reacted {
            seq,
            emoji,
            on,
            person,
            ..
        } = &append.fact
        {
            let reactor = (*seq, emoji.as_str().to_owned(), *person);
            if *on {
                self.reactors.insert(reactor, by.clone());
            } else {
                self.reactors.remove(&reactor);
            }
        }
        let change = Change { rev, kind, by };
        let nth = change.kind.seq().and_then(place);
        if let Some(posted) = nth.and_then(|nth| self.messages.get_mut(nth)) {
            posted.last.apply(&change);
            posted.revs.push(rev);
        }
        self.changes.push((change, position));
        self.changed_at.push(append.at);
    }
}

impl Posted {
    /// As it was when the room had so many changes.
    pub(super) fn at(&self, rev: u64, past: &Past) -> Message {
        let count = self.revs.partition_point(|it| *it <= rev);
        if count == self.revs.len() {
            return self.last.clone();
        }
        let mut message = self.first.clone();
        for rev in &self.revs[..count] {
            if let Some((change, _)) = place(*rev).and_then(|nth| past.changes.get(nth)) {
                message.apply(change);
            }
        }
        message
    }

    /// As it was at any time from so many changes on, the newest first.
    pub(super) fn since(&self, rev: u64, past: &Past) -> Vec<Message> {
        let later = self.revs.iter().rev().filter(|it| **it > rev);
        let mut states: Vec<Message> = later.map(|it| self.at(*it, past)).collect();
        states.push(self.at(rev, past));
        states
    }
}
