//! How often somebody may try to prove who they are, so that passwords can't be guessed, and nobody
//! can lock others out by guessing.
//!
//! | bucket | holds back |
//! |---|---|
//! | a name, from one network | whoever guesses one password |
//! | a name, from wherever somebody was not logged in before | whoever does so from many networks |
//! | a network, whatever the names | whoever tries one password on many names |
//! | an account, by those who are logged in | whoever finds a device that was left open |
//! | the codes of an account | whoever has its password, and guesses its second factor |
//! | the warnings of an account | whoever has its password, and would drown its owner in them |
//! | registrations of a network | whoever wants all names |
//!
//! A network is an IPv4 address, or an IPv6 /64. From where somebody was logged in of late, strangers'
//! tries don't count: a guesser uses up the bucket of a name without shutting out its owner. Behind
//! loopback may be everybody, where a proxy is not trusted: it has no bucket of its own for all names.
//!
//! A try is taken from all of its buckets or from none, and given back when it succeeds, so that only
//! failures count. Behind a password that is right a wrong code counts as that alone, from wherever it
//! comes: nobody else can use up those tries, and with another password they are all there again. A
//! bucket is the time until which its tries are paid for, which may lie ahead by a burst of them; one
//! that is paid for is full, and not remembered.

use crate::chat::AccountId;
use crate::chat::message::Timestamp;
use crate::chat::name::UserName;
use crate::chat::network::ClientAddress;
use crate::chat::times::Times;

/// A name, and from where it is tried; not by a socket of this machine.
type Place = (UserName, Option<ClientAddress>);

/// The tries of late.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    by_place: Tries<Place>,
    by_name: Tries<UserName>,
    by_address: Tries<ClientAddress>,
    by_account: Tries<AccountId>,
    codes: Tries<AccountId>,
    warnings: Tries<AccountId>,
    registrations: Tries<ClientAddress>,
    /// From where somebody was logged in, and until when that counts.
    known: Times<Place>,
}

impl Attempts {
    /// Takes a try to log in.
    ///
    /// # Errors
    /// How many milliseconds to wait until it passes; nothing is taken then.
    pub(crate) fn take(
        &mut self,
        name: &UserName,
        from: Option<ClientAddress>,
        now: Timestamp,
    ) -> Result<(), u32> {
        let place = (name.clone(), from);
        let stranger = (!self.is_known(&place, now)).then_some(name);
        // Whoever comes by a Unix socket was let in to the machine.
        let crowd = from.and_then(ClientAddress::one_of_many);
        let early = [
            self.by_place.early_ms(&place, PER_PLACE, now),
            stranger.map_or(0, |name| self.by_name.early_ms(name, PER_NAME, now)),
            crowd.map_or(0, |from| self.by_address.early_ms(&from, PER_ADDRESS, now)),
        ];
        passes(early.into_iter().max().unwrap_or(0))?;
        self.by_place.take(place, PER_PLACE, now);
        if let Some(name) = stranger {
            self.by_name.take(name.clone(), PER_NAME, now);
        }
        if let Some(from) = crowd {
            self.by_address.take(from, PER_ADDRESS, now);
        }
        Ok(())
    }

    /// Gives back a try that was not one: it was right, or nobody had time to look at it.
    pub(crate) fn give_back(
        &mut self,
        name: &UserName,
        from: Option<ClientAddress>,
        now: Timestamp,
    ) {
        let place = (name.clone(), from);
        if !self.is_known(&place, now) {
            self.by_name.give_back(name, PER_NAME);
        }
        self.by_place.give_back(&place, PER_PLACE);
        if let Some(from) = from.and_then(ClientAddress::one_of_many) {
            self.by_address.give_back(&from, PER_ADDRESS);
        }
    }

    /// Gives back a try by which somebody was logged in, and remembers from where.
    pub(crate) fn succeed(&mut self, name: &UserName, from: Option<ClientAddress>, now: Timestamp) {
        self.give_back(name, from, now);
        self.known.forget_until(now);
        let until = Timestamp(now.0.saturating_add(KNOWN_MS));
        self.known.set((name.clone(), from), until, MAX_ENTRIES);
    }

