//! What changes messages that are there: judged by what the log knows of them, then recorded.

use crate::chat::PersonId;
use crate::chat::log::{Append, Fact, LogError, Recorded};
use crate::chat::message::{Body, Seq};
use crate::chat::name::UserName;
use crate::chat::reaction::Emoji;
use crate::storage::database::{DatabaseError, RoomState, StandingMessage};
use crate::storage::log::{Outcome, Transcript};
use crate::storage::rows::{read_reactions, read_user, write_person, write_reactions};

impl Transcript<'_> {
    pub(super) fn edit(
        &mut self,
        append: &Append,
        room: RoomState,
        seq: Seq,
        body: &Body,
        person: PersonId,
    ) -> Result<Outcome, DatabaseError> {
        let Some(message) = self.standing_message(room, seq)? else {
            return Ok(Err(LogError::NoSuchMessage));
        };
        if !self.is_theirs(&message.person, person)? {
            return Ok(Err(LogError::NotTheirs));
        }
        if message.body == body.as_str() {
            return Ok(Err(LogError::Already));
        }
        let rev = self.insert_change(append, &append.fact, room, Some(seq))?;
        self.transaction
            .set_body(message.event, body.as_str(), append.at.0)?;
        Ok(Ok(Recorded::Changed { rev }))
    }

    pub(super) fn delete(
        &mut self,
        append: &Append,
        room: RoomState,
        seq: Seq,
        person: PersonId,
        others: bool,
    ) -> Result<Outcome, DatabaseError> {
        let Some(message) = self.transaction.message(room, seq)? else {
            return Ok(Err(LogError::NoSuchMessage));
        };
        if !others && !self.is_theirs(&message.person, person)? {
            return Ok(Err(LogError::NotTheirs));
        }
        if message.is_deleted {
            return Ok(Err(LogError::Already));
        }
        let rev = self.insert_change(append, &append.fact, room, None)?;
        self.transaction
            .erase_message(room.id, seq, message.event)?;
        Ok(Ok(Recorded::Changed { rev }))
    }

    pub(super) fn react(
        &mut self,
        append: &Append,
        room: RoomState,
        seq: Seq,
        emoji: &Emoji,
        choice: (bool, &UserName, PersonId),
    ) -> Result<Outcome, DatabaseError> {
        let (on, from, person) = choice;
        let Some(message) = self.standing_message(room, seq)? else {
            return Ok(Err(LogError::NoSuchMessage));
        };
        let who = write_person(person);
        let known = self
            .transaction
            .reactor(message.event, emoji.as_str(), &who)?;
        if known.is_some() == on {
            return Ok(Err(LogError::Already));
        }
        let mut reactions = read_reactions(message.reactions.as_deref());
        if !reactions.has_room_for(emoji) {
            return Ok(Err(LogError::TooManyReactions));
        }
        // Who takes a reaction back may have another name by now.
        let from = known.map_or_else(|| from.clone(), |name| read_user(&name));
        if on {
            self.transaction
                .insert_reactor(message.event, emoji.as_str(), &who, from.as_str())?;
        } else {
            self.transaction
                .delete_reactor(message.event, emoji.as_str(), &who)?;
        }
        reactions.change(emoji, &from, on);
        self.transaction
            .set_reactions(message.event, write_reactions(&reactions).as_deref())?;
        let Some(name) = append.fact.room() else {
            return Ok(Err(LogError::NoSuchRoom));
        };
        let fact = Fact::Reacted {
            room: name.clone(),
            seq,
            emoji: emoji.clone(),
            on,
            from: from.clone(),
            person,
        };
        let rev = self.insert_change(append, &fact, room, None)?;
        Ok(Ok(Recorded::Reacted { rev, from }))
    }

    /// Whether what somebody wrote is somebody's: their own, or that of a guest who they were.
    fn is_theirs(&self, author: &[u8], person: PersonId) -> Result<bool, DatabaseError> {
        match person {
            _ if author == write_person(person) => Ok(true),
            PersonId::Account(account) => self.transaction.is_heir(author, account.0),
            PersonId::Guest(_) => Ok(false),
        }
    }

    /// A message that is there and not deleted.
    fn standing_message(
        &self,
        room: RoomState,
        seq: Seq,
    ) -> Result<Option<StandingMessage>, DatabaseError> {
        let message = self.transaction.message(room, seq)?;
        Ok(message.filter(|message| !message.is_deleted))
    }
}
