//! Who belongs to a room, who keeps it in order, and who is kept from what; at any moment.

use std::collections::{BTreeMap, BTreeSet};

use super::eyes::Moment;
use super::turns::Turns;
use super::{Checked, Position, ensure};
use crate::chat::event::Role;
use crate::chat::inheritance::InheritedRoom;
use crate::chat::log::{Append, RoomFact, Visibility};
use crate::chat::order::{self, Invite, InviteCode, Measure, Party, RestraintKind};
use crate::chat::{AccountId, PersonId, Timestamp};

/// What is kept of a room beside its past.
#[derive(Debug)]
pub(super) struct Books {
    pub(super) visibility: Visibility,
    /// The two of a conversation.
    pub(super) parties: Vec<Party>,
    /// Guests who were one of them until they became accounts.
    pub(super) former_parties: Vec<(Position, Party)>,
    pub(super) members: BTreeMap<AccountId, Member>,
    /// All stays of accounts, those that are over too.
    stays: Vec<Stay>,
    /// Each with whom it was given to; later ones hold.
    roles: Vec<(Position, Party, Role)>,
    pub(super) restraints: Vec<Restraint>,
    pub(super) invites: Vec<(Position, Invite, InviteCode)>,
    /// When all that there were ended last.
    pub(super) uninvited_at: Option<Position>,
    pub(super) turns: Turns,
    /// For how many days messages are kept, as somebody decided.
    pub(super) retentions: Vec<(Position, u32)>,
    /// Who was put out, or left for all devices: whom and by what name.
    dismissals: Vec<(Position, Party)>,
}

/// Somebody with an account who belongs to the room.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) name: String,
    pub(super) read: u64,
    /// The marks that it was moved to by a request.
    pub(super) marks: Vec<(Position, u64)>,
}

#[derive(Debug)]
struct Stay {
    account: AccountId,
    to: Option<Position>,
    from: Position,
}

/// Something that keeps somebody from something.
#[derive(Debug)]
pub(super) struct Restraint {
    pub(super) kind: RestraintKind,
    pub(super) whom: Party,
    pub(super) until: Option<Timestamp>,
    /// When it was decided, about whomever.
    decided_at: Timestamp,
    /// Whether it held against the guest that somebody was: nobody is put out by it.
    is_carried: bool,
    from: Position,
    pub(super) to: Option<Position>,
}

impl Books {
    pub(super) fn new(visibility: Visibility) -> Self {
        Self {
            visibility,
            parties: Vec::new(),
            former_parties: Vec::new(),
            members: BTreeMap::new(),
            stays: Vec::new(),
            roles: Vec::new(),
            restraints: Vec::new(),
            invites: Vec::new(),
            uninvited_at: None,
            turns: Turns::default(),
            retentions: Vec::new(),
            dismissals: Vec::new(),
        }
    }

    pub(super) fn own(&mut self, owner: &Party, position: Position) {
        self.roles.push((position, owner.clone(), Role::Owner));
        self.enter(owner, 0, position);
    }

    /// Takes note of somebody who belongs to the room from now on, if they have an account.
    pub(super) fn enter(&mut self, who: &Party, read: u64, position: Position) {
        let PersonId::Account(account) = who.person else {
            return;
        };
        self.members.entry(account).or_insert_with(|| {
            self.stays.push(Stay {
                account,
                from: position,
                to: None,
            });
            Member {
                name: who.name.as_str().to_owned(),
                read,
                marks: Vec::new(),
            }
        });
    }

    /// Has what was a guest's be an account's, as far as the guest has it still: some of it may be
    /// another account's by now.
    pub(super) fn inherit(
        &mut self,
        it: &InheritedRoom,
        guest: PersonId,
        heir: &Party,
        (position, is_first): (Position, bool),
    ) {
        let has_role = is_first || self.roles().contains_key(&guest);
        if it.role > Role::Member && has_role {
            let role = self.roles().get(&heir.person).copied();
            let role = role.unwrap_or(Role::Member).max(it.role);
            self.roles.push((position, heir.clone(), role));
            let name = heir.name.clone();
            let person = guest;
            self.roles
                .push((position, Party { person, name }, Role::Member));
        }
        if it.is_party {
            let mut parties = self.parties.iter_mut();
            let Some(party) = parties.find(|party| party.person == guest) else {
                return;
            };
            let former = std::mem::replace(party, heir.clone());
            self.former_parties.push((position, former));
        }
        if let Some(read) = it.read {
            self.enter(heir, read, position);
        }
    }

