//! Who is kept out of the whole server, and by whom.

use std::collections::{BTreeMap, BTreeSet};

use crate::chat::error::ChatError;
use crate::chat::message::Timestamp;
use crate::chat::name::UserName;
use crate::chat::network::{Network, NetworkBans, is_ahead};
use crate::chat::order::{Party, Reason, left_s};
use crate::chat::{AccountId, PersonId};

/// Who is kept out.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Banned {
    /// Somebody; a guest by the name too, as each connection may be another guest.
    Person(Party),
    /// Whoever comes from there.
    Network(Network),
}

/// A ban, as it is kept and listed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BanRecord {
    /// Who is kept out.
    pub whom: Banned,
    /// Who decided that.
    pub by: UserName,
    /// When.
    pub at: Timestamp,
    /// Until then; `None`: until somebody lifts it.
    pub until: Option<Timestamp>,
    /// Why.
    pub reason: Reason,
}

/// What can be decided about the whole server.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ServerFact {
    /// Somebody is kept out from now on.
    Banned {
        /// By whom.
        by: Party,
        /// Who.
        whom: Banned,
        /// Until then; `None`: until somebody lifts it.
        until: Option<Timestamp>,
        /// Why.
        reason: Reason,
    },
    /// Somebody is let in again.
    Unbanned {
        /// By whose leave.
        by: Party,
        /// Who.
        whom: Banned,
        /// Why.
        reason: Reason,
    },
    /// An account helps to keep order on the whole server, or no longer does.
    OpSet {
        /// By whom.
        by: Party,
        /// Which account.
        account: AccountId,
        /// What it is called.
        name: UserName,
        /// Whether it does from now on.
        is_op: bool,
    },
}

/// All bans of the server.
///
/// Invariant: `names` holds exactly the names of `people`.
#[derive(Debug, Default)]
pub(crate) struct Bans {
    people: BTreeMap<PersonId, BanRecord>,
    names: BTreeSet<(UserName, PersonId)>,
    networks: BTreeMap<Network, BanRecord>,
}

impl Bans {
    pub(crate) fn new(records: Vec<BanRecord>) -> Self {
        let mut bans = Self::default();
        for record in records {
            bans.insert(record);
        }
        bans
    }

    /// Lets somebody in, unless they are banned.
    pub(crate) fn check(&self, whom: &Party, now: Timestamp) -> Result<(), ChatError> {
        let known = self.people.get(&whom.person);
        let held = known.filter(|record| is_ahead(record.until, now));
        let is_guest = whom.person.is_guest();
        let held = held.or_else(|| self.guest_named(&whom.name, now).filter(|_| is_guest));
        refuse(held, now)
    }

    /// Lets somebody have a name, unless a guest of that name is banned.
    pub(crate) fn check_name(&self, name: &UserName, now: Timestamp) -> Result<(), ChatError> {
        refuse(self.guest_named(name, now), now)
    }

    fn guest_named(&self, name: &UserName, now: Timestamp) -> Option<&BanRecord> {
        let guests = self.of_name(name).filter(|person| person.is_guest());
        guests
            .filter_map(|person| self.people.get(&person))
            .find(|record| is_ahead(record.until, now))
    }

    /// Who of that name is banned.
    pub(crate) fn named(&self, name: &UserName, now: Timestamp) -> Option<Banned> {
        let mut records = self.of_name(name).filter_map(|it| self.people.get(&it));
        let record = records.find(|record| is_ahead(record.until, now));
        record.map(|record| record.whom.clone())
    }

    fn of_name(&self, name: &UserName) -> impl Iterator<Item = PersonId> {
        let first = (name.clone(), PersonId::Account(AccountId(i64::MIN)));
        let from_there = self.names.range(first..);
        from_there
            .take_while(move |(held, _)| held == name)
            .map(|(_, person)| *person)
    }

    /// Whether a network is banned, not only a larger one.
    pub(crate) fn has_network(&self, network: Network, now: Timestamp) -> bool {
        let record = self.networks.get(&network);
        record.is_some_and(|record| is_ahead(record.until, now))
    }

    /// Whether one more can be kept, once what is over is forgotten.
    pub(crate) fn has_place(&self, now: Timestamp) -> bool {
        self.people.len() + self.networks.len() < MAX_BANS || self.lasting(now).count() < MAX_BANS
    }

