//! What is in force in one room: who is kept from what, and which invites are good.

use std::collections::{BTreeMap, BTreeSet};

use super::{Invite, InviteCode, Party, Restraint, RestraintKind, left_s};
use crate::chat::bans::{BanRecord, Banned};
use crate::chat::error::ChatError;
use crate::chat::heirs::Heirs;
use crate::chat::message::Timestamp;
use crate::chat::name::UserName;
use crate::chat::network::{ClientAddress, is_ahead};
use crate::chat::{AccountId, PersonId};

/// The order of one room.
#[derive(Debug, Default)]
pub(crate) struct Order {
    /// Its invariant: `banned_from` holds exactly the addresses of these.
    restraints: BTreeMap<(RestraintKind, PersonId), Restraint>,
    banned_from: BTreeSet<(ClientAddress, PersonId)>,
    invites: Vec<Invite>,
}

impl Order {
    pub(crate) fn new(restraints: Vec<Restraint>, invites: Vec<Invite>) -> Self {
        let mut order = Self {
            restraints: BTreeMap::new(),
            banned_from: BTreeSet::new(),
            invites,
        };
        for restraint in restraints {
            order.insert(restraint);
        }
        order
    }

    /// Lets somebody in, unless they are banned.
    pub(crate) fn check_ban(&self, whom: &Party, now: Timestamp) -> Result<(), ChatError> {
        match self.restraint(RestraintKind::Ban, whom, now) {
            Some(until) => Err(ChatError::Banned {
                left_s: until.map(|until| left_s(until, now)),
            }),
            None => Ok(()),
        }
    }

    /// Lets somebody in from an address, unless somebody was banned together with it.
    pub(crate) fn check_address(
        &self,
        from: ClientAddress,
        now: Timestamp,
    ) -> Result<(), ChatError> {
        let first = (from, PersonId::Account(AccountId(i64::MIN)));
        let from_there = self.banned_from.range(first..);
        let mut bans = from_there
            .take_while(|(address, _)| *address == from)
            .filter_map(|(_, person)| self.restraints.get(&(RestraintKind::Ban, *person)));
        match bans.find(|ban| is_ahead(ban.until, now)) {
            Some(ban) => Err(ChatError::Banned {
                left_s: ban.until.map(|until| left_s(until, now)),
            }),
            None => Ok(()),
        }
    }

    /// Lets somebody speak, unless they are muted.
    pub(crate) fn check_mute(&self, whom: &Party, now: Timestamp) -> Result<(), ChatError> {
        match self.restraint(RestraintKind::Mute, whom, now) {
            Some(until) => Err(ChatError::Muted {
                left_s: until.map(|until| left_s(until, now)),
            }),
            None => Ok(()),
        }
    }

    /// What holds against somebody, and until when: a guest is known by the name, too, as each
    /// connection may be another guest.
    fn restraint(
        &self,
        kind: RestraintKind,
        whom: &Party,
        now: Timestamp,
    ) -> Option<Option<Timestamp>> {
        if let Some(restraint) = self.restraints.get(&(kind, whom.person)) {
            return Some(restraint.until).filter(|until| is_ahead(*until, now));
        }
        if !whom.person.is_guest() {
            return None;
        }
        let same = |it: &Party| it.person.is_guest() && it.name == whom.name;
        self.lasting(kind, now)
            .find(|restraint| same(&restraint.whom))
            .map(|restraint| restraint.until)
    }

    /// Who of that name is under such a restraint.
    pub(crate) fn restrained(
        &self,
        kind: RestraintKind,
        name: &UserName,
        now: Timestamp,
    ) -> Option<Party> {
        let mut those = self.lasting(kind, now);
        those
            .find(|restraint| restraint.whom.name == *name)
            .map(|restraint| restraint.whom.clone())
    }

