//! What a run is like, before anything happens: each has a weather of its own.

use super::dice::Dice;
use super::plant::Plant;
use super::server::Setup;
use crate::chat::rate_limit::Rate;
use crate::chat::shares::{Allowances, Scope, Share};
use crate::net::OutboxLimits;

/// What can happen next.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Move {
    Worker,
    Hub,
    Log,
    Reader,
    Hasher,
    Act,
    Send,
    Receive,
    Stall,
    Cut,
    Time,
    Disk,
    Clock,
    Kill,
    Drain,
}

/// What the servers of a run are like.
pub(super) fn setup(dice: &mut Dice, plant: Option<Plant>) -> Setup {
    let hard_len = *dice.pick(&[64 << 10, 4 << 20]);
    let outbox = OutboxLimits {
        soft_len: hard_len / 4,
        hard_len,
        floor_len: hard_len / 64,
        ..OutboxLimits::default()
    };
    let mut nominal_outbox = outbox.clone();
    if plant == Some(Plant::BearSlowReaders) {
        nominal_outbox.hard_len = 4 << 10;
    }
    let per_second = *dice.pick(&[0.0, 10.0]);
    // Where a connection has a rate, nobody could tell which of the two somebody waits for.
    let scopes = [None, None, Some(Scope::Account), Some(Scope::Address)];
    let shared_by = dice.pick(&scopes).filter(|_| per_second == 0.0);
    let nominal_allowances = few_messages(shared_by);
    let is_forgotten =
        plant == Some(Plant::ForgetAddressShare) && shared_by == Some(Scope::Address);
    Setup {
        shared_by,
        allowances: if is_forgotten {
            Allowances::FREE
        } else {
            nominal_allowances
        },
        nominal_allowances,
        worker_count: dice.between(1, 3),
        outbox,
        nominal_outbox,
        rate: Rate {
            per_second,
            burst: 20.0,
        },
        retention_days: *dice.pick(&[0, 0, 1, 2]),
        max_waiting: *dice.pick(&[2, 64, 1_024]),
    }
}

/// A message in half a second, and some at once.
fn few_messages(shared_by: Option<Scope>) -> Allowances {
    let few = Share {
        messages: Rate {
            per_second: 2.0,
            burst: 5.0,
        },
        ..Share::FREE
    };
    let (account, address) = match shared_by {
        None => (Share::FREE, Share::FREE),
        Some(Scope::Account) => (few, Share::FREE),
        Some(Scope::Address) => (Share::FREE, few),
    };
    Allowances { account, address }
}

/// Each run has a weather of its own: what is rare in one is common in another, and some things
/// don't happen at all.
pub(super) fn weights(dice: &mut Dice) -> [(Move, usize); 15] {
    let mut rare = |most| {
        if dice.one_in(2) {
            0
        } else {
            dice.between(1, most)
        }
    };
    let (stall, cut, disk, clock) = (rare(8), rare(4), rare(8), rare(4));
    let (kill, drain) = (rare(2), rare(2));
    [
        (Move::Worker, dice.between(20, 120)),
        (Move::Hub, dice.between(20, 120)),
        (Move::Log, dice.between(10, 80)),
        (Move::Reader, dice.between(5, 40)),
        (Move::Hasher, dice.between(5, 40)),
        (Move::Act, dice.between(80, 300)),
        (Move::Send, dice.between(40, 160)),
        (Move::Receive, dice.between(40, 160)),
        (Move::Time, dice.between(5, 40)),
        (Move::Stall, stall),
        (Move::Cut, cut),
        (Move::Disk, disk),
        (Move::Clock, clock),
        (Move::Kill, kill),
        (Move::Drain, drain),
    ]
}