    /// Keeps a ban, and forgets those that are over.
    pub(crate) fn ban(&mut self, record: BanRecord) {
        let now = record.at;
        self.people.retain(|_, it| is_ahead(it.until, now));
        self.networks.retain(|_, it| is_ahead(it.until, now));
        let people = &self.people;
        self.names.retain(|(_, person)| people.contains_key(person));
        self.insert(record);
    }

    fn insert(&mut self, record: BanRecord) {
        match &record.whom {
            Banned::Person(party) => {
                let Party { person, name } = party.clone();
                if let Some(earlier) = self.people.insert(person, record)
                    && let Banned::Person(earlier) = earlier.whom
                {
                    self.names.remove(&(earlier.name, person));
                }
                self.names.insert((name, person));
            }
            Banned::Network(network) => {
                self.networks.insert(*network, record);
            }
        }
        debug_assert_eq!(self.names.len(), self.people.len());
    }

    pub(crate) fn lift(&mut self, whom: &Banned) {
        match whom {
            Banned::Person(party) => {
                if let Some(BanRecord {
                    whom: Banned::Person(Party { name, person }),
                    ..
                }) = self.people.remove(&party.person)
                {
                    self.names.remove(&(name, person));
                }
            }
            Banned::Network(network) => {
                self.networks.remove(network);
            }
        }
    }

    /// Those that are not over, the newest first.
    pub(crate) fn list(&self, now: Timestamp) -> Vec<BanRecord> {
        let mut bans: Vec<BanRecord> = self.lasting(now).cloned().collect();
        bans.sort_by_key(|ban| std::cmp::Reverse(ban.at));
        bans
    }

    /// The networks that are banned, for those who let people in.
    pub(crate) fn networks(&self) -> NetworkBans {
        let networks = self.networks.iter();
        networks
            .map(|(network, record)| (*network, record.until))
            .collect()
    }

    fn lasting(&self, now: Timestamp) -> impl Iterator<Item = &BanRecord> {
        let all = self.people.values().chain(self.networks.values());
        all.filter(move |record| is_ahead(record.until, now))
    }
}

fn refuse(held: Option<&BanRecord>, now: Timestamp) -> Result<(), ChatError> {
    match held {
        None => Ok(()),
        Some(record) => Err(ChatError::BannedFromServer {
            left_s: record.until.map(|until| left_s(until, now)),
        }),
    }
}

/// Bans of a server: some megabytes of memory. Who needs more of them bans larger networks.
pub(crate) const MAX_BANS: usize = 10_000;

/// Bans of one answer.
pub(crate) const MAX_LISTED_BANS: usize = 1_000;

/// About how many bytes such a list has at most; each has a reason of up to a kilobyte.
pub(crate) const MAX_LISTED_WEIGHT: usize = 256 * 1024;

/// As many of a list, the newest first, as go into one answer, and whether there are more.
///
/// Those of one moment stay together, so that the next page begins behind that moment; as many as fill
/// an answer by themselves are not decided in one.
pub(crate) fn listed(
    mut bans: Vec<BanRecord>,
    before: Option<Timestamp>,
) -> (Vec<BanRecord>, bool) {
    bans.retain(|ban| before.is_none_or(|before| ban.at < before));
    let mut weight = 0;
    let fits = |ban: &&BanRecord| {
        weight += ban.reason.as_str().len() + OVERHEAD_LEN;
        weight <= MAX_LISTED_WEIGHT
    };
    let count = bans.iter().take(MAX_LISTED_BANS).take_while(fits).count();
    let Some(next_at) = bans.get(count).map(|ban| ban.at) else {
        return (bans, false);
    };
    let last = bans[..count].iter().rposition(|ban| ban.at != next_at);
    bans.truncate(last.map_or(count, |last| last + 1));
    (bans, true)
}