    /// Has something hold against somebody, unless it does.
    pub(super) fn carry(&mut self, restraint: order::Restraint, at: Timestamp, from: Position) {
        let order::Restraint {
            kind,
            whom,
            until,
            at: decided_at,
            ..
        } = restraint;
        let mut standing = self.restraints.iter().filter(|it| it.to.is_none());
        let is_known = standing.any(|it| {
            it.kind == kind
                && it.whom.person == whom.person
                && it.until.is_none_or(|until| until > at)
        });
        if !is_known {
            let to = None;
            // Whoever keeps order there stays.
            let is_out = kind == RestraintKind::Ban && until.is_none_or(|until| until > at);
            if is_out && !self.roles().contains_key(&whom.person) {
                self.dismiss(&whom, from);
            }
            self.restraints.push(Restraint {
                kind,
                whom,
                until,
                decided_at,
                is_carried: true,
                from,
                to,
            });
        }
    }

    /// Whether somebody was one of the two of a conversation at any time since the hub had been told
    /// so much.
    pub(super) fn was_party_since(&self, is_it: impl Fn(&Party) -> bool, told: Position) -> bool {
        let former = self.former_parties.iter();
        let mut former = former.filter(|(to, _)| *to >= told);
        self.parties.iter().any(&is_it) || former.any(|(_, party)| is_it(party))
    }

    fn dismiss(&mut self, who: &Party, position: Position) {
        self.dismissals.push((position, who.clone()));
        let PersonId::Account(account) = who.person else {
            return;
        };
        self.members.remove(&account);
        let mut stays = self.stays.iter_mut();
        if let Some(stay) = stays.find(|it| it.account == account && it.to.is_none()) {
            stay.to = Some(position);
        }
    }

    /// Moves a mark forward.
    pub(super) fn read(&mut self, person: PersonId, seq: u64, asked_at: Option<Position>) {
        let PersonId::Account(account) = person else {
            return;
        };
        if let Some(member) = self.members.get_mut(&account)
            && member.read < seq
        {
            member.read = seq;
            member
                .marks
                .extend(asked_at.map(|position| (position, seq)));
        }
    }

    /// Whether an account belonged to the room at any time since the hub had been told so much.
    pub(super) fn belonged_since(&self, account: AccountId, told: Position) -> bool {
        let mut stays = self.stays.iter().filter(|stay| stay.account == account);
        stays.any(|stay| stay.to.is_none_or(|to| to >= told))
    }

    /// Whether an account has belonged to the room only since the hub had been told so much.
    pub(super) fn is_new_since(&self, account: AccountId, told: Position) -> bool {
        let mut stays = self.stays.iter().rev();
        let last = stays.find(|stay| stay.account == account);
        last.is_some_and(|stay| stay.from >= told)
    }

    /// Whether an account belonged to the room when the hub had been told so much.
    fn belonged_at(&self, account: AccountId, told: Position) -> bool {
        let mut stays = self.stays.iter().filter(|stay| stay.account == account);
        stays.any(|stay| stay.from < told && stay.to.is_none_or(|to| to >= told))
    }

    /// Whether whoever has one of these names, or the account, was put out or left since then.
    pub(super) fn was_dismissed_since(
        &self,
        is_it: impl Fn(&Party) -> bool,
        told: Position,
    ) -> bool {
        let mut dismissals = self.dismissals.iter();
        dismissals.any(|(position, whom)| *position >= told && is_it(whom))
    }

    pub(super) fn roles(&self) -> BTreeMap<PersonId, Role> {
        let all = self.roles.iter();
        let mut roles: BTreeMap<_, _> = all.map(|(_, whom, role)| (whom.person, *role)).collect();
        roles.retain(|_, role| *role > Role::Member);
        roles
    }

    /// Those who keep the room in order.
    pub(super) fn rulers(&self) -> impl Iterator<Item = &Party> {
        let roles = self.roles();
        let all = self.roles.iter().map(|(_, whom, _)| whom);
        all.filter(move |whom| roles.contains_key(&whom.person))
    }

    fn role_at(&self, person: PersonId, told: Position) -> Role {
        let given = self.roles.iter().rev();
        let is_it = |whom: &Party| whom.person == person;
        let mut given = given.filter(|(position, whom, _)| *position < told && is_it(whom));
        given.next().map_or(Role::Member, |(_, _, role)| *role)
    }

    /// Whether somebody kept the room in order at any time since the hub had been told so much: a room
    /// is theirs in which they are not.
    pub(super) fn ranked_since(&self, person: PersonId, told: Position) -> bool {
        let later = self
            .roles
            .iter()
            .filter(|(position, _, _)| *position >= told);
        let mut given = later.filter(|(_, whom, _)| whom.person == person);
        given.any(|(_, _, role)| *role > Role::Member) || self.role_at(person, told) > Role::Member
    }

