//! What the hub does when the log has answered: only here do lasting things change.

use std::sync::Arc;

use crate::chat::error::ChatError;
use crate::chat::event::{Done, Event, Role};
use crate::chat::hub::{Hub, Output, SessionId, answer};
use crate::chat::log::{
    Append, Change, ChangeKind, Committed, Context, Fact, LogError, Page, Purpose, ReadDone,
    Recorded, RoomRecord, Visibility,
};
use crate::chat::message::{Message, Topic};
use crate::chat::name::{RoomName, UserName};
use crate::chat::recent::Waiting;

impl Hub {
    pub(super) fn committed(&mut self, committed: Committed, output: &mut Vec<Output>) {
        let Committed { append, outcome } = committed;
        let Append { context, at, fact } = append;
        let fact = match fact {
            Fact::Account(fact) => {
                return self.account_committed(context, at, fact, outcome, output);
            }
            fact => fact,
        };
        let recorded = match outcome {
            Ok(recorded) => recorded,
            Err(error) if matches!(fact, Fact::RoomCreated { .. }) => {
                return self.release(context, Err(refusal(error)), output);
            }
            Err(error) => return answer(context, Err(refusal(error)), output),
        };
        match fact {
            Fact::RoomCreated {
                room,
                visibility,
                topic,
                owner,
                join,
                ..
            } => {
                let record = RoomRecord {
                    name: room,
                    visibility,
                    topic,
                    roles: vec![(owner, Role::Owner)],
                    seq: 0,
                    rev: 0,
                };
                self.room_created(context, record, recorded, join, output);
            }
            Fact::MessagePosted {
                room,
                from,
                body,
                key,
                reply_to,
                ..
            } => {
                let message = Message {
                    seq: 0,
                    at,
                    from,
                    body,
                    key,
                    reply_to,
                };
                self.message_posted(context, &room, message, recorded, output);
            }
            Fact::Account(_) => {}
            Fact::TopicChanged { room, topic, by } => {
                self.topic_changed(context, &room, topic, by, recorded, output);
            }
        }
    }

    fn room_created(
        &mut self,
        context: Context,
        record: RoomRecord,
        recorded: Recorded,
        join: bool,
        output: &mut Vec<Output>,
    ) {
        if recorded == Recorded::RoomExisted && !join {
            return self.release(context, Err(ChatError::RoomExists), output);
        }
        let id = match self.room_ids.get(&record.name) {
            Some(id) => *id,
            None => {
                if record.visibility == Visibility::Public {
                    let (room, topic) = (record.name.clone(), record.topic.clone());
                    output.push(Output::Announce(Arc::new(Event::RoomCreated {
                        room,
                        topic,
                    })));
                }
                self.insert_room(record)
            }
        };
        // Whoever asked may have gone meanwhile: the room stays.
        if self.sessions.contains_key(&context.session) {
            let waiting = Waiting {
                context: context.clone(),
                since: None,
                rev: None,
            };
            if let Err(error) = self.enter(id, waiting, output) {
                self.release(context, Err(error), output);
            }
        }
    }

    fn message_posted(
        &mut self,
        context: Context,
        room: &RoomName,
        mut message: Message,
        recorded: Recorded,
        output: &mut Vec<Output>,
    ) {
        let (seq, at) = match recorded {
            Recorded::Posted { seq } => {
                message.seq = seq;
                let at = message.at;
                self.show(context.session, room, message, output);
                (seq, at)
            }
            Recorded::Repeated { seq, at } => (seq, at),
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
        message: Message,
        output: &mut Vec<Output>,
    ) {
        let Some(&id) = self.room_ids.get(name) else {
            return;
        };
        self.settle_presence(id, &message.from, output);
        let room = self.room_mut(id);
        debug_assert_eq!(room.seq + 1, message.seq);
        room.seq = message.seq;
        let room_name = room.name.clone();
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
    }

    fn topic_changed(
        &mut self,
        context: Context,
        name: &RoomName,
        topic: Topic,
        by: UserName,
        recorded: Recorded,
        output: &mut Vec<Output>,
    ) {
        let Recorded::TopicSet { rev } = recorded else {
            return debug_assert!(false, "{recorded:?} recorded for a topic");
        };
        let Some(&id) = self.room_ids.get(name) else {
            return;
        };
        let room = self.room_mut(id);
        room.topic = topic.clone();
        room.rev = rev;
        let room = room.name.clone();
        let kind = ChangeKind::Topic(topic.clone());
        let change = Change {
            rev,
            kind,
            by: by.clone(),
        };
        self.weigh(id, |room| room.recent.push_change(change));
        let event = Arc::new(Event::Topic {
            room: room.clone(),
            topic,
            by,
            rev,
        });
        output.push(Output::Publish {
            room: id,
            event,
            origin: Some(context.session),
        });
        answer(context, Ok(Done::TopicSet { room }), output);
    }

    pub(super) fn read_done(&mut self, done: ReadDone, output: &mut Vec<Output>) {
        match done.read.purpose {
            Purpose::History(context) => {
                let room = done.read.room;
                let result = done.outcome.map_err(refusal).map(|Page { messages, .. }| {
                    // Without messages nothing is older than `before`.
                    let more = messages.first().is_some_and(|first| first.seq > 1);
                    Done::History {
                        room,
                        messages,
                        more,
                    }
                });
                answer(context, result, output);
            }
            Purpose::Recent => self.recent_loaded(&done.read.room, done.outcome, output),
        }
    }

    fn recent_loaded(
        &mut self,
        name: &RoomName,
        outcome: Result<Page, LogError>,
        output: &mut Vec<Output>,
    ) {
        let Some(&id) = self.room_ids.get(name) else {
            return;
        };
        match outcome {
            Ok(page) => {
                for waiting in self.weigh(id, |room| room.recent.load(page)) {
                    let context = waiting.context.clone();
                    if let Err(error) = self.enter(id, waiting, output) {
                        self.release(context, Err(error), output);
                    }
                }
                if self.room(id).member_count() == 0 {
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

/// What the user is told when the log could not do it.
fn refusal(error: LogError) -> ChatError {
    match error {
        LogError::Unavailable => ChatError::Busy("the history cannot be written or read just now"),
        LogError::NoSuchRoom => ChatError::NotFound("room"),
    }
}
