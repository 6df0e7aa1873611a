//! What keeps a room in order: measures against members, restraints that last, invites.
//!
//! Whatever has an end is over when the time has come: it is judged when somebody asks, no timer
//! ends it. What is over is forgotten when something new of its kind is kept.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::chat::AccountId;
use crate::chat::PersonId;
use crate::chat::bans::{BanRecord, Banned};
use crate::chat::error::ChatError;
use crate::chat::event::Role;
use crate::chat::heirs::Heirs;
use crate::chat::message::{Seq, Timestamp, check_len};
use crate::chat::name::UserName;
use crate::chat::network::{ClientAddress, is_ahead};
use crate::chat::secret::SecretHash;

/// Somebody, and the name by which others know them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Party {
    /// Who.
    pub person: PersonId,
    /// What they are called.
    pub name: UserName,
}

/// What is done to somebody in a room, by whoever keeps order there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Measure {
    /// Puts them out; the door stays open.
    Kick,
    /// Puts them out and keeps them out.
    Ban {
        /// Until then; `None`: until somebody lifts it.
        until: Option<Timestamp>,
    },
    /// Lifts a ban.
    Unban,
    /// Has them be silent.
    Mute {
        /// Until then; `None`: until somebody lifts it.
        until: Option<Timestamp>,
    },
    /// Lifts a mute.
    Unmute,
    /// Gives them another role.
    Role(Role),
}

impl Measure {
    /// Whether it ends the invites of a room: whoever is put out may have the code that others came by.
    pub(crate) fn ends_invites(self, is_public: bool) -> bool {
        matches!(self, Self::Ban { .. }) && !is_public
    }

    /// The name of it on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kick => "kick",
            Self::Ban { .. } => "ban",
            Self::Unban => "unban",
            Self::Mute { .. } => "mute",
            Self::Unmute => "unmute",
            Self::Role(_) => "role",
        }
    }

    /// What of somebody it lifts.
    pub(crate) fn lifts(self) -> Option<RestraintKind> {
        match self {
            Self::Unban => Some(RestraintKind::Ban),
            Self::Unmute => Some(RestraintKind::Mute),
            Self::Kick | Self::Ban { .. } | Self::Mute { .. } | Self::Role(_) => None,
        }
    }

    /// When it ends by itself.
    pub fn until(self) -> Option<Timestamp> {
        match self {
            Self::Ban { until } | Self::Mute { until } => until,
            Self::Kick | Self::Unban | Self::Unmute | Self::Role(_) => None,
        }
    }
}

/// Why something was done: up to 250 characters on one line, or nothing.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Reason(Arc<str>);

impl Reason {
    /// Most characters of a reason.
    pub const MAX_CHARACTERS: usize = 250;

    /// Reads a reason.
    ///
    /// # Errors
    /// [`ChatError::TooLong`], and [`ChatError::BadRequest`] for controls and line breaks.
    pub fn parse(text: &str) -> Result<Self, ChatError> {
        check_len("the reason", text, Self::MAX_CHARACTERS)?;
        if text
            .chars()
            .any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}'))
        {
            return Err(ChatError::BadRequest(
                "the reason has a control character or a line break",
            ));
        }
        Ok(Self(text.trim().into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What lets its holder into one room.
#[derive(Clone, Eq, PartialEq)]
pub struct InviteCode(Arc<str>);

impl InviteCode {
    /// Most characters of what may be a code.
    pub const MAX_CHARACTERS: usize = 64;

    /// Makes a code of 128 random bits.
    pub fn new(random: u128) -> Self {
        Self(format!("{random:032x}").into())
    }

    /// Reads what somebody holds for a code.
    ///
    /// # Errors
    /// [`ChatError::TooLong`].
    pub fn parse(text: &str) -> Result<Self, ChatError> {
        check_len("the invite", text, Self::MAX_CHARACTERS)?;
        Ok(Self(text.trim().into()))
    }

    /// The text, for whoever may have it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What is kept of it.
    pub fn hash(&self) -> SecretHash {
        SecretHash::of(self.0.as_bytes())
    }
}

impl fmt::Debug for InviteCode {
    // Who has it is let in.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InviteCode")
    }
}

/// Leave to enter a room, for whoever has the code, any number of times.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Invite {
    /// What is kept of the code.
    pub code: SecretHash,
    /// Until then.
    pub until: Timestamp,
}

/// What keeps somebody from something for a time.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum RestraintKind {
    /// From entering.
    Ban,
    /// From saying anything.
    Mute,
}

impl RestraintKind {
    /// The name of it, which is that of the measure.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ban => "ban",
            Self::Mute => "mute",
        }
    }
}

/// Somebody kept from something.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Restraint {
    /// From what.
    pub kind: RestraintKind,
    /// Who.
    pub whom: Party,
    /// Whoever comes from there too, for a ban; kept as long as it lasts, and shown to nobody.
    pub from: Vec<ClientAddress>,
    /// Until then; `None`: until somebody lifts it.
    pub until: Option<Timestamp>,
    /// Who decided that.
    pub by: UserName,
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: Reason,
}

