//! What the hub does when the log has answered: only here do lasting things change.

use std::sync::Arc;

use crate::chat::PersonId;
use crate::chat::error::ChatError;
use crate::chat::event::{Done, Event, Role};
use crate::chat::hub::rooms::recent_past;
use crate::chat::hub::{Hub, Output, SessionId, answer};
use crate::chat::log::{
    Append, Change, ChangeKind, Committed, Context, Fact, LogError, Page, Purpose, ReadDone,
    Recorded, RoomFact, RoomRecord, Span, Visibility,
};
use crate::chat::message::{Content, Message, Said, Timestamp};
use crate::chat::name::{RoomName, UserName};
use crate::chat::order::{Books, MemberRecord, Party};
use crate::chat::recent::Load;
use crate::chat::search::{Finding, SearchDone};
use crate::chat::turns::Turn;

impl Hub {
    pub(super) fn committed(&mut self, committed: Committed, output: &mut Vec<Output>) {
        let Committed { append, outcome } = committed;
        let Append { context, at, fact } = append;
        match (fact, outcome) {
            (Fact::Account(fact), outcome) => {
                self.account_committed(context, at, fact, outcome, output);
            }
            (
                Fact::Room {
                    room,
                    fact: RoomFact::Expired { .. },
                },
                outcome,
            ) => self.expired(&room, &outcome),
            (Fact::Server(fact), Ok(_)) => self.server_kept(context, at, fact, output),
            (fact, Err(error)) => self.not_committed(context, at, &fact, error, output),
            (fact, Ok(recorded)) => self.room_committed(context, at, fact, recorded, output),
        }
    }

    fn room_committed(
        &mut self,
        context: Context,
        at: Timestamp,
        fact: Fact,
        recorded: Recorded,
        output: &mut Vec<Output>,
    ) {
        match fact {
            Fact::RoomCreated {
                room,
                visibility,
                topic,
                by,
                owner,
                join,
            } => {
                let (name, whose) = (
                    room.clone(),
                    Party {
                        person: owner,
                        name: by.clone(),
                    },
                );
                let record = RoomRecord {
                    name: room,
                    visibility,
                    topic,
                    roles: vec![(owner, Role::Owner)],
                    seq: 0,
                    rev: 0,
                    books: books_of_new(owner, by),
                };
                self.room_created(context, at, record, &recorded, join, output);
                self.hand_over_new(&name, &whose, output);
            }
            Fact::MessagePosted {
                room,
                from,
                body,
                key,
                reply_to,
                person,
            } => {
                let said = Said {
                    key,
                    reply_to,
                    ..Said::new(body)
                };
                let message = Message {
                    seq: 0,
                    at,
                    from,
                    content: Content::Said(said),
                };
                self.message_posted(context, &room, person, message, recorded, output);
            }
            Fact::MessageRefused { room, .. } => {
                let Recorded::Repeated { seq, at } = recorded else {
                    return debug_assert!(false, "{recorded:?} recorded for what is refused");
                };
                answer(context, Ok(Done::Sent { room, seq, at }), output);
            }
            Fact::DirectOpened { room, parties } => {
                self.opened_direct(context, at, room.clone(), parties.clone(), output);
                for whose in &parties {
                    self.hand_over_new(&room, whose, output);
                }
            }
            Fact::Room { room, fact } => self.room_kept(context, at, &room, fact, output),
            change => {
                let Some((room, kind, by)) = change.into_change(at) else {
                    return debug_assert!(false, "all other facts are changes");
                };
                self.changed(context, &room, kind, by, recorded, output);
            }
        }
    }

