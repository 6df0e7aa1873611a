//! What keeps a room in order: measures against members, restraints that last, invites, slow mode.
//!
//! Whatever has an end is over when the time has come: it is judged when somebody asks, no timer
//! ends it. What is over is forgotten when something new of its kind is kept.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::chat::AccountId;
use crate::chat::PersonId;
use crate::chat::error::ChatError;
use crate::chat::event::Role;
use crate::chat::message::{Seq, Timestamp, check_len};
use crate::chat::name::UserName;
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

/// Somebody kept from something.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Restraint {
    /// From what.
    pub kind: RestraintKind,
    /// Who.
    pub whom: Party,
    /// Until then; `None`: until somebody lifts it.
    pub until: Option<Timestamp>,
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
}

/// The order of one room.
#[derive(Debug, Default)]
pub(crate) struct Order {
    pub(crate) slow_mode: Duration,
    restraints: BTreeMap<(RestraintKind, PersonId), (UserName, Option<Timestamp>)>,
    invites: Vec<Invite>,
}

impl Order {
    pub(crate) fn new(
        restraints: Vec<Restraint>,
        invites: Vec<Invite>,
        slow_mode: Duration,
    ) -> Self {
        let mut order = Self {
            slow_mode,
            restraints: BTreeMap::new(),
            invites,
        };
        for Restraint { kind, whom, until } in restraints {
            let held = (whom.name, until);
            order.restraints.insert((kind, whom.person), held);
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
        let holds = |until: &Option<Timestamp>| until.is_none_or(|until| until > now);
        if let Some((_, until)) = self.restraints.get(&(kind, whom.person)) {
            return Some(*until).filter(holds);
        }
        if !whom.person.is_guest() {
            return None;
        }
        let same = |person: PersonId, name: &UserName| person.is_guest() && *name == whom.name;
        self.of_kind(kind)
            .find(|(person, name, until)| same(*person, name) && holds(until))
            .map(|(_, _, until)| until)
    }

    /// Who of that name is under such a restraint.
    pub(crate) fn restrained(
        &self,
        kind: RestraintKind,
        name: &UserName,
        now: Timestamp,
    ) -> Option<Party> {
        self.of_kind(kind)
            .find(|(_, held, until)| *held == name && until.is_none_or(|until| until > now))
            .map(|(person, name, _)| Party {
                person,
                name: name.clone(),
            })
    }

    fn of_kind(
        &self,
        kind: RestraintKind,
    ) -> impl Iterator<Item = (PersonId, &UserName, Option<Timestamp>)> {
        let those = self.restraints.iter();
        those
            .filter(move |((of, _), _)| *of == kind)
            .map(|((_, person), (name, until))| (*person, name, *until))
    }

    /// Whether one more can be kept, once what is over is forgotten.
    pub(crate) fn has_place_for_restraint(&self, now: Timestamp) -> bool {
        let lasting = self.restraints.values();
        lasting
            .filter(|(_, until)| until.is_none_or(|until| until > now))
            .count()
            < MAX_RESTRAINTS
    }

    pub(crate) fn restrain(&mut self, restraint: Restraint, now: Timestamp) {
        let Restraint { kind, whom, until } = restraint;
        self.restraints
            .retain(|_, (_, until)| until.is_none_or(|until| until > now));
        self.restraints
            .insert((kind, whom.person), (whom.name, until));
    }

    pub(crate) fn lift(&mut self, kind: RestraintKind, person: PersonId) {
        self.restraints.remove(&(kind, person));
    }

    pub(crate) fn has_place_for_invite(&self, now: Timestamp) -> bool {
        let good = self.invites.iter().filter(|invite| invite.until > now);
        good.count() < MAX_INVITES
    }

    pub(crate) fn invite(&mut self, invite: Invite, now: Timestamp) {
        self.invites.retain(|invite| invite.until > now);
        self.invites.push(invite);
    }

    /// Whether a code lets its holder in.
    pub(crate) fn admits(&self, code: &InviteCode, now: Timestamp) -> bool {
        let code = code.hash();
        let mut good = self.invites.iter().filter(|invite| invite.until > now);
        good.any(|invite| invite.code == code)
    }
}

/// Whole seconds until then, rounded up, so that it is over after so many.
fn left_s(until: Timestamp, now: Timestamp) -> u64 {
    let left_ms = until.0.saturating_sub(now.0);
    u64::try_from(left_ms).unwrap_or(0).div_ceil(1_000)
}

/// Bans and mutes of a room: who needs more of them needs another room.
pub(crate) const MAX_RESTRAINTS: usize = 1_000;

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

/// Who waits longer between two messages is not in a conversation.
pub const MAX_SLOW_MODE: Duration = Duration::from_secs(6 * 60 * 60);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::GuestId;

    fn party(person: PersonId, name: &str) -> Party {
        Party {
            person,
            name: UserName::parse(name).unwrap(),
        }
    }

    fn guest(id: u128, name: &str) -> Party {
        party(PersonId::Guest(GuestId(id)), name)
    }

    fn account(id: i64, name: &str) -> Party {
        party(PersonId::Account(AccountId(id)), name)
    }

    fn ban(whom: Party, until: Option<i64>) -> Restraint {
        Restraint {
            kind: RestraintKind::Ban,
            whom,
            until: until.map(Timestamp),
        }
    }

    #[test]
    fn ban_ends_when_its_time_has_come() {
        let mut order = Order::default();
        order.restrain(ban(account(1, "ada"), Some(2_500)), Timestamp(0));
        let judged = |now| order.check_ban(&account(1, "ada"), Timestamp(now));
        assert_eq!(judged(0), Err(ChatError::Banned { left_s: Some(3) }));
        assert_eq!(judged(2_499), Err(ChatError::Banned { left_s: Some(1) }));
        assert_eq!(judged(2_500), Ok(()));
    }

    #[test]
    fn guest_is_banned_by_identity_and_by_name_and_an_account_by_identity_alone() {
        let mut order = Order::default();
        order.restrain(ban(guest(1, "eve"), None), Timestamp(0));
        let is_banned = |whom: &Party| order.check_ban(whom, Timestamp(0)).is_err();
        assert!(is_banned(&guest(1, "evelyn")), "renamed");
        assert!(is_banned(&guest(2, "Eve")), "come again");
        assert!(!is_banned(&guest(2, "evelyn")));
        assert!(!is_banned(&account(1, "eve")));
    }

    #[test]
    fn what_is_over_makes_place() {
        let mut order = Order::default();
        for id in 0..1_000 {
            assert!(order.has_place_for_restraint(Timestamp(0)));
            let until = (id == 0).then_some(10);
            order.restrain(ban(guest(id, "eve"), until), Timestamp(0));
        }
        assert!(!order.has_place_for_restraint(Timestamp(9)));
        assert!(order.has_place_for_restraint(Timestamp(10)));
        order.restrain(ban(guest(1_000, "eve"), None), Timestamp(10));
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
