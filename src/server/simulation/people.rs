//! Who takes part in a run, and from where they come.

use std::cell::RefCell;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::rc::Rc;

use super::bot::Bot;
use super::dice::Dice;
use super::link::Link;
use super::operator::{BOT, OWNER};
use super::peer::Peer;
use super::terminal::Terminal;
use super::web_client::{Identity, WebClient};
use crate::chat::account::LoginToken;

/// Somebody, and the connection, if there is one.
pub(super) struct Person {
    pub(super) peer: Box<dyn Peer>,
    pub(super) link: Option<Link>,
    pub(super) is_stalled: bool,
    /// From where they come, mostly.
    home: IpAddr,
}

impl Person {
    fn new(peer: impl Peer + 'static, dice: &mut Dice) -> Self {
        Self {
            peer: Box::new(peer),
            link: None,
            is_stalled: false,
            home: *dice.pick(&ADDRESSES),
        }
    }

    /// From where they come the next time.
    pub(super) fn address(&self, dice: &mut Dice) -> IpAddr {
        if dice.one_in(8) {
            *dice.pick(&ADDRESSES)
        } else {
            self.home
        }
    }

    pub(super) fn hang_up(&mut self) {
        if self.link.take().is_some() {
            self.peer.disconnected();
        }
    }
}

/// Those of a run: `bot` is what a program holds, if there is one, `has_owner` whether the server has
/// an owner.
pub(super) fn gather(dice: &mut Dice, has_owner: bool, bot: Option<LoginToken>) -> Vec<Person> {
    let mut people = Vec::new();
    let count = *dice.pick(&[2, 2, 3, 4]);
    for (&name, copy) in NAMES[..count].iter().zip(COPIES) {
        // Some want an account, and some of those have two devices.
        let device_count = *dice.pick(&[0, 1, 2, 2]);
        // Where the browser keeps a guest's token, another tab may find it.
        let pocket = dice.one_in(3).then(|| Rc::new(RefCell::new(None)));
        for device in 0..device_count.max(1) {
            let identity = Identity {
                name,
                device: (device_count > 0).then_some(device),
                pocket: pocket.clone().filter(|_| device == 0),
                lender: None,
            };
            people.push(Person::new(WebClient::new(identity, dice), dice));
        }
        if pocket.is_some() {
            let identity = Identity {
                name: copy,
                device: *dice.pick(&[None, Some(0)]),
                pocket,
                lender: Some(name),
            };
            people.push(Person::new(WebClient::new(identity, dice), dice));
        }
    }
    for nth in 0..dice.below(3) {
        people.push(Person::new(Terminal::new(nth), dice));
    }
    if let Some(token) = bot {
        people.push(Person::new(Bot::new(BOT, &token), dice));
    }
    if has_owner {
        people.push(Person::new(WebClient::owner(OWNER, dice), dice));
    }
    people
}

/// Who there may be.
pub(super) const NAMES: [&str; 4] = ["ada", "bob", "cyd", "dan"];

/// Who may have the token of one of those.
pub(super) const COPIES: [&str; 4] = ["eve", "fay", "gil", "hal"];

/// From where they come: the first is this machine, the third and the fourth count as one.
const ADDRESSES: [IpAddr; 6] = [
    IpAddr::V4(Ipv4Addr::LOCALHOST),
    IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 1, 2, 0, 0, 0, 3)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 1, 2, 0, 0, 0, 4)),
    IpAddr::V4(Ipv4Addr::new(203, 0, 113, 8)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 1, 5, 0, 0, 0, 6)),
];

/// What may be banned of it.
pub(super) const NETWORKS: [&str; 4] = [
    "203.0.113.7",
    "203.0.113.0/24",
    "2001:db8:1:2::/64",
    "2001:db8:1::/48",
];
