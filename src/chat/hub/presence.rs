//! Tells rooms about comings, goings, new names: at once, or when a room can bear it.

use std::sync::Arc;

use crate::chat::PersonId;
use crate::chat::event::{Event, Presence};
use crate::chat::hub::{Hub, Output};
use crate::chat::name::UserName;
use crate::chat::room::{Room, RoomId};

impl Hub {
    /// Takes note that somebody came into a room (`true`), or went.
    pub(super) fn presence_changed(
        &mut self,
        id: RoomId,
        name: UserName,
        is_present: bool,
        output: &mut Vec<Output>,
    ) {
        let now = self.now;
        let room = self.room_mut(id);
        let count = room.present_count();
        if count > MAX_PRESENCE_MEMBERS {
            room.gossip.settle(&name);
        } else if room.gossip.changed(&name, is_present, count, now) {
            self.tell(id, name, is_present, output);
        } else if room.gossip.is_behind() {
            self.behind.insert(id);
        }
    }

    /// Lists somebody in a room under another name, and tells the room.
    pub(super) fn rename_in(
        &mut self,
        id: RoomId,
        (person, from): (PersonId, UserName),
        to: &UserName,
        output: &mut Vec<Output>,
    ) {
        // Who has not been told of yet is so first; and so is who had the new name before.
        self.settle_presence(id, &from, output);
        self.settle_presence(id, to, output);
        self.room_mut(id).rename(person, to);
        let state = Presence::Renamed { to: to.clone() };
        publish(self.room(id), id, from, state, output);
    }

    /// Tells what is untold of somebody, before anything else that they did.
    pub(super) fn settle_presence(
        &mut self,
        id: RoomId,
        name: &UserName,
        output: &mut Vec<Output>,
    ) {
        let room = self.room_mut(id);
        if let Some(is_present) = room.gossip.settle(name) {
            self.tell(id, name.clone(), is_present, output);
        }
    }

    /// Tells rooms that are behind what they can bear by now.
    pub(super) fn catch_up(&mut self, output: &mut Vec<Output>) {
        let now = self.now;
        // Not in each step: there may be many such rooms.
        if now.0.saturating_sub(self.caught_up_at.0) < CATCH_UP_MILLIS {
            return;
        }
        self.caught_up_at = now;
        let mut behind = std::mem::take(&mut self.behind);
        behind.retain(|id| {
            let count = self.room(*id).present_count();
            while let Some((name, is_present)) = self.room_mut(*id).gossip.next_due(count, now) {
                self.tell(*id, name, is_present, output);
            }
            self.room(*id).gossip.is_behind()
        });
        self.behind = behind;
        self.catch_up_elsewhere(output);
    }

    fn tell(&self, id: RoomId, name: UserName, is_present: bool, output: &mut Vec<Output>) {
        let room = self.room(id);
        let state = match room.named(&name) {
            _ if !is_present => Presence::Left,
            Some(person) => Presence::Joined(self.standing(id, person)),
            None => return debug_assert!(false, "who came and is untold of is still there"),
        };
        publish(room, id, name, state, output);
    }
}

/// In a crowd nobody reads who comes and goes, and it costs its square; and a conversation of two has
/// both in it, whoever is there.
fn publish(room: &Room, id: RoomId, name: UserName, state: Presence, output: &mut Vec<Output>) {
    if room.present_count() <= MAX_PRESENCE_MEMBERS && !room.is_direct() {
        let room = room.name.clone();
        let event = Arc::new(Event::Presence { room, name, state });
        output.push(Output::Publish {
            room: id,
            event,
            origin: None,
        });
    }
}

/// Above this, comings and goings in a room are no longer pushed: joins stay linear.
pub const MAX_PRESENCE_MEMBERS: usize = 500;

/// How often rooms are told late, at most.
const CATCH_UP_MILLIS: i64 = 50;
