//! What people, and addresses, have said of late: no more than what they may.

use std::collections::{BTreeMap, VecDeque};

use super::{Checked, ensure};
use crate::chat::log::Append;
use crate::chat::rate_limit::Rate;
use crate::chat::shares::Allowances;
use crate::chat::{ClientAddress, PersonId, Timestamp};

/// The messages of each in this life of the server, as many as may come at once.
#[derive(Debug)]
pub(super) struct Shares {
    allowances: Allowances,
    by_person: BTreeMap<PersonId, VecDeque<Timestamp>>,
    by_address: BTreeMap<ClientAddress, VecDeque<Timestamp>>,
}

impl Shares {
    pub(super) fn new(allowances: Allowances) -> Self {
        Self {
            allowances,
            by_person: BTreeMap::new(),
            by_address: BTreeMap::new(),
        }
    }

    /// A new hub knows of nothing.
    pub(super) fn forget(&mut self) {
        self.by_person.clear();
        self.by_address.clear();
    }

    /// Takes a message, for which there must have been a share of its author's and of the address.
    pub(super) fn take(&mut self, append: &Append, person: PersonId) -> Checked {
        let Allowances { account, address } = self.allowances;
        let said = self.by_person.entry(person).or_default();
        ensure!(
            is_within(account.messages, said, append.at),
            "{person:?} says more than anybody may: {said:?}"
        );
        // Of those who come from this machine, or through it, all have what they want.
        if let Some(from) = append.context.from.and_then(ClientAddress::one_of_many) {
            let said = self.by_address.entry(from).or_default();
            ensure!(
                is_within(address.messages, said, append.at),
                "from {from:?} comes more than may: {said:?}"
            );
        }
        Ok(())
    }
}

/// Takes what is said at a time; whether that many may come by then.
fn is_within(rate: Rate, said: &mut VecDeque<Timestamp>, at: Timestamp) -> bool {
    if rate == Rate::FREE {
        return true;
    }
    said.push_back(at);
    let said_count = u32::try_from(said.len()).expect("no more than may come at once");
    if f64::from(said_count) <= rate.burst {
        return true;
    }
    // One more than may come at once takes as long as one takes to come back, at least.
    said.pop_front().is_none_or(|first| {
        let passed_ms = u32::try_from(at.0 - first.0).unwrap_or(0);
        f64::from(passed_ms) >= 1_000.0 / rate.per_second - ROUNDING_MS
    })
}

/// What rounding may cost.
const ROUNDING_MS: f64 = 1.0;