    /// What holds against one person, whatever they are called.
    pub(crate) fn on(&self, person: PersonId, now: Timestamp) -> impl Iterator<Item = &Restraint> {
        let kinds = [RestraintKind::Ban, RestraintKind::Mute];
        let those = kinds.map(|kind| self.restraints.get(&(kind, person)));
        let those = those.into_iter().flatten();
        those.filter(move |it| is_ahead(it.until, now))
    }

    /// What holds against those whom `is_it` finds.
    pub(crate) fn lasting_on(
        &self,
        now: Timestamp,
        is_it: impl Fn(&Party) -> bool,
    ) -> impl Iterator<Item = &Restraint> {
        let all = self.restraints.values();
        all.filter(move |it| is_ahead(it.until, now) && is_it(&it.whom))
    }

    /// Those of a kind that are not over.
    fn lasting(&self, kind: RestraintKind, now: Timestamp) -> impl Iterator<Item = &Restraint> {
        let all = self.restraints.values();
        all.filter(move |it| it.kind == kind && is_ahead(it.until, now))
    }

    /// Those of a kind that are not over, the newest first.
    pub(crate) fn records(&self, kind: RestraintKind, now: Timestamp) -> Vec<BanRecord> {
        let mut records: Vec<BanRecord> = self.lasting(kind, now).map(record).collect();
        records.sort_by_key(|it| std::cmp::Reverse(it.at));
        records
    }

    /// Whether one more can be kept, once what is over is forgotten.
    pub(crate) fn has_place_for_restraint(&self, now: Timestamp) -> bool {
        let lasting = self.restraints.values();
        lasting
            .filter(|restraint| is_ahead(restraint.until, now))
            .count()
            < MAX_RESTRAINTS
    }

    /// Keeps a restraint, and forgets those that are over.
    pub(crate) fn restrain(&mut self, restraint: Restraint) {
        let now = restraint.at;
        let all = self.restraints.iter();
        let over = all.filter(|(_, restraint)| !is_ahead(restraint.until, now));
        let over: Vec<_> = over.map(|(key, _)| *key).collect();
        for (kind, person) in over {
            self.remove(kind, person);
        }
        self.insert(restraint);
    }

    /// Keeps what held against somebody under another identity, unless there is one of that kind.
    pub(crate) fn carry(&mut self, restraint: Restraint, now: Timestamp) {
        let known = self
            .restraints
            .get(&(restraint.kind, restraint.whom.person));
        if known.is_none_or(|known| !is_ahead(known.until, now)) {
            self.insert(restraint);
        }
    }

    /// Whether nothing of a kind holds against an heir but what holds against the guest: that is
    /// carried then, or will be.
    pub(crate) fn has_nothing_else(
        &self,
        kind: RestraintKind,
        heir: PersonId,
        guest: PersonId,
        now: Timestamp,
    ) -> bool {
        let guests = self.restraints.get(&(kind, guest));
        let mut own = self.on(heir, now).filter(|it| it.kind == kind);
        own.all(|own| guests.is_some_and(|it| it.is_same(own)))
    }

    fn insert(&mut self, restraint: Restraint) {
        let (kind, person) = (restraint.kind, restraint.whom.person);
        self.remove(kind, person);
        let addresses = restraint.from.iter();
        self.banned_from
            .extend(addresses.map(|address| (*address, person)));
        self.restraints.insert((kind, person), restraint);
    }

    /// Lifts what holds against somebody, and whatever else goes by that name; and what of it was
    /// carried to the accounts that guests have become, but not what they have of their own.
    pub(crate) fn lift(
        &mut self,
        kind: RestraintKind,
        whom: &Party,
        heirs: &Heirs,
        now: Timestamp,
    ) {
        let is_it = |it: &Party| it.person == whom.person || it.name.as_str() == whom.name.as_str();
        let those = self.lasting(kind, now).filter(|it| is_it(&it.whom));
        let those: Vec<PersonId> = those.map(|it| it.whom.person).collect();
        for person in those {
            let (PersonId::Guest(guest), Some(lifted)) = (person, self.remove(kind, person)) else {
                continue;
            };
            for account in heirs.of(guest).map(PersonId::Account) {
                let held = self.restraints.get(&(kind, account));
                if held.is_some_and(|it| it.is_same(&lifted)) {
                    self.remove(kind, account);
                }
            }
        }
    }