    /// The log could not do it: nothing of it happened.
    fn not_committed(
        &mut self,
        context: Context,
        at: Timestamp,
        fact: &Fact,
        error: LogError,
        output: &mut Vec<Output>,
    ) {
        let mut refused = refusal(error);
        match fact {
            // The ban was committed before, so it is known here for how long.
            Fact::Room {
                room,
                fact: RoomFact::Joined { account, name, .. },
            } if error == LogError::Banned => {
                let person = PersonId::Account(*account);
                let name = name.clone();
                if let Some(&id) = self.room_ids.get(room)
                    && let Err(banned) = self.room(id).order.check_ban(&Party { person, name }, at)
                {
                    refused = banned;
                }
            }
            // Nobody asked.
            Fact::Room {
                fact: RoomFact::Removed { by: None },
                ..
            } => return,
            // It did not count as spoken.
            Fact::MessagePosted { room, person, .. } => {
                self.give_back_turn(room, *person, Turn::Message, at);
            }
            Fact::MessageEdited { room, person, .. } => {
                self.give_back_turn(room, *person, Turn::Edit, at);
            }
            // What cannot be known now is asked again.
            Fact::MessageRefused { refusal, .. } if error != LogError::Unavailable => {
                refused = *refusal;
            }
            _ => {}
        }
        if fact.is_entrance() {
            self.release(context, Err(refused), output);
        } else {
            answer(context, Err(refused), output);
        }
    }

    fn give_back_turn(&mut self, room: &RoomName, person: PersonId, turn: Turn, at: Timestamp) {
        if let Some(&id) = self.room_ids.get(room) {
            self.room_mut(id).turns.give_back(person, turn, at);
        }
    }

    fn opened_direct(
        &mut self,
        context: Context,
        at: Timestamp,
        room: RoomName,
        parties: [Party; 2],
        output: &mut Vec<Output>,
    ) {
        // Whoever asked may have gone meanwhile: the room stays.
        let Ok(mut asking) = self.asking(&context, at, output) else {
            return self.direct_kept(room, parties);
        };
        if let Err(error) = self.direct_opened(&mut asking, room, parties) {
            self.release(context, Err(error), output);
        }
    }

    fn room_created(
        &mut self,
        context: Context,
        at: Timestamp,
        record: RoomRecord,
        recorded: &Recorded,
        join: bool,
        output: &mut Vec<Output>,
    ) {
        if *recorded == Recorded::RoomExisted && !join {
            return self.release(context, Err(ChatError::RoomExists), output);
        }
        let name = record.name.clone();
        if !self.room_ids.contains_key(&name) {
            if record.visibility == Visibility::Public {
                let (room, topic) = (name.clone(), record.topic.clone());
                output.push(Output::Announce(Arc::new(Event::RoomCreated {
                    room,
                    topic,
                })));
            }
            let id = self.insert_room(record);
            let people: Vec<PersonId> = self.room(id).people().collect();
            for person in people {
                self.belonging_changed(person, id);
            }
            self.consider_abandoned(id);
        }
        // Whoever asked may have gone meanwhile: the room stays.
        let Ok(mut asking) = self.asking(&context, at, output) else {
            return;
        };
        // Somebody else may have made it, and not for everybody.
        let waiting = asking.waiting(None, None);
        if let Err(error) = self.join(&mut asking, name, waiting, false, None) {
            self.release(context, Err(error), output);
        }
    }

    fn message_posted(
        &mut self,
        context: Context,
        room: &RoomName,
        person: PersonId,
        mut message: Message,
        recorded: Recorded,
        output: &mut Vec<Output>,
    ) {
        let (seq, at) = match recorded {
            Recorded::Posted { seq } => {
                message.seq = seq;
                let at = message.at;
                self.show(context.session, room, person, message, output);
                (seq, at)
            }
            Recorded::Repeated { seq, at } => {
                // Nothing was said now: it is still their turn.
                self.give_back_turn(room, person, Turn::Message, message.at);
                (seq, at)
            }
            other => return debug_assert!(false, "{other:?} recorded for a message"),
        };
        answer(
            context,
            Ok(Done::Sent {
                room: room.clone(),
                seq,
                at,
            }),
            output,
        );
    }

