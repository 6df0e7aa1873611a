//! What a run asks of whoever plays somebody at the other end of a connection.

use std::net::IpAddr;
use std::time::Instant;

use super::dice::Dice;
use super::ledger::{Checked, Ledger, Moment};
use crate::chat::Timestamp;
use crate::chat::shares::Scope;

/// Somebody who uses the server, and believes nothing of what it says.
pub(super) trait Peer {
    /// The index of the listener where it connects.
    fn listener(&self) -> usize;

    /// A connection is there; what is to be sent at first goes to `output`.
    fn connected(&mut self, origin: Origin, output: &mut Vec<u8>);

    /// The connection is over, however that came.
    fn disconnected(&mut self);

    /// Bytes have come.
    fn receive(&mut self, bytes: &mut [u8], sight: &Sight<'_>, output: &mut Vec<u8>) -> Checked;

    /// Nothing more comes.
    fn end_of_input(&mut self, sight: &Sight<'_>) -> Checked;

    /// Does something of its own accord.
    fn act(&mut self, sight: &Sight<'_>, dice: &mut Dice, output: &mut Vec<u8>);

    /// Whether it says now that nothing more comes from it, and goes on reading.
    fn ends_input(&mut self) -> bool;

    /// Whether it stops reading now, for a while.
    fn dawdles(&mut self) -> bool;

    /// Does what is left to do until it has seen all and said all; `true`: it did something.
    fn catch_up(&mut self, sight: &Sight<'_>, output: &mut Vec<u8>) -> bool;

    /// When it may go on, if it was told to wait.
    fn waits_until(&self) -> Option<Instant>;

    /// Checks that nothing is missing, when everybody has caught up.
    fn check_settled(&self, sight: &Sight<'_>) -> Checked;

    /// Has it ask for all that it can compare to what it was told; where nothing moves any more.
    fn begin_audit(&mut self, sight: &Sight<'_>, output: &mut Vec<u8>);

    /// Whether the network may forget it without a word: the server would find out by itself.
    fn may_vanish(&self) -> bool;
}

/// From where somebody connects.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin {
    pub(super) address: IpAddr,
    /// How much the worker there knew at least, and what time it was at the earliest.
    pub(super) since: Moment,
}

/// What a peer may look at, beside what it is sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sight<'a> {
    pub(super) ledger: &'a Ledger,
    pub(super) now: Instant,
    pub(super) time_of_day: Timestamp,
    /// What time it is for the hub, which is never earlier than it was.
    pub(super) hub_time: Timestamp,
    /// Who has a share, of which all devices and all people take whose it is; `None`: nobody.
    pub(super) shared_by: Option<Scope>,
    /// Whether the server has begun to end in peace.
    pub(super) is_draining: bool,
}