    fn remove(&mut self, kind: RestraintKind, person: PersonId) -> Option<Restraint> {
        let lifted = self.restraints.remove(&(kind, person))?;
        for address in &lifted.from {
            self.banned_from.remove(&(*address, person));
        }
        Some(lifted)
    }

    pub(crate) fn has_place_for_invite(&self, now: Timestamp) -> bool {
        let good = self.invites.iter().filter(|invite| invite.until > now);
        good.count() < MAX_INVITES
    }

    pub(crate) fn invite(&mut self, invite: Invite, now: Timestamp) {
        self.invites.retain(|invite| invite.until > now);
        self.invites.push(invite);
    }

    /// Ends all invites.
    pub(crate) fn uninvite(&mut self) {
        self.invites.clear();
    }

    /// Whether a code lets its holder in.
    pub(crate) fn admits(&self, code: &InviteCode, now: Timestamp) -> bool {
        let code = code.hash();
        let mut good = self.invites.iter().filter(|invite| invite.until > now);
        good.any(|invite| invite.code == code)
    }
}

fn record(restraint: &Restraint) -> BanRecord {
    BanRecord {
        whom: Banned::Person(restraint.whom.clone()),
        by: restraint.by.clone(),
        at: restraint.at,
        until: restraint.until,
        reason: restraint.reason.clone(),
    }
}

/// Bans and mutes of a room: who needs more of them needs another room.
const MAX_RESTRAINTS: usize = 1_000;

