//! How much one account, or one address, may ask for over all of its connections.
//!
//! Each bucket is the time until which what was taken is paid for, which may lie ahead by a burst. A
//! bucket that is paid for is full, and need not be remembered. Times are whole microseconds, so that
//! whoever waits as long as told is served.

use std::collections::BTreeMap;

use crate::chat::PersonId;
use crate::chat::command::Command;
use crate::chat::message::{Body, Timestamp};
use crate::chat::network::ClientAddress;
use crate::chat::rate_limit::Rate;

/// What one account, or one address, may ask for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share {
    /// Messages, edits, reactions: what is written down and told to a room.
    pub messages: Rate,
    /// Bytes of what they say.
    pub bytes: Rate,
    /// Rooms entered.
    pub joins: Rate,
}

/// The shares of all.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Allowances {
    /// Of an account, or a guest.
    pub account: Share,
    /// Of an IPv4 address, or an IPv6 /64. Loopback has no limit: whoever comes from there comes
    /// through something that has its own, or from everywhere.
    pub address: Share,
}

/// Whose share was used up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Scope {
    /// The account's, or the guest's.
    Account,
    /// The address's.
    Address,
}

impl Scope {
    /// The label under which it is counted.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Address => "address",
        }
    }
}

impl Share {
    /// Without a limit.
    pub const FREE: Self = Self {
        messages: Rate::FREE,
        bytes: Rate::FREE,
        joins: Rate::FREE,
    };
}

impl Allowances {
    /// Without a limit.
    pub const FREE: Self = Self {
        account: Share::FREE,
        address: Share::FREE,
    };
}

/// What a request takes of a share.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Charge {
    messages: f64,
    bytes: f64,
    joins: f64,
}

impl Charge {
    /// What a message takes.
    pub(crate) fn of_message(body: &Body) -> Self {
        let len = u32::try_from(body.as_str().len()).unwrap_or(u32::MAX);
        Self {
            messages: 1.0,
            bytes: f64::from(len),
            joins: 0.0,
        }
    }

    /// What a request takes; `None`: nothing that is shared.
    pub(crate) fn of(command: &Command) -> Option<Self> {
        const CHANGE: Charge = Charge {
            messages: 1.0,
            bytes: 0.0,
            joins: 0.0,
        };
        const JOIN: Charge = Charge {
            messages: 0.0,
            bytes: 0.0,
            joins: 1.0,
        };
        match command {
            Command::Send { body, .. } | Command::Edit { body, .. } => Some(Self::of_message(body)),
            Command::Delete { .. } | Command::React { .. } | Command::Topic { .. } => Some(CHANGE),
            Command::Join { .. } | Command::Create { .. } | Command::Direct { .. } => Some(JOIN),
            Command::Hello(_)
            | Command::Leave { .. }
            | Command::Typing { .. }
            | Command::History { .. }
            | Command::Search { .. }
            | Command::Rooms
            | Command::Who { .. }
            | Command::Room { .. }
            | Command::Account(_)
            | Command::Server(_) => None,
        }
    }
}

/// What has been taken of late.
#[derive(Debug, Default)]
pub(crate) struct Shares {
    by_account: Debts<PersonId>,
    by_address: Debts<ClientAddress>,
}

impl Shares {
    /// Takes what a request costs from both shares, or from neither.
    ///
    /// # Errors
    /// Whose share is used up, and how many milliseconds to wait.
    pub(crate) fn take(
        &mut self,
        allowances: &Allowances,
        (who, from): (PersonId, Option<ClientAddress>),
        charge: Charge,
        now: Timestamp,
    ) -> Result<(), (Scope, u32)> {
        let now = now.0.saturating_mul(MICROS_PER_MILLI);
        let from = from.and_then(ClientAddress::one_of_many);
        let account = Prices::new(&allowances.account, charge);
        let address = Prices::new(&allowances.address, charge);
        let account_early = self.by_account.early(&who, &account, now);
        let address_early = from.map_or(0, |from| self.by_address.early(&from, &address, now));
        let (scope, early) = if account_early >= address_early {
            (Scope::Account, account_early)
        } else {
            (Scope::Address, address_early)
        };
        if early > 0 {
            // Rounded up, so that waiting so long is enough.
            let wait_ms = early.saturating_add(MICROS_PER_MILLI - 1) / MICROS_PER_MILLI;
            return Err((scope, u32::try_from(wait_ms).unwrap_or(u32::MAX)));
        }
        self.by_account.take(who, &account, now);
        if let Some(from) = from {
            self.by_address.take(from, &address, now);
        }
        Ok(())
    }
}

