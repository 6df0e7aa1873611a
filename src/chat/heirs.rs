//! Which guests have become accounts: what their tokens were good for is the accounts'.

use std::collections::{BTreeMap, BTreeSet};

use crate::chat::{AccountId, GuestId};

/// The accounts that guests have become.
///
/// A guest becomes one account, and stays it for good: somebody may have the token for ever. In
/// databases of before that was so, some became several.
///
/// Invariant: `counts` tells of how many guests in `pairs` each account is the heir.
#[derive(Debug, Default)]
pub(crate) struct Heirs {
    pairs: BTreeSet<(GuestId, AccountId)>,
    counts: BTreeMap<AccountId, usize>,
}

impl Heirs {
    pub(crate) fn new(pairs: Vec<(GuestId, AccountId)>) -> Self {
        let mut counts = BTreeMap::new();
        for (_, account) in &pairs {
            *counts.entry(*account).or_default() += 1;
        }
        // From a list in order it is built without gaps: half as much memory as one by one.
        let pairs = pairs.into_iter().collect();
        Self { pairs, counts }
    }

    /// Takes note of what a guest has become.
    pub(crate) fn insert(&mut self, guest: GuestId, account: AccountId) {
        if self.pairs.insert((guest, account)) {
            *self.counts.entry(account).or_default() += 1;
        }
    }

    /// The accounts that a guest has become, the newest last.
    pub(crate) fn of(&self, guest: GuestId) -> impl DoubleEndedIterator<Item = AccountId> {
        let all = (guest, AccountId(i64::MIN))..=(guest, AccountId(i64::MAX));
        self.pairs.range(all).map(|(_, account)| *account)
    }

    /// Whether a guest is an account by now.
    pub(crate) fn has(&self, guest: GuestId) -> bool {
        self.of(guest).next().is_some()
    }

    /// Whether an account may be what one more guest becomes.
    pub(crate) fn has_place(&self, account: AccountId) -> bool {
        self.counts.get(&account).is_none_or(|it| *it < MAX_GUESTS)
    }
}

/// Guests that one account takes over: one a day for three years. Each is 32 bytes of memory for good,
/// and a program could make a thousand in a minute.
const MAX_GUESTS: usize = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    const ADA: AccountId = AccountId(1);
    const BOB: AccountId = AccountId(2);

    #[test]
    fn guest_has_the_heirs_that_were_noted_the_newest_last() {
        let mut heirs = Heirs::new(vec![(GuestId(7), BOB)]);
        heirs.insert(GuestId(7), ADA);
        heirs.insert(GuestId(7), ADA);
        heirs.insert(GuestId(u128::MAX), ADA);
        assert_eq!(heirs.of(GuestId(7)).collect::<Vec<_>>(), [ADA, BOB]);
        assert!(heirs.has(GuestId(u128::MAX)));
        assert!(!heirs.has(GuestId(6)) && !heirs.has(GuestId(8)));
        assert_eq!(heirs.counts[&ADA], 2, "nobody is counted twice");
    }

    #[test]
    fn account_takes_over_a_thousand_guests() {
        let guests = (1..).zip(0..MAX_GUESTS).map(|(id, _)| (GuestId(id), ADA));
        let mut heirs = Heirs::new(guests.skip(1).collect());
        assert!(heirs.has_place(ADA));
        heirs.insert(GuestId(0), ADA);
        assert!(!heirs.has_place(ADA));
        assert!(heirs.has_place(BOB));
    }
}