    /// Shows a message that is durable to all who are in the room.
    fn show(
        &mut self,
        origin: SessionId,
        name: &RoomName,
        person: PersonId,
        message: Message,
        output: &mut Vec<Output>,
    ) {
        let Some(&id) = self.room_ids.get(name) else {
            return;
        };
        self.settle_presence(id, &message.from, output);
        self.open_for_both(id, output);
        let room = self.room_mut(id);
        debug_assert_eq!(room.seq + 1, message.seq);
        room.seq = message.seq;
        // Who speaks has read what was said.
        room.mark_read(person, message.seq);
        let room_name = room.name.clone();
        self.grew(id, message.at);
        self.weigh(id, |room| room.recent.push_message(&message));
        let event = Arc::new(Event::Message {
            room: room_name,
            message,
        });
        output.push(Output::Publish {
            room: id,
            event,
            origin: Some(origin),
        });
        self.tell_elsewhere(id, output);
    }

    /// Shows a change that is durable to all who are in the room, and tells whoever made it.
    fn changed(
        &mut self,
        context: Context,
        name: &RoomName,
        kind: ChangeKind,
        by: UserName,
        recorded: Recorded,
        output: &mut Vec<Output>,
    ) {
        let (rev, by) = match recorded {
            Recorded::TopicSet { rev } | Recorded::Changed { rev } => (rev, by),
            Recorded::Reacted { rev, from } => (rev, from),
            other => return debug_assert!(false, "{other:?} recorded for a change"),
        };
        let Some(&id) = self.room_ids.get(name) else {
            return;
        };
        let change = Change { rev, kind, by };
        let room = self.room_mut(id);
        debug_assert_eq!(room.rev + 1, rev);
        room.rev = rev;
        if let ChangeKind::Topic(topic) = &change.kind {
            room.topic = topic.clone();
        }
        let room = room.name.clone();
        self.grew(id, self.now);
        let done = match change.kind.seq() {
            None => Done::TopicSet { room: room.clone() },
            Some(seq) => Done::Changed {
                room: room.clone(),
                seq,
                rev,
            },
        };
        self.weigh(id, |room| room.recent.push_change(change.clone()));
        let event = Arc::new(Event::Changed { room, change });
        output.push(Output::Publish {
            room: id,
            event,
            origin: Some(context.session),
        });
        answer(context, Ok(done), output);
    }

    pub(super) fn read_done(&mut self, done: ReadDone, output: &mut Vec<Output>) {
        match done.read.purpose {
            Purpose::History(_) => self.history_read(done, output),
            Purpose::Audit(ref context) | Purpose::ServerAudit(ref context) => {
                let context = context.clone();
                self.audit_read(context, done, output);
            }
            Purpose::Recent => self.recent_loaded(&done.read.room, done.outcome, output),
        }
    }

    /// Answers with a page of the past as it is by now: who is in the room has been told of changes
    /// that the log had not made yet when the page was read.
    fn history_read(&mut self, done: ReadDone, output: &mut Vec<Output>) {
        let ReadDone { read, outcome } = done;
        let Purpose::History(context) = &read.purpose else {
            return debug_assert!(false, "{:?} is no history", read.purpose);
        };
        let context = context.clone();
        // Whoever was put out meanwhile is shown nothing of what was said since.
        if !self.may_see(&context, &read.room, output) {
            return answer(context, Err(ChatError::NotFound("room")), output);
        }
        let room = self.room_ids.get(&read.room).ok_or(LogError::NoSuchRoom);
        let (room, mut page) = match room.and_then(|id| Ok((self.room(*id), outcome?))) {
            Ok(found) => found,
            Err(error) => return answer(context, Err(refusal(error)), output),
        };
        if room.is_behind(&page) || !room.recent.bring_up(&mut page, room.rev) {
            return output.push(Output::Read(read));
        }
        // Some may have been erased since the page was read, or the hub is not told yet of those.
        let erased = room.erased.max(page.erased);
        let Page { mut messages, .. } = page;
        messages.retain(|message| message.seq > erased);
        let (first, last) = match (messages.first(), messages.last()) {
            (Some(first), Some(last)) => (first.seq, last.seq),
            // Nothing is older than what `before` named, or newer than what `after` did.
            _ => match read.span {
                Span::Newest | Span::Around(_) => (erased + 1, room.seq),
                Span::Before(seq) => (erased + 1, seq.saturating_sub(1)),
                Span::After(seq) => (seq.saturating_add(1), room.seq),
            },
        };
        let done = Done::History {
            room: room.name.clone(),
            messages,
            more: first > erased + 1 && room.seq > erased,
            more_after: last < room.seq,
        };
        answer(context, Ok(done), output);
    }

