//! What was durable, held against what a log holds that was opened anew.

use std::collections::BTreeMap;

use super::{Checked, Ledger, Room, Violation, ensure};
use crate::chat::Message;
use crate::chat::account::Roll;
use crate::chat::log::{Change, Purpose, Read, RoomRecord, Span};
use crate::chat::order::Restraint;
use crate::storage::Reader;

impl Ledger {
    /// Compares all of it.
    pub(in crate::server::simulation) fn compare(
        &self,
        records: &[RoomRecord],
        roll: &Roll,
        reader: &mut Reader,
    ) -> Checked {
        let names: Vec<&str> = records.iter().map(|record| record.name.as_str()).collect();
        ensure!(
            names.len() == self.rooms.len() && names.iter().all(|it| self.rooms.contains_key(*it)),
            "rooms were {:?} and are {names:?}",
            self.rooms.keys()
        );
        for record in records {
            let room = &self.rooms[record.name.as_str()];
            room.compare_past(record, reader)?;
            room.compare_books(record)?;
        }
        self.bans.compare(&roll.bans)?;
        self.accounts.compare(roll)
    }
}

impl Room {
    fn compare_past(&self, record: &RoomRecord, reader: &mut Reader) -> Checked {
        let name = record.name.as_str();
        let done = reader.read(Read {
            purpose: Purpose::Recent,
            room: record.name.clone(),
            span: Span::Newest,
            max_messages: usize::MAX,
            max_weight: usize::MAX,
            max_changes: usize::MAX,
        });
        let page = done
            .outcome
            .map_err(|error| Violation(format!("the past of {name} cannot be read: {error:?}")))?;
        let past = &self.past;
        let messages = past.messages.iter().map(|posted| &posted.last);
        let messages: Vec<&Message> = messages.filter(|it| it.seq > past.erased()).collect();
        let differs =
            |(kept, was): (&Message, &Message)| (kept != was).then(|| (kept.clone(), was.clone()));
        let different = page
            .messages
            .iter()
            .zip(messages.iter().copied())
            .find_map(differs);
        ensure!(
            different.is_none() && page.messages.len() == messages.len(),
            "{name} had {} messages and has {}; {different:?}",
            messages.len(),
            page.messages.len()
        );
        let newest_rev = past.newest_rev();
        let changes: Vec<Change> = (1..=newest_rev)
            .filter_map(|rev| past.change_at(rev, newest_rev))
            .collect();
        let lost_count = changes.len().saturating_sub(page.changes.len());
        let may_be_lost = u64::try_from(lost_count).is_ok_and(|it| it <= past.lost_revs());
        ensure!(
            page.changes == changes[lost_count..] && may_be_lost,
            "{name} had changes {changes:?} and has {:?}",
            page.changes
        );
        let kept_for = self.books.retentions.last().map(|(_, days)| *days);
        let kept = (record.books.erased, record.books.retention_days);
        ensure!(
            kept == (past.erased(), kept_for),
            "of {name} {kept:?} are gone, and {:?} were, {kept_for:?}",
            past.erased()
        );
        let numbers = (record.seq, record.rev, record.topic.as_str());
        let were = (past.newest(), newest_rev, past.topic(newest_rev));
        ensure!(numbers == were, "{name} was {were:?} and is {numbers:?}");
        Ok(())
    }

    fn compare_books(&self, record: &RoomRecord) -> Checked {
        let (name, books) = (record.name.as_str(), &record.books);
        let members = books.members.iter();
        let members: BTreeMap<_, _> = members
            .map(|member| (member.account, (member.name.as_str(), member.read)))
            .collect();
        let were = self.books.members.iter();
        let were: BTreeMap<_, _> = were
            .map(|(account, member)| (*account, (member.name.as_str(), member.read)))
            .collect();
        ensure!(
            members == were,
            "members of {name} were {were:?} and are {members:?}"
        );
        let roles: BTreeMap<_, _> = record.roles.iter().copied().collect();
        let were = self.books.roles();
        ensure!(
            roles == were,
            "roles in {name} were {were:?} and are {roles:?}"
        );
        let has_party = |party| books.parties.contains(party);
        ensure!(
            books.parties.len() == self.books.parties.len()
                && self.books.parties.iter().all(has_party)
                && record.visibility == self.books.visibility,
            "{name} was of {:?} and is of {:?}",
            self.books.parties,
            books.parties
        );
        ensure!(
            books.slow_mode == self.books.turns.interval(),
            "{name} was slow by {:?}, and is by {:?}",
            self.books.turns.interval(),
            books.slow_mode
        );
        // What is over may be forgotten.
        let standing = self.books.restraints.iter().filter(|it| it.to.is_none());
        for restraint in standing.filter(|it| it.until.is_none()) {
            let is_it =
                |kept: &Restraint| kept.kind == restraint.kind && kept.whom == restraint.whom;
            ensure!(
                books
                    .restraints
                    .iter()
                    .any(|kept| is_it(kept) && kept.until.is_none()),
                "{restraint:?} in {name} is lost"
            );
        }
        for kept in &books.restraints {
            let mut standing = self.books.restraints.iter().filter(|it| it.to.is_none());
            let is_known = standing
                .any(|it| it.kind == kept.kind && it.whom == kept.whom && it.until == kept.until);
            ensure!(is_known, "{name} has {kept:?}, which nobody wanted");
        }
        let has_invite = |code| books.invites.iter().any(|kept| kept.code == code);
        let mut invites = self.books.invites.iter();
        ensure!(
            invites.all(|(_, invite, _)| has_invite(invite.code)),
            "an invite to {name} is lost"
        );
        Ok(())
    }
}