    /// Takes a try of somebody who is logged in to prove it again.
    ///
    /// # Errors
    /// As [`take`](Self::take).
    pub(crate) fn take_again(&mut self, account: AccountId, now: Timestamp) -> Result<(), u32> {
        passes(self.by_account.early_ms(&account, PER_PLACE, now))?;
        self.by_account.take(account, PER_PLACE, now);
        Ok(())
    }

    /// Gives back a try that was right, or that nobody had time to look at.
    pub(crate) fn give_back_again(&mut self, account: AccountId) {
        self.by_account.give_back(&account, PER_PLACE);
    }

    /// Takes a try at the second factor of an account.
    ///
    /// # Errors
    /// As [`take`](Self::take).
    pub(crate) fn take_code(&mut self, account: AccountId, now: Timestamp) -> Result<(), u32> {
        passes(self.codes.early_ms(&account, PER_CODE, now))?;
        self.codes.take(account, PER_CODE, now);
        Ok(())
    }

    /// Gives back a try that was right.
    pub(crate) fn give_back_code(&mut self, account: AccountId) {
        self.codes.give_back(&account, PER_CODE);
    }

    /// Whether somebody is to be warned once more of a wrong second factor, which is taken then: tries at
    /// recovery codes have no end, and their warnings need one.
    pub(crate) fn take_warning(&mut self, account: AccountId, now: Timestamp) -> bool {
        let is_due = self.warnings.early_ms(&account, PER_CODE, now) == 0;
        if is_due {
            self.warnings.take(account, PER_CODE, now);
        }
        is_due
    }

    /// Forgets who guessed behind the password of an account, which is another one now.
    pub(crate) fn forget_codes(&mut self, account: AccountId) {
        self.codes.forget(&account);
        self.warnings.forget(&account);
    }

    /// Takes a registration, which stays taken when it succeeds.
    ///
    /// # Errors
    /// As [`take`](Self::take).
    pub(crate) fn take_registration(
        &mut self,
        from: Option<ClientAddress>,
        now: Timestamp,
    ) -> Result<(), u32> {
        // Whoever comes by a Unix socket was let in to the machine.
        let Some(from) = from else {
            return Ok(());
        };
        passes(self.registrations.early_ms(&from, PER_ADDRESS, now))?;
        self.registrations.take(from, PER_ADDRESS, now);
        Ok(())
    }

    /// Gives back a registration that nobody had time for.
    pub(crate) fn give_back_registration(&mut self, from: Option<ClientAddress>) {
        if let Some(from) = from {
            self.registrations.give_back(&from, PER_ADDRESS);
        }
    }

    fn is_known(&self, place: &Place, now: Timestamp) -> bool {
        self.known.get(place).is_some_and(|until| until > now)
    }
}

/// Tries of many, each with a bucket.
#[derive(Debug)]
struct Tries<K>(Times<K>);

impl<K> Default for Tries<K> {
    fn default() -> Self {
        Self(Times::default())
    }
}

impl<K: Clone + Ord> Tries<K> {
    /// How many milliseconds too soon a try is.
    fn early_ms(&self, key: &K, price: Price, now: Timestamp) -> i64 {
        let paid_until = self.0.get(key).unwrap_or(now).max(now);
        (paid_until.0 + price.cost_ms - now.0 - price.burst * price.cost_ms).max(0)
    }

    fn take(&mut self, key: K, price: Price, now: Timestamp) {
        self.0.forget_until(now);
        let paid_until = self.0.get(&key).unwrap_or(now).max(now);
        let paid_until = Timestamp(paid_until.0 + price.cost_ms);
        self.0.set(key, paid_until, MAX_ENTRIES);
    }

    fn give_back(&mut self, key: &K, price: Price) {
        if let Some(until) = self.0.get(key) {
            let until = Timestamp(until.0 - price.cost_ms);
            self.0.set(key.clone(), until, MAX_ENTRIES);
        }
    }

    fn forget(&mut self, key: &K) {
        self.0.remove(key);
    }
}

/// What a try costs, and how many may come at once.
#[derive(Clone, Copy, Debug)]
struct Price {
    cost_ms: i64,
    burst: i64,
}

/// Whether a try passes that is so many milliseconds too soon.
fn passes(early_ms: i64) -> Result<(), u32> {
    match early_ms {
        0 => Ok(()),
        early => Err(u32::try_from(early).unwrap_or(u32::MAX)),
    }
}