/// Names, times and punctuation, roughly.
const OVERHEAD_LEN: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    fn record(whom: Banned, at: i64, until: Option<i64>) -> BanRecord {
        BanRecord {
            whom,
            by: UserName::parse("ada").unwrap(),
            at: Timestamp(at),
            until: until.map(Timestamp),
            reason: Reason::default(),
        }
    }

    #[test]
    fn guest_is_banned_by_identity_and_by_name_and_an_account_by_identity_alone() {
        let mut bans = Bans::default();
        bans.ban(record(Banned::Person(Party::guest(1, "eve")), 0, None));
        bans.ban(record(Banned::Person(Party::account(1, "bob")), 0, None));
        let is_banned = |whom: &Party| bans.check(whom, Timestamp(0)).is_err();
        assert!(is_banned(&Party::guest(1, "evelyn")), "renamed");
        assert!(is_banned(&Party::guest(2, "Eve")), "come again");
        assert!(!is_banned(&Party::guest(2, "evelyn")));
        assert!(is_banned(&Party::account(1, "bob")));
        assert!(!is_banned(&Party::account(2, "eve")));
        assert!(!is_banned(&Party::guest(3, "bob")));
        let name = |text: &str| UserName::parse(text).unwrap();
        assert!(bans.check_name(&name("EVE"), Timestamp(0)).is_err());
        assert!(bans.check_name(&name("bob"), Timestamp(0)).is_ok());
    }

    #[test]
    fn ban_ends_when_its_time_has_come_or_when_it_is_lifted() {
        let mut bans = Bans::default();
        let eve = Party::guest(1, "eve");
        bans.ban(record(Banned::Person(eve.clone()), 0, Some(2_500)));
        let left = |bans: &Bans, now| bans.check(&eve, Timestamp(now));
        let refused = |left_s| Err(ChatError::BannedFromServer { left_s });
        assert_eq!(left(&bans, 0), refused(Some(3)));
        assert_eq!(left(&bans, 2_499), refused(Some(1)));
        assert_eq!(left(&bans, 2_500), Ok(()));
        // Banned again under another name: both identities are one.
        bans.ban(record(Banned::Person(Party::guest(1, "evil")), 1, None));
        assert_eq!(left(&bans, 2_500), refused(None));
        assert_eq!(bans.named(&eve.name, Timestamp(2)), None);
        bans.lift(&Banned::Person(eve.clone()));
        assert_eq!(left(&bans, 2), Ok(()));
    }

    #[test]
    fn bans_are_bounded_and_what_is_over_makes_place() {
        let mut bans = Bans::default();
        for (id, _) in (0..).zip(0..MAX_BANS) {
            assert!(bans.has_place(Timestamp(0)));
            let until = (id == 0).then_some(10);
            bans.insert(record(Banned::Person(Party::guest(id, "eve")), 0, until));
        }
        assert!(!bans.has_place(Timestamp(9)));
        assert!(bans.has_place(Timestamp(10)));
        let network = Network::parse("203.0.113.0/24").unwrap();
        bans.ban(record(Banned::Network(network), 10, None));
        assert_eq!(bans.lasting(Timestamp(10)).count(), MAX_BANS);
        assert!(bans.has_network(network, Timestamp(10)));
        let (shown, more) = listed(bans.list(Timestamp(10)), None);
        assert_eq!(
            (shown.len(), more),
            (1, true),
            "of one moment are all others"
        );
        assert_eq!(shown[0].whom, Banned::Network(network), "the newest first");
        let (shown, more) = listed(bans.list(Timestamp(10)), Some(Timestamp(10)));
        assert_eq!((shown.len(), more), (MAX_LISTED_BANS, true));
    }

    #[test]
    fn pages_of_bans_hold_each_of_them_once() {
        let mut bans = Bans::default();
        for id in 0..3_000_u32 {
            let whom = Banned::Person(Party::guest(u128::from(id), "eve"));
            // Seven at a time, some with long reasons.
            let mut record = record(whom, i64::from(id / 7), None);
            if id % 3 == 0 {
                record.reason = Reason::parse(&"é".repeat(250)).unwrap();
            }
            bans.insert(record);
        }
        let (mut seen, mut before) = (Vec::new(), None);
        loop {
            let (page, more) = listed(bans.list(Timestamp(10)), before);
            assert!(page.len() <= MAX_LISTED_BANS);
            before = page.last().map(|ban| ban.at);
            seen.extend(page);
            if !more {
                break;
            }
        }
        assert_eq!(seen, bans.list(Timestamp(10)));
    }
}