/// Invites of a room that are good at the same time.
const MAX_INVITES: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::GuestId;
    use crate::chat::order::Reason;

    fn ban(whom: Party, at: i64, until: Option<i64>) -> Restraint {
        Restraint {
            kind: RestraintKind::Ban,
            whom,
            from: Vec::new(),
            until: until.map(Timestamp),
            by: UserName::parse("ada").unwrap(),
            at: Timestamp(at),
            reason: Reason::default(),
        }
    }

    #[test]
    fn address_is_banned_as_long_as_somebody_is_banned_together_with_it() {
        let (here, there) = (ClientAddress(1), ClientAddress(2));
        let mut order = Order::default();
        for (id, until) in [(1, Some(10)), (2, Some(20))] {
            order.restrain(Restraint {
                from: vec![here],
                ..ban(Party::guest(id, "eve"), 0, until)
            });
        }
        let left = |order: &Order, from, now| order.check_address(from, Timestamp(now)).is_err();
        assert!(left(&order, here, 0) && !left(&order, there, 0));
        assert!(left(&order, here, 19) && !left(&order, here, 20));
        order.remove(RestraintKind::Ban, PersonId::Guest(GuestId(2)));
        assert!(left(&order, here, 9) && !left(&order, here, 10));
        // Banned once more, without the address.
        order.restrain(ban(Party::guest(1, "eve"), 1, None));
        assert!(!left(&order, here, 2));
        assert_eq!(order.banned_from.len(), 0);
    }

    #[test]
    fn ban_ends_when_its_time_has_come() {
        let mut order = Order::default();
        order.restrain(ban(Party::account(1, "ada"), 0, Some(2_500)));
        let judged = |now| order.check_ban(&Party::account(1, "ada"), Timestamp(now));
        assert_eq!(judged(0), Err(ChatError::Banned { left_s: Some(3) }));
        assert_eq!(judged(2_499), Err(ChatError::Banned { left_s: Some(1) }));
        assert_eq!(judged(2_500), Ok(()));
    }

    #[test]
    fn guest_is_banned_by_identity_and_by_name_and_an_account_by_identity_alone() {
        let mut order = Order::default();
        order.restrain(ban(Party::guest(1, "eve"), 0, None));
        let is_banned = |whom: &Party| order.check_ban(whom, Timestamp(0)).is_err();
        assert!(is_banned(&Party::guest(1, "evelyn")), "renamed");
        assert!(is_banned(&Party::guest(2, "Eve")), "come again");
        assert!(!is_banned(&Party::guest(2, "evelyn")));
        assert!(!is_banned(&Party::account(1, "eve")));
    }

    #[test]
    fn what_guests_left_to_accounts_is_lifted_with_it() {
        let mut order = Order::default();
        let (eve, bob, kim) = (
            Party::guest(1, "eve"),
            Party::account(5, "bob"),
            Party::account(6, "kim"),
        );
        let others = [Party::guest(2, "eve"), Party::account(7, "dave")];
        for whom in [&eve, &bob, &kim].into_iter().chain(&others) {
            order.restrain(ban(whom.clone(), 0, None));
        }
        let ada = Party::account(9, "ada");
        order.restrain(ban(ada.clone(), 0, None));
        // Of the first eve databases of earlier versions may know two.
        let pairs = [(1, 5), (1, 6), (2, 7), (3, 9)];
        let pairs = pairs.map(|(guest, account)| (GuestId(guest), AccountId(account)));
        let heirs = Heirs::new(pairs.to_vec());
        order.lift(RestraintKind::Mute, &eve, &heirs, Timestamp(0));
        assert_eq!(order.restraints.len(), 6);
        order.lift(RestraintKind::Ban, &eve, &heirs, Timestamp(0));
        let left: Vec<_> = order.restraints.values().map(|it| &it.whom).collect();
        assert_eq!(left, [&ada]);
    }

    #[test]
    fn what_an_account_has_of_its_own_is_not_lifted_with_the_guests() {
        let (gus, xan) = (Party::guest(1, "gus"), Party::account(5, "xan"));
        let heirs = Heirs::new(vec![(GuestId(1), AccountId(5))]);
        // Later, or with another end.
        for (at, until) in [(1, Some(60)), (0, None)] {
            let mut order = Order::default();
            order.restrain(ban(gus.clone(), 0, Some(60)));
            order.carry(ban(xan.clone(), 0, Some(60)), Timestamp(0));
            let is_carried = |order: &Order| {
                let kind = RestraintKind::Ban;
                order.has_nothing_else(kind, xan.person, gus.person, Timestamp(1))
            };
            assert!(is_carried(&order));
            order.restrain(ban(xan.clone(), at, until));
            assert!(!is_carried(&order));
            order.lift(RestraintKind::Ban, &gus, &heirs, Timestamp(1));
            let left: Vec<_> = order.restraints.values().map(|it| &it.whom).collect();
            assert_eq!(left, [&xan]);
        }
    }

    #[test]
    fn what_is_over_makes_place() {
        let mut order = Order::default();
        for id in 0..1_000 {
            assert!(order.has_place_for_restraint(Timestamp(0)));
            let until = (id == 0).then_some(10);
            order.restrain(ban(Party::guest(id, "eve"), 0, until));
        }
        assert!(!order.has_place_for_restraint(Timestamp(9)));
        assert!(order.has_place_for_restraint(Timestamp(10)));
        order.restrain(ban(Party::guest(1_000, "eve"), 10, None));
        assert_eq!(order.restraints.len(), MAX_RESTRAINTS);
    }

    #[test]
    fn invite_admits_until_its_end_and_shows_nothing() {
        let mut order = Order::default();
        let code = InviteCode::new(7);
        let until = Timestamp(10);
        let invite = Invite {
            code: code.hash(),
            until,
        };
        order.invite(invite, Timestamp(0));
        assert!(order.admits(&code, Timestamp(9)) && !order.admits(&code, until));
        assert!(!order.admits(&InviteCode::new(8), Timestamp(9)));
        assert_eq!(format!("{code:?}"), "InviteCode");
        let read = InviteCode::parse(&format!(" {} ", code.as_str())).unwrap();
        assert_eq!(read.hash(), code.hash());
        assert!(InviteCode::parse(&"x".repeat(65)).is_err());
    }
}