/// Ten wrong passwords in a row are a forgotten one. With one each half minute after that, guessing
/// the ten thousand commonest takes three days and a half.
const PER_PLACE: Price = Price {
    cost_ms: 30_000,
    burst: 10,
};

/// Ten mistyped codes are a clock that is wrong. Of a million codes three hold at a time: with 144 tries a
/// day one is guessed in half of all cases after four years and a half.
const PER_CODE: Price = Price {
    cost_ms: 600_000,
    burst: 10,
};

/// As many as a hundred forgetful owners of one name; from however many networks, a guesser has no
/// more than 17,280 a day after that, and needs seven to use it up.
const PER_NAME: Price = Price {
    cost_ms: 5_000,
    burst: 1_000,
};

/// An office behind one address mistypes a hundred times at once; a list of stolen passwords has
/// millions.
const PER_ADDRESS: Price = Price {
    cost_ms: 1_000,
    burst: 100,
};

/// As long as a login lasts that is not used.
const KNOWN_MS: i64 = 30 * 24 * 60 * 60 * 1_000;

/// Some tens of megabytes of memory, all together, of who has tried. To be forgotten by others' tries
/// takes as many within half a minute, forty times what passwords can be hashed in.
const MAX_ENTRIES: usize = 100_000;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(text: &str) -> UserName {
        UserName::parse(text).unwrap()
    }

    fn later(millis: i64) -> Timestamp {
        Timestamp(NOW.0 + millis)
    }

    fn address(nth: u128) -> Option<ClientAddress> {
        Some(ClientAddress((nth + 1) << 64))
    }

    const NOW: Timestamp = Timestamp(1_700_000_000_000);
    const HERE: Option<ClientAddress> = Some(ClientAddress(0xffff_cb00_7107));
    const LOOPBACK: Option<ClientAddress> = Some(ClientAddress(0xffff_7f00_0001));

    #[test]
    fn ten_tries_of_a_name_pass_and_the_next_waits_as_long_as_told() {
        for from in [HERE, LOOPBACK, None] {
            let mut attempts = Attempts::default();
            let ada = name("ada");
            assert!((0..10).all(|_| attempts.take(&ada, from, NOW).is_ok()));
            assert_eq!(attempts.take(&ada, from, NOW), Err(30_000));
            assert_eq!(attempts.take(&name("bob"), from, NOW), Ok(()));
            assert_eq!(attempts.take(&ada, from, later(29_999)), Err(1));
            let then = later(30_000);
            assert_eq!(attempts.take(&name("ADA"), from, then), Ok(()));
            assert_eq!(attempts.take(&ada, from, then), Err(30_000));
        }
    }

    #[test]
    fn guesser_locks_nobody_out_who_comes_from_elsewhere() {
        let mut attempts = Attempts::default();
        let ada = name("ada");
        for second in 0..86_400 {
            let now = later(second * 1_000);
            let _ = attempts.take(&ada, HERE, now);
            if second % 60 == 0 {
                assert_eq!(attempts.take(&ada, address(0), now), Ok(()));
                attempts.succeed(&ada, address(0), now);
            }
        }
    }

    #[test]
    fn many_networks_have_so_many_tries_of_a_name_and_its_owner_has_more() {
        let mut attempts = Attempts::default();
        let (ada, home) = (name("ada"), address(1_000_000));
        assert_eq!(attempts.take(&ada, home, NOW), Ok(()));
        attempts.succeed(&ada, home, NOW);
        let passed = (0..2_000).filter(|nth| attempts.take(&ada, address(*nth), NOW).is_ok());
        assert_eq!(passed.count(), 1_000);
        assert_eq!(attempts.take(&ada, address(5_000), NOW), Err(5_000));
        assert_eq!(attempts.take(&name("bob"), address(5_000), NOW), Ok(()));
        assert_eq!(attempts.take(&ada, address(5_000), later(5_000)), Ok(()));
        assert!((0..10).all(|_| attempts.take(&ada, home, later(5_000)).is_ok()));
        assert_eq!(attempts.take(&ada, home, later(5_000)), Err(30_000));
        // In a month without a login it is one of many again.
        let then = later(KNOWN_MS);
        for nth in 0..1_000 {
            assert_eq!(attempts.take(&ada, address(nth), then), Ok(()));
        }
        assert_eq!(attempts.take(&ada, home, then), Err(5_000));
    }

    #[test]
    fn hundred_tries_of_an_address_pass_whatever_the_names_and_any_of_loopback() {
        let mut attempts = Attempts::default();
        let mut take = |i: usize, from| attempts.take(&name(&format!("user {i}")), from, NOW);
        assert!((0..100).all(|i| take(i, HERE).is_ok()));
        assert_eq!(take(100, HERE), Err(1_000));
        assert_eq!(take(100, address(1)), Ok(()));
        assert!((0..1_000).all(|i| take(i, None).is_ok()));
        assert!((0..1_000).all(|i| take(i, LOOPBACK).is_ok()));
    }

    #[test]
    fn tries_that_succeed_cost_nothing() {
        let mut attempts = Attempts::default();
        let ada = name("ada");
        for _ in 0..2_000 {
            assert_eq!(attempts.take(&ada, HERE, NOW), Ok(()));
            attempts.give_back(&ada, HERE, NOW);
        }
        for _ in 0..2_000 {
            assert_eq!(attempts.take(&ada, HERE, NOW), Ok(()));
            attempts.succeed(&ada, HERE, NOW);
        }
    }

    #[test]
    fn try_that_one_bucket_refuses_costs_the_others_nothing() {
        let mut attempts = Attempts::default();
        let ada = name("ada");
        let refused = (0..1_000).filter(|_| attempts.take(&ada, HERE, NOW).is_err());
        assert_eq!(refused.count(), 990);
        assert_eq!(attempts.take(&name("bob"), HERE, NOW), Ok(()));
        let passed = (0..2_000).filter(|nth| attempts.take(&ada, address(*nth), NOW).is_ok());
        assert_eq!(passed.count(), 990);
    }

    #[test]
    fn whoever_is_logged_in_has_tries_that_nobody_else_uses_up() {
        let mut attempts = Attempts::default();
        let (ada, bob) = (AccountId(1), AccountId(2));
        while attempts.take(&name("ada"), HERE, NOW).is_ok() {}
        assert!((0..10).all(|_| attempts.take_again(ada, NOW).is_ok()));
        assert_eq!(attempts.take_again(ada, NOW), Err(30_000));
        assert_eq!(attempts.take_again(bob, NOW), Ok(()));
        attempts.give_back_again(ada);
        assert_eq!(attempts.take_again(ada, NOW), Ok(()));
    }

    #[test]
    fn ten_codes_of_an_account_pass_and_the_next_waits_as_long_as_told() {
        let mut attempts = Attempts::default();
        let (ada, bob) = (AccountId(1), AccountId(2));
        assert!((0..10).all(|_| attempts.take_code(ada, NOW).is_ok()));
        assert_eq!(attempts.take_code(ada, NOW), Err(600_000));
        assert_eq!(attempts.take_code(bob, NOW), Ok(()));
        assert_eq!(attempts.take_again(ada, NOW), Ok(()));
        assert_eq!(attempts.take_code(ada, later(599_999)), Err(1));
        assert_eq!(attempts.take_code(ada, later(600_000)), Ok(()));
        attempts.give_back_code(ada);
        assert_eq!(attempts.take_code(ada, later(600_000)), Ok(()));
        assert_eq!(attempts.take_code(ada, later(600_000)), Err(600_000));
    }

    #[test]
    fn another_password_has_all_its_codes_and_warnings() {
        let mut attempts = Attempts::default();
        let (ada, bob) = (AccountId(1), AccountId(2));
        let use_up = |attempts: &mut Attempts, who| {
            let codes = (0..20).filter(|_| attempts.take_code(who, NOW).is_ok());
            let code_count = codes.count();
            let warnings = (0..20).filter(|_| attempts.take_warning(who, NOW));
            (code_count, warnings.count())
        };
        assert_eq!(use_up(&mut attempts, ada), (10, 10));
        assert_eq!(use_up(&mut attempts, bob), (10, 10));
        attempts.forget_codes(ada);
        assert_eq!(use_up(&mut attempts, ada), (10, 10));
        assert_eq!(use_up(&mut attempts, bob), (0, 0));
        assert!(attempts.take_warning(bob, later(600_000)));
        assert!(!attempts.take_warning(bob, later(600_000)));
    }

    #[test]
    fn day_of_guessing_codes_has_as_many_tries_as_is_documented() {
        let mut attempts = Attempts::default();
        let tries = (0..86_400).map(|second| later(second * 1_000)).map(|now| {
            (0..11)
                .filter(|_| attempts.take_code(AccountId(1), now).is_ok())
                .count()
        });
        assert_eq!(tries.sum::<usize>(), 153);
    }

    #[test]
    fn registrations_hold_up_no_logins() {
        let mut attempts = Attempts::default();
        for from in [HERE, LOOPBACK] {
            assert!((0..100).all(|_| attempts.take_registration(from, NOW).is_ok()));
            assert_eq!(attempts.take_registration(from, NOW), Err(1_000));
            assert_eq!(attempts.take(&name("ada"), from, NOW), Ok(()));
            attempts.give_back_registration(from);
            assert_eq!(attempts.take_registration(from, NOW), Ok(()));
        }
        assert!((0..1_000).all(|_| attempts.take_registration(None, NOW).is_ok()));
    }

    #[test]
    fn memory_is_bounded_forgets_what_is_paid_and_then_who_owes_least() {
        let mut tries = Tries::default();
        let debtor = usize::MAX;
        for _ in 0..5 {
            tries.take(debtor, PER_PLACE, NOW);
        }
        for key in 0..2 * MAX_ENTRIES {
            assert_eq!(
                tries.early_ms(&key, PER_PLACE, NOW),
                0,
                "nobody is shut out"
            );
            tries.take(key, PER_PLACE, NOW);
        }
        assert_eq!(tries.0.len(), MAX_ENTRIES);
        assert_eq!(tries.0.get(&debtor), Some(later(5 * 30_000)));
        tries.take(0, PER_PLACE, later(30_000));
        assert_eq!(tries.0.len(), 2);
    }

    #[test]
    fn day_of_guessing_has_as_many_tries_as_is_documented() {
        // Networks, names; how many tries pass in a day of whoever misses none.
        for (networks, names, expected) in [(1, 1, 2_889), (1, 1_000, 86_499), (1_000, 1, 18_279)] {
            let places: Vec<Place> = (0..networks * names)
                .map(|nth| (name(&format!("user {}", nth % names)), address(nth / names)))
                .collect();
            let mut attempts = Attempts::default();
            let mut passed = 0;
            for second in 0..86_400 {
                let now = later(second * 1_000);
                let next = |passed: usize| &places[passed % places.len()];
                while attempts.take(&next(passed).0, next(passed).1, now).is_ok() {
                    passed += 1;
                }
            }
            assert_eq!(passed, expected, "{networks} networks, {names} names");
        }
    }

    proptest! {
        #[test]
        fn whoever_waits_as_long_as_told_is_tried(
            steps in prop::collection::vec((0_usize..3, 0_u128..4, 0_i64..9_000, 0..4), 1..200),
            crowd in 900_u128..1_100,
        ) {
            let names = ["ada", "bob", "eve"].map(name);
            let mut attempts = Attempts::default();
            let mut now = NOW;
            for nth in 0..crowd {
                let _ = attempts.take(&names[0], address(1_000 + nth), now);
            }
            for (who, from, pause, luck) in steps {
                now.0 += pause;
                let (name, from) = (&names[who], if from == 0 { LOOPBACK } else { address(from) });
                if let Err(wait_ms) = attempts.take(name, from, now) {
                    prop_assert!(wait_ms > 0);
                    let early = Timestamp(now.0 + i64::from(wait_ms) - 1);
                    prop_assert!(
                        attempts.take(name, from, early).is_err(),
                        "it was told to wait longer than it takes"
                    );
                    now.0 += i64::from(wait_ms);
                    prop_assert_eq!(attempts.take(name, from, now), Ok(()));
                }
                match luck {
                    0 => attempts.succeed(name, from, now),
                    1 => attempts.give_back(name, from, now),
                    _ => {}
                }
            }
        }
    }
}