    /// Answers a search, with what whoever asked may see by now.
    pub(super) fn searched(&self, done: SearchDone, output: &mut Vec<Output>) {
        let context = done.search.context;
        let result = done.outcome.map(|mut found| {
            let may_see =
                |finding: &Finding| self.may_see(&context, &finding.room, &mut Vec::new());
            found.messages.retain(may_see);
            Done::Found(found)
        });
        answer(context, result.map_err(refusal), output);
    }

    /// Whether whoever asked may know of a room now.
    fn may_see(&self, context: &Context, room: &RoomName, output: &mut Vec<Output>) -> bool {
        let asking = self.asking(context, self.now, output);
        asking.is_ok_and(|asking| self.visible(room, &asking).is_ok())
    }

    fn recent_loaded(
        &mut self,
        name: &RoomName,
        outcome: Result<Page, LogError>,
        output: &mut Vec<Output>,
    ) {
        // It may be of a room that was removed, whose name another one has now.
        if let Some(count) = self.stale_reads.get_mut(name) {
            *count -= 1;
            if *count == 0 {
                self.stale_reads.remove(name);
            }
            return;
        }
        let Some(&id) = self.room_ids.get(name) else {
            return;
        };
        match outcome {
            // The log may have written what the hub is told of only now. It is shown then; shown at
            // once, it would come twice, and what changed a message can't be taken out of it again.
            Ok(page) if self.room(id).is_behind(&page) => {
                output.push(Output::Read(recent_past(self.room(id).name.clone())));
            }
            Ok(page) => {
                let loaded = self.weigh(id, |room| {
                    let loaded = room.recent.load(page);
                    room.recent.forget(room.erased);
                    loaded
                });
                let Load::Done(waiting) = loaded else {
                    let room = self.room(id).name.clone();
                    return output.push(Output::Read(recent_past(room)));
                };
                for waiting in waiting {
                    self.enter(id, waiting, output);
                }
                if self.room(id).present_count() == 0 {
                    self.weigh(id, |room| room.recent.unload());
                }
            }
            Err(error) => {
                for waiting in self.weigh(id, |room| room.recent.give_up()) {
                    self.release(waiting.context, Err(refusal(error)), output);
                }
            }
        }
    }
}

/// What is kept of a room from its beginning: an account that makes it belongs to it.
fn books_of_new(owner: PersonId, by: UserName) -> Books {
    let member = match owner {
        PersonId::Account(account) => Some(MemberRecord {
            account,
            name: by,
            read: 0,
        }),
        PersonId::Guest(_) => None,
    };
    Books {
        members: member.into_iter().collect(),
        ..Books::default()
    }
}

/// What the user is told when the log could not do it.
pub(super) fn refusal(error: LogError) -> ChatError {
    match error {
        LogError::Unavailable => ChatError::Busy("the history cannot be written or read just now"),
        LogError::NoSuchRoom => ChatError::NotFound("room"),
        LogError::NoSuchMessage => ChatError::NotFound("message"),
        LogError::NotTheirs => ChatError::Forbidden("the message is somebody else's"),
        LogError::Outdated => ChatError::Busy("it changed meanwhile; ask again"),
        LogError::Banned => ChatError::Banned { left_s: None },
        LogError::Already => ChatError::Already("it is so already"),
        LogError::TooManyReactions => {
            ChatError::Forbidden("a message has at most 20 different reactions")
        }
        LogError::TooSlow => ChatError::Busy(
            "this search takes too long; rarer words, or one room, are found sooner",
        ),
    }
}