/// What a charge costs at some rates, in microseconds of each of them, and how much may be ahead.
#[derive(Clone, Copy, Debug)]
struct Prices([Price; KINDS]);

#[derive(Clone, Copy, Debug)]
struct Price {
    cost: i64,
    burst: i64,
}

impl Prices {
    fn new(share: &Share, charge: Charge) -> Self {
        Self([
            Price::new(share.messages, charge.messages),
            Price::new(share.bytes, charge.bytes),
            Price::new(share.joins, charge.joins),
        ])
    }
}

impl Price {
    /// What is larger than the burst takes all of it.
    fn new(rate: Rate, amount: f64) -> Self {
        if rate.per_second <= 0.0 {
            return Self { cost: 0, burst: 0 };
        }
        let micros = |amount: f64| to_micros(amount / rate.per_second);
        Self {
            cost: micros(amount.min(rate.burst)),
            burst: micros(rate.burst),
        }
    }
}

/// Until when each kind is paid for, of all who have taken something of late.
#[derive(Debug)]
struct Debts<K> {
    paid_until: BTreeMap<K, [i64; KINDS]>,
}

impl<K> Default for Debts<K> {
    fn default() -> Self {
        Self {
            paid_until: BTreeMap::new(),
        }
    }
}

impl<K: Ord> Debts<K> {
    /// How many microseconds too soon it is.
    fn early(&self, key: &K, prices: &Prices, now: i64) -> i64 {
        let Some(paid_until) = self.paid_until.get(key) else {
            return 0;
        };
        let each = paid_until.iter().zip(&prices.0);
        let early = each
            .filter(|(_, price)| price.cost > 0)
            .map(|(until, price)| (*until).max(now) + price.cost - now - price.burst);
        early.max().unwrap_or(0).max(0)
    }

    fn take(&mut self, key: K, prices: &Prices, now: i64) {
        if prices.0.iter().all(|price| price.cost == 0) {
            return;
        }
        if self.paid_until.len() >= MAX_ENTRIES {
            self.forget_paid(now);
        }
        // Those who owe at the same moment are far fewer, unless somebody pretends to be many: then
        // newcomers are held to the rate of their connections only.
        if self.paid_until.len() >= MAX_ENTRIES && !self.paid_until.contains_key(&key) {
            return;
        }
        let paid_until = self.paid_until.entry(key).or_insert([i64::MIN; KINDS]);
        for (until, price) in paid_until.iter_mut().zip(&prices.0) {
            if price.cost > 0 {
                *until = (*until).max(now).saturating_add(price.cost);
            }
        }
    }

    /// Forgets the buckets that are full again.
    fn forget_paid(&mut self, now: i64) {
        self.paid_until
            .retain(|_, kinds| kinds.iter().any(|until| *until > now));
    }
}

/// Whole microseconds, rounded up.
#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    reason = "bounded first: a century has fewer than 2^52 microseconds"
)]
fn to_micros(seconds: f64) -> i64 {
    (seconds.clamp(0.0, CENTURY_SECONDS) * 1e6).ceil() as i64
}

/// Messages, bytes, joins.
const KINDS: usize = 3;

const MICROS_PER_MILLI: i64 = 1_000;

const CENTURY_SECONDS: f64 = 100.0 * 365.25 * 24.0 * 3_600.0;