    /// Whether somebody was certainly kept from something when the hub had been told so much.
    pub(super) fn was_held(
        &self,
        kind: RestraintKind,
        person: PersonId,
        told: Position,
        at: Timestamp,
    ) -> bool {
        let mut those = self.restraints.iter().filter(|it| it.kind == kind);
        those.any(|it| {
            it.whom.person == person
                && it.from < told
                && it.to.is_none_or(|to| to >= told)
                && it.until.is_none_or(|until| until > at)
        })
    }

    /// Whether somebody is kept from something without an end, and was when the hub had been told so
    /// much.
    pub(super) fn is_held_since(
        &self,
        kind: RestraintKind,
        is_it: impl Fn(&Party) -> bool,
        told: Position,
    ) -> bool {
        let mut those = self.restraints.iter().filter(|it| it.kind == kind);
        those.any(|it| it.from < told && it.to.is_none() && it.until.is_none() && is_it(&it.whom))
    }

    /// Whether somebody was put out by a ban that was there at a moment, and was not lifted before
    /// `lifted`.
    pub(super) fn was_shut_out(
        &self,
        person: PersonId,
        Moment { told, at }: Moment,
        lifted: Position,
    ) -> bool {
        let put_out = |it: &&Restraint| it.kind == RestraintKind::Ban && !it.is_carried;
        let mut bans = self.restraints.iter().filter(put_out);
        bans.any(|it| {
            it.whom.person == person
                && it.from < told
                && it.to.is_none_or(|to| to >= lifted)
                && it.until.is_none_or(|until| until > at)
        })
    }

    /// Whether somebody may have been kept from something at any time since then.
    pub(super) fn may_be_held(
        &self,
        kind: RestraintKind,
        is_it: impl Fn(&Party) -> bool,
        told: Position,
    ) -> bool {
        let mut those = self.restraints.iter().filter(|it| it.kind == kind);
        those.any(|it| is_it(&it.whom) && it.to.is_none_or(|to| to >= told))
    }

    /// Checks that whoever said or changed something could, when the hub judged it.
    pub(super) fn check_voice(&self, person: PersonId, told: Position, at: Timestamp) -> Checked {
        ensure!(
            !self.was_held(RestraintKind::Mute, person, told, at),
            "{person:?} was muted, and was heard"
        );
        let is_outside = match person {
            PersonId::Account(account) => !self.belonged_at(account, told),
            PersonId::Guest(_) => true,
        };
        let is_party = self.was_party_since(|party| party.person == person, told);
        ensure!(
            self.visibility == Visibility::Public || is_party || !is_outside,
            "{person:?} was outside, and was heard"
        );
        Ok(())
    }

    /// Takes a message, for which it must have been somebody's turn as far as the hub knew.
    pub(super) fn take_turn(
        &mut self,
        person: PersonId,
        at: Timestamp,
        known: (Position, Position),
    ) -> Checked {
        match self.role_at(person, known.0) {
            Role::Member => self.turns.take(person, at, known),
            _ => Ok(()),
        }
    }

    /// Takes something about how the room is kept, which must have been somebody's right when the
    /// hub judged it.
    pub(super) fn keep(
        &mut self,
        append: &Append,
        fact: &RoomFact,
        newest: u64,
        (position, told): (Position, Position),
    ) -> Checked {
        match fact {
            RoomFact::Joined { account, name, .. } => {
                let person = PersonId::Account(*account);
                // Not only as far as the hub knew: a ban that stands in the log holds from there on.
                ensure!(
                    !self.was_held(RestraintKind::Ban, person, position, append.at),
                    "{name} was banned, and entered"
                );
                let name = name.clone();
                self.enter(&Party { person, name }, newest, position);
            }
            RoomFact::Left { account, name } => {
                let person = PersonId::Account(*account);
                let name = name.clone();
                self.dismiss(&Party { person, name }, position);
            }
            RoomFact::Read { account, seq } => {
                let asked_at = Some(position);
                self.read(PersonId::Account(*account), *seq, asked_at);
            }
            RoomFact::Invited { by, invite, code } => {
                self.check_voice_of_member(by, told)?;
                self.invites.push((position, *invite, code.clone()));
            }
            RoomFact::Uninvited { .. } => self.uninvite(position),
            RoomFact::Measured {
                by, whom, measure, ..
            } => {
                let (own, other) = (
                    self.role_at(by.person, told),
                    self.role_at(whom.person, told),
                );
                let is_own_role = by.person == whom.person && own == Role::Owner;
                ensure!(
                    own > other || is_own_role,
                    "{by:?}, {own:?}, did {measure:?} to {whom:?}, {other:?}"
                );
                self.measure(whom, *measure, (append.at, position));
            }
            RoomFact::SlowModeSet { by, interval } => {
                let role = self.role_at(by.person, told);
                ensure!(role > Role::Member, "{by:?}, {role:?}, slows the room");
                self.turns.set(*interval, position);
            }
            RoomFact::RetentionSet { by, days } => {
                let role = self.role_at(by.person, told);
                ensure!(
                    role == Role::Owner,
                    "{by:?}, {role:?}, sets how long to keep"
                );
                self.retentions.push((position, *days));
            }
            _ => {}
        }
        Ok(())
    }