impl Restraint {
    /// Whether it is the same decision, about whomever: what is carried keeps when it was made, and
    /// until when.
    fn is_same(&self, other: &Self) -> bool {
        (self.kind, self.at, self.until) == (other.kind, other.at, other.until)
    }
}

/// Somebody with an account who belongs to a room, present or not.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MemberRecord {
    /// Who.
    pub account: AccountId,
    /// What they are called.
    pub name: UserName,
    /// The newest message that they have read.
    pub read: Seq,
}

/// What the log keeps of a room beside its past: who belongs to it, and under what rules.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Books {
    /// Those with an account who belong to it.
    pub members: Vec<MemberRecord>,
    /// The two of a direct conversation; of other rooms nobody.
    pub parties: Vec<Party>,
    /// In any order.
    pub restraints: Vec<Restraint>,
    /// In any order.
    pub invites: Vec<Invite>,
    /// The time between two messages of one member; zero: none.
    pub slow_mode: Duration,
    /// For how many days messages are kept, 0: for ever; `None`: as the server has it.
    pub retention_days: Option<u32>,
    /// The messages up to this one are erased.
    pub erased: Seq,
    /// When the oldest message or change was decided that is kept.
    pub oldest_at: Option<Timestamp>,
    /// Whether some of what counts as erased is still there.
    pub has_remains: bool,
}

/// Something that was done to keep order, as it is read later.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AuditEntry {
    /// Its number, larger for what was done later.
    pub id: u64,
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: UserName,
    /// What.
    pub deed: Deed,
}

/// What was done.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Deed {
    /// Something to somebody.
    Measure {
        /// To whom.
        name: UserName,
        /// What.
        measure: Measure,
        /// Why.
        reason: Reason,
    },
    /// The time between messages was set.
    SlowMode(Duration),
    /// An invite was made, good until then.
    Invite {
        /// Until then.
        until: Timestamp,
    },
    /// All invites were ended.
    Uninvite,
    /// Messages are kept for so many days; 0: for ever.
    Retention {
        /// So many.
        days: u32,
    },
    /// Somebody was kept out of the server.
    ServerBan {
        /// Who.
        whom: Banned,
        /// Until then.
        until: Option<Timestamp>,
        /// Why.
        reason: Reason,
    },
    /// Somebody was let in again.
    ServerUnban {
        /// Who.
        whom: Banned,
        /// Why.
        reason: Reason,
    },
    /// An account got a role on the whole server.
    ServerRole {
        /// What it is called.
        name: UserName,
        /// Which role.
        role: Role,
    },
}

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

/// Whole seconds until then, rounded up, so that it is over after so many.
pub(crate) fn left_s(until: Timestamp, now: Timestamp) -> u64 {
    let left_ms = until.0.saturating_sub(now.0);
    u64::try_from(left_ms).unwrap_or(0).div_ceil(1_000)
}

/// Bans and mutes of a room: who needs more of them needs another room.
pub(crate) const MAX_RESTRAINTS: usize = 1_000;

/// Addresses that are banned together with one person: more devices than are at hand at once.
pub(crate) const MAX_ADDRESSES: usize = 8;

/// Invites of a room that are good at the same time.
pub(crate) const MAX_INVITES: usize = 32;

/// Owners and operators of a room.
pub(crate) const MAX_RANKS: usize = 100;

/// How long an invite is good unless said otherwise.
pub const DEFAULT_INVITE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// How long an invite can be good.
pub const MAX_INVITE: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// What has an end ends within ten years; what shall last longer has none.
pub const MAX_RESTRAINT: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

/// What is kept for longer may as well be kept for ever.
pub const MAX_RETENTION_DAYS: u32 = 36_500;

/// Who waits longer between two messages is not in a conversation.
pub const MAX_SLOW_MODE: Duration = Duration::from_secs(6 * 60 * 60);

#[cfg(test)]
impl Party {
    pub(crate) fn guest(id: u128, name: &str) -> Self {
        Self {
            person: PersonId::Guest(crate::chat::GuestId(id)),
            name: UserName::parse(name).expect("a name"),
        }
    }

    pub(crate) fn account(id: i64, name: &str) -> Self {
        Self {
            person: PersonId::Account(AccountId(id)),
            name: UserName::parse(name).expect("a name"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::GuestId;

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

    #[test]
    fn reasons_are_bounded_and_on_one_line() {
        assert!(Reason::parse(&"x".repeat(250)).is_ok());
        let refused = |text: &str| Reason::parse(text).unwrap_err().code();
        assert_eq!(refused(&"x".repeat(251)), "too_long");
        assert_eq!(refused("a\nb"), "bad_request");
    }
}
