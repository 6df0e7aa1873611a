//! What the hub does for those who want something of a room.

use std::cmp::Ordering;
use std::sync::Arc;

use crate::chat::command::MAX_GLANCED_AT;
use crate::chat::error::ChatError;
use crate::chat::event::{Done, Event, Joined, RoomSummary};
use crate::chat::hub::{
    Asking, Hub, MAX_LISTED_MEMBERS, MAX_LISTED_ON_JOIN, MAX_LISTED_ROOMS, MAX_LISTED_WEIGHT,
    MAX_PRESENCE_MEMBERS, MAX_ROOMS_PER_SESSION, Output, TOO_MANY_ROOMS_HERE, answer,
};
use crate::chat::log::{Append, Fact, Purpose, Read, Span, Visibility};
use crate::chat::message::{Rev, Seq, Topic};
use crate::chat::name::RoomName;
use crate::chat::order::{InviteCode, Party};
use crate::chat::permission::Action;
use crate::chat::recent::{self, Recent, Ring, Waiting};
use crate::chat::room::{Room, RoomId};

impl Hub {
    pub(super) fn join(
        &mut self,
        asking: &mut Asking<'_>,
        name: RoomName,
        waiting: Waiting,
        create: bool,
        invite: Option<&InviteCode>,
    ) -> Result<(), ChatError> {
        match self.visible(&name, asking) {
            Ok(id) => self.come_in(asking, id, waiting),
            Err(ChatError::NotFound(what)) => match self.room_ids.get(&name) {
                Some(&id) if self.is_invited(id, invite, asking.at) => {
                    self.come_in(asking, id, waiting)
                }
                None if create => {
                    self.append_room(asking, name, Visibility::Public, Topic::default(), true)
                }
                _ => Err(ChatError::NotFound(what)),
            },
            Err(error) => Err(error),
        }
    }

    pub(super) fn create(
        &mut self,
        asking: &mut Asking<'_>,
        name: RoomName,
        visibility: Visibility,
        topic: Topic,
    ) -> Result<(), ChatError> {
        if self.room_ids.contains_key(&name) {
            return Err(ChatError::RoomExists);
        }
        self.append_room(asking, name, visibility, topic, false)
    }

    fn append_room(
        &mut self,
        asking: &mut Asking<'_>,
        room: RoomName,
        visibility: Visibility,
        topic: Topic,
        join: bool,
    ) -> Result<(), ChatError> {
        if room.is_direct() {
            return Err(ChatError::RoomInvalid(
                "only conversations of two begin with @",
            ));
        }
        let action = match visibility {
            Visibility::Public => Action::CreatePublicRoom,
            Visibility::Private => Action::CreatePrivateRoom,
        };
        let standing = self.standing_on_server(asking.person);
        standing.may(action).map_err(ChatError::Forbidden)?;
        self.check_place(asking.person)?;
        self.check_connection(asking, None)?;
        let (by, owner) = (asking.name.clone(), asking.person);
        asking.append(Fact::RoomCreated {
            room,
            visibility,
            topic,
            by,
            owner,
            join,
        });
        self.hold(asking.context.session);
        Ok(())
    }

    /// Refuses who would be in more rooms than a connection bears, as long as nothing is kept of it.
    pub(super) fn check_connection(
        &self,
        asking: &Asking<'_>,
        id: Option<RoomId>,
    ) -> Result<(), ChatError> {
        let rooms = &self.sessions[&asking.context.session].rooms;
        if rooms.len() < MAX_ROOMS_PER_SESSION || id.is_some_and(|id| rooms.contains(&id)) {
            Ok(())
        } else {
            Err(TOO_MANY_ROOMS_HERE)
        }
    }

    /// Lets a session in and tells it what it finds, at once or when the log has told. Whether the
    /// connection bears it was checked when it asked.
    pub(super) fn enter(&mut self, id: RoomId, waiting: Waiting, output: &mut Vec<Output>) {
        let asker = waiting.context.session;
        let room = self.room_mut(id);
        match &mut room.recent {
            Recent::Loaded(_) => return self.admit(id, waiting, output),
            Recent::Loading {
                waiting: others, ..
            } => others.push(waiting),
            Recent::Unloaded => {
                room.recent = Recent::Loading {
                    waiting: vec![waiting],
                    meanwhile: Ring::default(),
                };
                output.push(Output::Read(recent_past(room.name.clone())));
            }
        }
        self.hold(asker);
    }

    /// Lets a session into a room whose recent past is loaded, if it may come in still.
    fn admit(&mut self, id: RoomId, waiting: Waiting, output: &mut Vec<Output>) {
        let Waiting {
            context,
            since,
            rev,
            glance,
        } = waiting;
        // Gone, or someone else, while the log was asked.
        let Some(person) = self.sessions.get(&context.session).map(|it| it.person) else {
            return;
        };
        let Some(name) = self.people.get(person).map(|it| it.name.clone()) else {
            return;
        };
        let from = context.from;
        if let Err(refused) = self.check_still_let_in(id, (person, &name), from) {
            return self.release(context, Err(refused), output);
        }
        let session = self.sessions.get_mut(&context.session);
        if session.is_some_and(|session| session.rooms.insert(id)) {
            if self.room_mut(id).enter(&name, person) {
                self.presence_changed(id, name, true, output);
            }
            self.belonging_changed(person, id);
            output.push(Output::Subscribe {
                session: context.session,
                room: id,
            });
        }
        let room = self.room(id);
        let Recent::Loaded(ring) = &room.recent else {
            debug_assert!(false, "admitted before the recent past was loaded");
            return;
        };
        let (snapshot, max_listed) = if glance {
            (ring.glance(MAX_GLANCED_AT, room.seq), MAX_GLANCED_AT)
        } else {
            let snapshot = ring.snapshot(since, rev, room.seq, room.rev);
            (snapshot, MAX_LISTED_ON_JOIN)
        };
        let first = snapshot.messages.first();
        let first = first.map_or(room.seq + 1, |first| first.seq);
        let joined = Joined {
            room: room.name.clone(),
            topic: room.topic.clone(),
            visibility: room.visibility,
            seq: room.seq,
            rev: room.rev,
            members: self.members(id, max_listed),
            member_count: room.member_count(),
            messages: snapshot.messages,
            changes: snapshot.changes,
            recovered: snapshot.recovered,
            more: snapshot.more && first > room.erased + 1,
            retention_days: self.retention_days(room),
            slow_mode: room.turns.interval(),
        };
        self.release(context, Ok(Done::Joined(Box::new(joined))), output);
    }

