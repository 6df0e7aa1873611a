//! What the hub does for those who say something, change what they said, or look for what was said.

use crate::chat::command::Command;
use crate::chat::error::ChatError;
use crate::chat::hub::{Asking, Hub, MAX_FOUND, MAX_HISTORY, Output};
use crate::chat::log::{Fact, Purpose, Read, Span};
use crate::chat::message::{Body, MessageKey, Seq};
use crate::chat::name::RoomName;
use crate::chat::permission::Action;
use crate::chat::reaction::Emoji;
use crate::chat::recent;
use crate::chat::room::RoomId;
use crate::chat::search::{Place, Query, Scope, Search};
use crate::chat::turns::Turn;

impl Hub {
    pub(super) fn send(
        &mut self,
        asking: &mut Asking<'_>,
        name: &RoomName,
        body: Body,
        key: Option<MessageKey>,
        reply_to: Option<Seq>,
    ) -> Result<(), ChatError> {
        let posted = self
            .entered(name, asking)
            .and_then(|id| self.post(asking, id, body, key.clone(), reply_to));
        posted.or_else(|refusal| self.refuse_message(asking, name, key, refusal))
    }

    /// Refuses a request, or a message unless it was posted before.
    pub(super) fn refuse(
        &self,
        asking: &mut Asking<'_>,
        command: &Command,
        refusal: ChatError,
    ) -> Result<(), ChatError> {
        match command {
            Command::Send { room, key, .. } => {
                self.refuse_message(asking, room, key.clone(), refusal)
            }
            _ => Err(refusal),
        }
    }

    /// Refuses a message, unless it was posted before: that is for the log to say. Whoever may not
    /// know of the room is told no more than that.
    pub(super) fn refuse_message(
        &self,
        asking: &mut Asking<'_>,
        name: &RoomName,
        key: Option<MessageKey>,
        refusal: ChatError,
    ) -> Result<(), ChatError> {
        let room = self.visible(name, asking).map(|id| self.room(id));
        let (Some(key), Ok(room)) = (key, room) else {
            return Err(refusal);
        };
        let (room, from, person) = (room.name.clone(), asking.name.clone(), asking.person);
        asking.append(Fact::MessageRefused {
            room,
            from,
            person,
            key,
            refusal,
        });
        Ok(())
    }

    /// Posts a message of somebody who may.
    pub(super) fn post(
        &mut self,
        asking: &mut Asking<'_>,
        id: RoomId,
        body: Body,
        key: Option<MessageKey>,
        reply_to: Option<Seq>,
    ) -> Result<(), ChatError> {
        let room = self.room(id);
        if reply_to.is_some_and(|seq| seq <= room.erased || seq > room.seq) {
            return Err(ChatError::NotFound("message to reply to"));
        }
        self.check_speech(asking, id)?;
        self.wait_for_turn(asking, id, Turn::Message)?;
        let room = self.room(id);
        let (room, from, person) = (room.name.clone(), asking.name.clone(), asking.person);
        asking.append(Fact::MessagePosted {
            room,
            from,
            person,
            body,
            key,
            reply_to,
        });
        Ok(())
    }

    /// Whose the message is, the log alone knows: it judges.
    pub(super) fn edit(
        &mut self,
        asking: &mut Asking<'_>,
        name: &RoomName,
        seq: Seq,
        body: Body,
    ) -> Result<(), ChatError> {
        let id = self.entered(name, asking)?;
        self.check_speech(asking, id)?;
        self.wait_for_turn(asking, id, Turn::Edit)?;
        let room = self.room(id);
        let (room, by, person) = (room.name.clone(), asking.name.clone(), asking.person);
        asking.append(Fact::MessageEdited {
            room,
            seq,
            body,
            by,
            person,
        });
        Ok(())
    }

    pub(super) fn delete(
        &mut self,
        asking: &mut Asking<'_>,
        name: &RoomName,
        seq: Seq,
    ) -> Result<(), ChatError> {
        let id = self.entered(name, asking)?;
        let (room, standing) = (self.room(id), self.standing(id, asking.person));
        let others = standing.may(Action::DeleteOthersMessages).is_ok();
        let (room, by, person) = (room.name.clone(), asking.name.clone(), asking.person);
        asking.append(Fact::MessageDeleted {
            room,
            seq,
            by,
            person,
            others,
        });
        Ok(())
    }

    pub(super) fn react(
        &mut self,
        asking: &mut Asking<'_>,
        name: &RoomName,
        seq: Seq,
        emoji: Emoji,
        on: bool,
    ) -> Result<(), ChatError> {
        let id = self.entered(name, asking)?;
        self.check_speech(asking, id)?;
        let room = self.room(id);
        let (room, from, person) = (room.name.clone(), asking.name.clone(), asking.person);
        asking.append(Fact::Reacted {
            room,
            seq,
            emoji,
            on,
            from,
            person,
        });
        Ok(())
    }

    pub(super) fn history(
        &mut self,
        asking: &mut Asking<'_>,
        name: &RoomName,
        span: Span,
        limit: usize,
    ) -> Result<(), ChatError> {
        let id = self.visible(name, asking)?;
        let room = self.room(id);
        if matches!(span, Span::Around(seq) if seq <= room.erased || seq > room.seq) {
            return Err(ChatError::NotFound("message"));
        }
        asking.output.push(Output::Read(Read {
            purpose: Purpose::History(asking.context.clone()),
            room: self.room(id).name.clone(),
            span,
            max_messages: limit.min(MAX_HISTORY),
            max_weight: recent::MAX_WEIGHT,
            max_changes: 0,
        }));
        Ok(())
    }

    pub(super) fn search(
        &mut self,
        asking: &mut Asking<'_>,
        query: Query,
        room: Option<&RoomName>,
        before: Option<Place>,
        limit: usize,
    ) -> Result<(), ChatError> {
        let scope = match room {
            Some(name) => Scope::Room(self.room(self.visible(name, asking)?).name.clone()),
            None => {
                let private = self.rooms.values().filter(|room| !room.is_public());
                let own = private.filter(|room| room.belongs(asking.person));
                Scope::Readable {
                    private: own
                        .take(MAX_SEARCHED)
                        .map(|room| room.name.clone())
                        .collect(),
                }
            }
        };
        asking.output.push(Output::Search(Search {
            context: asking.context.clone(),
            query,
            scope,
            before,
            max_messages: limit.min(MAX_FOUND),
            max_weight: recent::MAX_WEIGHT,
        }));
        Ok(())
    }
}

/// Private rooms that are searched when no room is named: each is a word more to look up.
const MAX_SEARCHED: usize = 200;