/// Some megabytes of memory of who has asked.
const MAX_ENTRIES: usize = 100_000;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::chat::{AccountId, GuestId};

    const NOW: Timestamp = Timestamp(1_700_000_000_000);
    const ADA: PersonId = PersonId::Account(AccountId(1));
    const HERE: Option<ClientAddress> = Some(ClientAddress(0xffff_cb00_7107));

    fn rate(per_second: f64, burst: f64) -> Rate {
        Rate { per_second, burst }
    }

    fn share(messages: Rate, bytes: Rate) -> Share {
        Share {
            messages,
            bytes,
            ..Share::FREE
        }
    }

    fn small() -> Allowances {
        Allowances {
            account: share(rate(2.0, 3.0), Rate::FREE),
            address: share(rate(4.0, 5.0), Rate::FREE),
        }
    }

    fn message(len: usize) -> Charge {
        Charge::of_message(&Body::parse(&"x".repeat(len)).unwrap())
    }

    fn later(millis: u32) -> Timestamp {
        Timestamp(NOW.0 + i64::from(millis))
    }

    #[test]
    fn account_has_one_share_wherever_it_comes_from() {
        let mut shares = Shares::default();
        let mut take = |from: u128, now| {
            let from = Some(ClientAddress(from << 64));
            shares.take(&small(), (ADA, from), message(1), now)
        };
        assert!((1..=3).all(|from| take(from, NOW).is_ok()));
        assert_eq!(take(4, NOW), Err((Scope::Account, 500)));
        assert_eq!(take(4, later(499)), Err((Scope::Account, 1)));
        assert_eq!(take(4, later(500)), Ok(()));
    }

    #[test]
    fn address_has_one_share_whoever_comes_from_there_and_loopback_any() {
        let mut shares = Shares::default();
        let mut take = |who: u128, from| {
            let who = PersonId::Guest(GuestId(who));
            shares.take(&small(), (who, from), message(1), NOW)
        };
        assert!((0..5).all(|who| take(who, HERE).is_ok()));
        assert_eq!(take(9, HERE), Err((Scope::Address, 250)));
        for from in ["127.0.0.1", "::1"] {
            let from = Some(ClientAddress::of(from.parse().unwrap()));
            assert!((10..100).all(|who| take(who, from).is_ok()));
        }
        assert!((10..100).all(|who| take(who, None).is_ok()));
    }

    #[test]
    fn what_one_share_refuses_costs_the_other_nothing() {
        let mut shares = Shares::default();
        let take = |shares: &mut Shares, who: i64| {
            let who = PersonId::Account(AccountId(who));
            shares.take(&small(), (who, HERE), message(1), NOW)
        };
        let refused = (0..100).filter(|_| take(&mut shares, 1).is_err()).count();
        assert_eq!(refused, 97);
        assert_eq!(
            (take(&mut shares, 2), take(&mut shares, 2)),
            (Ok(()), Ok(()))
        );
        assert_eq!(take(&mut shares, 2), Err((Scope::Address, 250)));
    }

    #[test]
    fn bytes_count_and_a_message_of_more_than_the_burst_passes_alone() {
        let mut shares = Shares::default();
        let allowances = Allowances {
            account: share(Rate::FREE, rate(1_000.0, 4_000.0)),
            address: Share::FREE,
        };
        let mut take = |len, now| shares.take(&allowances, (ADA, HERE), message(len), now);
        assert_eq!(take(8_000, NOW), Ok(()));
        assert_eq!(take(1, NOW), Err((Scope::Account, 1)));
        assert_eq!(take(8_000, NOW), Err((Scope::Account, 4_000)));
        assert_eq!(take(8_000, later(4_000)), Ok(()));
    }

    #[test]
    fn memory_is_bounded_and_forgets_what_is_paid() {
        let mut debts = Debts::default();
        let prices = Prices::new(&small().account, message(1));
        for key in 0..=MAX_ENTRIES {
            debts.take(key, &prices, 0);
        }
        assert_eq!(debts.paid_until.len(), MAX_ENTRIES);
        debts.take(usize::MAX, &prices, 500_000);
        assert_eq!(debts.paid_until.len(), 1);
    }

    proptest! {
        #[test]
        fn whoever_waits_as_long_as_told_is_served(
            steps in prop::collection::vec((1_usize..4_000, 0_i64..400, 0_i64..3), 1..80),
            per_second in 0.3_f64..90.0,
            burst in 1.0_f64..40.0,
            bytes in 100.0_f64..90_000.0,
        ) {
            let allowances = Allowances {
                account: share(rate(per_second, burst), rate(bytes, 3.0 * bytes)),
                address: share(rate(2.5 * per_second, 2.0 * burst), rate(bytes, bytes)),
            };
            let mut shares = Shares::default();
            let mut now = NOW;
            for (len, pause, who) in steps {
                now.0 += pause;
                let who = (PersonId::Account(AccountId(who)), HERE);
                if let Err((_, wait_ms)) = shares.take(&allowances, who, message(len), now) {
                    prop_assert!(wait_ms > 0);
                    let early = Timestamp(now.0 + i64::from(wait_ms) - 1);
                    prop_assert!(
                        shares.take(&allowances, who, message(len), early).is_err(),
                        "it was told to wait longer than it takes"
                    );
                    now.0 += i64::from(wait_ms);
                    prop_assert_eq!(shares.take(&allowances, who, message(len), now), Ok(()));
                }
            }
        }
    }
}