    /// Checks that what was decided before then was too old, as far as the hub knew.
    pub(super) fn check_expiry(
        &self,
        before: Timestamp,
        at: Timestamp,
        (told, default_days): (Position, u32),
    ) -> Checked {
        let known = self
            .retentions
            .iter()
            .rev()
            .find(|(position, _)| *position < told);
        let days = known.map_or(default_days, |(_, days)| *days);
        // Before all time: the rest of what counts as erased.
        ensure!(
            before.0 == 0 || days > 0 && before.0 <= at.0 - i64::from(days) * DAY_MS + 1,
            "at {at:?} all before {before:?} goes, which is to be kept for {days} days"
        );
        Ok(())
    }

    /// Who invites to a room that not everybody sees belongs to it.
    fn check_voice_of_member(&self, by: &Party, told: Position) -> Checked {
        let PersonId::Account(account) = by.person else {
            return ensure_kept(false, "a guest invites");
        };
        let belongs = self.belonged_at(account, told);
        let is_public = self.visibility == Visibility::Public;
        ensure_kept(belongs || is_public, "somebody outside invites")
    }

    fn uninvite(&mut self, position: Position) {
        self.invites.clear();
        self.uninvited_at = Some(position);
    }

    /// Lifts for the accounts that guests have become what is lifted for the guests, but not what was
    /// decided about the accounts.
    pub(super) fn lift_carried(
        &mut self,
        fact: &RoomFact,
        heirs: &BTreeSet<(PersonId, PersonId)>,
        at: Timestamp,
        position: Position,
    ) {
        let (kind, whom) = match fact {
            RoomFact::Measured { whom, measure, .. } => match measure {
                Measure::Unban => (RestraintKind::Ban, whom),
                Measure::Unmute => (RestraintKind::Mute, whom),
                _ => return,
            },
            _ => return,
        };
        let is_it = |it: &Party| it.person == whom.person || it.name.as_str() == whom.name.as_str();
        let is_standing = |it: &Restraint| it.kind == kind && it.to.is_none();
        let lifted = self.restraints.iter();
        let lifted = lifted.filter(|it| is_standing(it) && is_it(&it.whom));
        let lifted = lifted.filter(|it| it.until.is_none_or(|until| until > at));
        let lifted: Vec<_> = lifted
            .map(|it| (it.whom.person, it.decided_at, it.until))
            .collect();
        let was_carried = |it: &Restraint| {
            lifted.iter().any(|(guest, decided_at, until)| {
                heirs.contains(&(*guest, it.whom.person))
                    && (*decided_at, *until) == (it.decided_at, it.until)
            })
        };
        let standing = self.restraints.iter_mut().filter(|it| is_standing(it));
        for restraint in standing.filter(|it| was_carried(it)) {
            restraint.to = Some(position);
        }
    }

    fn measure(&mut self, whom: &Party, measure: Measure, (at, position): (Timestamp, Position)) {
        let kind = match measure {
            Measure::Ban { .. } | Measure::Unban => RestraintKind::Ban,
            _ => RestraintKind::Mute,
        };
        match measure {
            Measure::Kick | Measure::Ban { .. } => {
                self.roles.push((position, whom.clone(), Role::Member));
                self.dismiss(whom, position);
            }
            Measure::Role(role) => self.roles.push((position, whom.clone(), role)),
            _ => {}
        }
        if matches!(measure, Measure::Ban { .. }) && self.visibility == Visibility::Private {
            self.uninvite(position);
        }
        if matches!(measure, Measure::Kick | Measure::Role(_)) {
            return;
        }
        let is_lifted = matches!(measure, Measure::Unban | Measure::Unmute);
        let is_it = |it: &Party| {
            it.person == whom.person || (is_lifted && it.name.as_str() == whom.name.as_str())
        };
        let standing = self.restraints.iter_mut().filter(|it| it.to.is_none());
        for restraint in standing.filter(|it| it.kind == kind && is_it(&it.whom)) {
            restraint.to = Some(position);
        }
        if let Measure::Ban { until } | Measure::Mute { until } = measure {
            self.restraints.push(Restraint {
                kind,
                whom: whom.clone(),
                until,
                decided_at: at,
                is_carried: false,
                from: position,
                to: None,
            });
        }
    }
}

/// Milliseconds of a day.
pub(in crate::server::simulation) const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

fn ensure_kept(kept: bool, story: &str) -> Checked {
    ensure!(kept, "{story}");
    Ok(())
}
