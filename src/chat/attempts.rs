//! How often somebody may try to prove who they are: by the account's name, and by address.
//!
//! Tries that succeed are given back, so that only failures count against an account. Each entry is
//! the time until which its tries are paid for, which may lie ahead by a burst of them.

use std::collections::BTreeMap;

use crate::chat::message::Timestamp;
use crate::chat::name::UserName;
use crate::chat::network::ClientAddress;

/// The tries of late.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    by_name: Tries<UserName>,
    by_address: Tries<ClientAddress>,
}

impl Attempts {
    /// Takes a try to log in, or to prove again who one is.
    ///
    /// # Errors
    /// How many milliseconds to wait until it passes; nothing is taken then.
    pub(crate) fn take(
        &mut self,
        name: &UserName,
        from: Option<ClientAddress>,
        now: Timestamp,
    ) -> Result<(), u32> {
        self.take_address(from, now)?;
        let taken = self.by_name.take(name, PER_NAME, now);
        if taken.is_err() {
            self.give_back_address(from);
        }
        taken
    }

    /// Takes a try that is about no account yet.
    ///
    /// # Errors
    /// How many milliseconds to wait until it passes; nothing is taken then.
    pub(crate) fn take_address(
        &mut self,
        from: Option<ClientAddress>,
        now: Timestamp,
    ) -> Result<(), u32> {
        match from {
            Some(from) => self.by_address.take(&from, PER_ADDRESS, now),
            // Whoever comes by a Unix socket was let in to the machine.
            None => Ok(()),
        }
    }

    /// Gives back a try that succeeded.
    pub(crate) fn give_back(&mut self, name: &UserName, from: Option<ClientAddress>) {
        self.by_name.give_back(name, PER_NAME);
        self.give_back_address(from);
    }

    fn give_back_address(&mut self, from: Option<ClientAddress>) {
        if let Some(from) = from {
            self.by_address.give_back(&from, PER_ADDRESS);
        }
    }
}

/// Until when the tries of each are paid for.
#[derive(Debug)]
struct Tries<K> {
    paid_until: BTreeMap<K, Timestamp>,
}

/// What a try costs, and how many may come at once.
#[derive(Clone, Copy, Debug)]
struct Price {
    cost_ms: i64,
    burst: i64,
}

impl<K> Default for Tries<K> {
    fn default() -> Self {
        Self {
            paid_until: BTreeMap::new(),
        }
    }
}

impl<K: Clone + Ord> Tries<K> {
    fn take(&mut self, key: &K, price: Price, now: Timestamp) -> Result<(), u32> {
        if self.paid_until.len() >= MAX_ENTRIES {
            self.paid_until.retain(|_, until| *until > now);
        }
        let paid_until = self.paid_until.get(key).copied();
        if paid_until.is_none() && self.paid_until.len() >= MAX_ENTRIES {
            return Err(u32::try_from(price.cost_ms).unwrap_or(u32::MAX));
        }
        let until = paid_until.unwrap_or(now).max(now).0 + price.cost_ms;
        let early_ms = until - now.0 - price.burst * price.cost_ms;
        if early_ms > 0 {
            return Err(u32::try_from(early_ms).unwrap_or(u32::MAX));
        }
        self.paid_until.insert(key.clone(), Timestamp(until));
        Ok(())
    }

    fn give_back(&mut self, key: &K, price: Price) {
        if let Some(until) = self.paid_until.get_mut(key) {
            until.0 -= price.cost_ms;
        }
    }
}

/// Ten wrong passwords in a row are a forgotten one. At one each half minute after that, guessing
/// the ten thousand commonest takes three days, for each account.
const PER_NAME: Price = Price {
    cost_ms: 30_000,
    burst: 10,
};

/// An office behind one address mistypes a hundred times at once; a list of stolen passwords has
/// millions.
const PER_ADDRESS: Price = Price {
    cost_ms: 1_000,
    burst: 100,
};

/// Some megabytes of memory of who has tried.
const MAX_ENTRIES: usize = 100_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> UserName {
        UserName::parse(text).unwrap()
    }

    const NOW: Timestamp = Timestamp(1_700_000_000_000);
    const HERE: Option<ClientAddress> = Some(ClientAddress(1));

    #[test]
    fn ten_tries_of_a_name_pass_and_the_next_waits_as_long_as_told() {
        let mut attempts = Attempts::default();
        let ada = name("ada");
        assert!((0..10).all(|_| attempts.take(&ada, HERE, NOW).is_ok()));
        assert_eq!(attempts.take(&ada, HERE, NOW), Err(30_000));
        assert_eq!(attempts.take(&name("bob"), HERE, NOW), Ok(()));
        let soon = Timestamp(NOW.0 + 29_999);
        assert_eq!(attempts.take(&ada, HERE, soon), Err(1));
        let then = Timestamp(NOW.0 + 30_000);
        assert_eq!(attempts.take(&name("ADA"), HERE, then), Ok(()));
        assert_eq!(attempts.take(&ada, HERE, then), Err(30_000));
    }

    #[test]
    fn hundred_tries_of_an_address_pass_whatever_the_names() {
        let mut attempts = Attempts::default();
        let mut take = |i: usize, from| attempts.take(&name(&format!("user {i}")), from, NOW);
        assert!((0..100).all(|i| take(i, HERE).is_ok()));
        assert_eq!(take(100, HERE), Err(1_000));
        assert_eq!(take(100, Some(ClientAddress(2))), Ok(()));
        assert_eq!(take(100, None), Ok(()));
    }

    #[test]
    fn tries_that_succeed_cost_nothing() {
        let mut attempts = Attempts::default();
        let ada = name("ada");
        for _ in 0..1_000 {
            assert_eq!(attempts.take(&ada, HERE, NOW), Ok(()));
            attempts.give_back(&ada, HERE);
        }
    }

    #[test]
    fn try_that_a_name_refuses_costs_its_address_nothing() {
        let mut attempts = Attempts::default();
        let ada = name("ada");
        let refused = (0..1_000).filter(|_| attempts.take(&ada, HERE, NOW).is_err());
        assert_eq!(refused.count(), 990);
        assert_eq!(attempts.take(&name("bob"), HERE, NOW), Ok(()));
    }

    #[test]
    fn memory_of_tries_is_bounded_and_forgets_what_is_paid() {
        let mut tries = Tries::default();
        for key in 0..MAX_ENTRIES {
            assert_eq!(tries.take(&key, PER_ADDRESS, NOW), Ok(()));
        }
        assert_eq!(tries.take(&MAX_ENTRIES, PER_ADDRESS, NOW), Err(1_000));
        let later = Timestamp(NOW.0 + 1_000);
        assert_eq!(tries.take(&MAX_ENTRIES, PER_ADDRESS, later), Ok(()));
        assert_eq!(tries.paid_until.len(), 1);
    }
}