    /// Lets `change` act on a room's recent past, within what all rooms may hold together.
    pub(super) fn weigh<T>(&mut self, id: RoomId, change: impl FnOnce(&mut Room) -> T) -> T {
        let room = self.rooms.get_mut(&id).expect("ids come from room_ids");
        let others = self.recent_weight - room.recent.weight();
        let result = change(room);
        if others + room.recent.weight() > recent::MAX_TOTAL_WEIGHT {
            room.recent.trim();
        }
        self.recent_weight = others + room.recent.weight();
        result
    }

    pub(super) fn typing(
        &mut self,
        asking: &mut Asking<'_>,
        name: &RoomName,
    ) -> Result<(), ChatError> {
        let id = self.entered(name, asking)?;
        self.check_speech(asking, id)?;
        let room = self.room_mut(id);
        let count = room.present_count();
        if count <= MAX_PRESENCE_MEMBERS && room.gossip.may_tell_typing(count, asking.at) {
            let event = Event::Typing {
                room: room.name.clone(),
                from: asking.name.clone(),
            };
            let origin = Some(asking.context.session);
            asking.output.push(Output::Publish {
                room: id,
                event: Arc::new(event),
                origin,
            });
        }
        Ok(())
    }

    pub(super) fn list_rooms(&self, asking: &mut Asking<'_>) {
        let person = asking.person;
        let may_list = |room: &&Room| room.is_public() || room.belongs(person);
        let mut rooms: Vec<&Room> = self.rooms.values().filter(may_list).collect();
        let room_count = rooms.len();
        if room_count > MAX_LISTED_ROOMS {
            rooms.select_nth_unstable_by(MAX_LISTED_ROOMS, by_size);
            rooms.truncate(MAX_LISTED_ROOMS);
        }
        rooms.sort_unstable_by(by_size);
        let mut weight = 0;
        let fits = |room: &&Room| {
            weight += room.name.as_str().len() + room.topic.as_str().len() + ROOM_OVERHEAD_LEN;
            weight <= MAX_LISTED_WEIGHT
        };
        let listed = rooms.into_iter().take_while(fits);
        let rooms: Vec<RoomSummary> = listed.map(|room| room.summary(person)).collect();
        let more = rooms.len() < room_count;
        asking.answer(Done::Rooms { rooms, more });
    }

    pub(super) fn who(
        &mut self,
        asking: &mut Asking<'_>,
        name: &RoomName,
    ) -> Result<(), ChatError> {
        let id = self.visible(name, asking)?;
        let room = self.room(id);
        asking.answer(Done::Who {
            room: room.name.clone(),
            members: self.members(id, MAX_LISTED_MEMBERS),
            member_count: room.member_count(),
        });
        Ok(())
    }

    pub(super) fn set_topic(
        &mut self,
        asking: &mut Asking<'_>,
        name: &RoomName,
        topic: Topic,
    ) -> Result<(), ChatError> {
        let id = self.entered(name, asking)?;
        if self.room(id).is_direct() {
            return Err(ChatError::Forbidden("a conversation of two has no topic"));
        }
        let standing = self.standing(id, asking.person);
        standing
            .may(Action::SetTopic)
            .map_err(ChatError::Forbidden)?;
        let (room, by) = (self.room(id).name.clone(), asking.name.clone());
        asking.append(Fact::TopicChanged { room, topic, by });
        Ok(())
    }
}

impl Asking<'_> {
    /// Whoever asks, as the log knows them.
    pub(super) fn party(&self) -> Party {
        Party {
            person: self.person,
            name: self.name.clone(),
        }
    }

    /// An entrance that is asked for.
    pub(super) fn waiting(&self, since: Option<Seq>, rev: Option<Rev>) -> Waiting {
        Waiting::new(self.context.clone(), since, rev)
    }

    pub(super) fn answer(&mut self, done: Done) {
        answer(self.context.clone(), Ok(done), self.output);
    }

    pub(super) fn append(&mut self, fact: Fact) {
        let context = self.context.clone();
        self.output.push(Output::Append(Append {
            context,
            at: self.at,
            fact,
        }));
    }
}

/// Asks the log what is recent in a room.
pub(super) fn recent_past(room: RoomName) -> Read {
    Read {
        purpose: Purpose::Recent,
        room,
        span: Span::Newest,
        max_messages: recent::MAX_MESSAGES,
        max_weight: recent::MAX_WEIGHT,
        max_changes: recent::MAX_CHANGES,
    }
}

/// The order of a list of rooms: the fullest first, then by name.
fn by_size(a: &&Room, b: &&Room) -> Ordering {
    b.member_count()
        .cmp(&a.member_count())
        .then_with(|| a.name.cmp(&b.name))
}

/// Numbers and punctuation of a room in a list, roughly.
const ROOM_OVERHEAD_LEN: usize = 80;
