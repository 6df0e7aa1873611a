//! Who is let in: a limit on all connections, and one on those from one address.
//!
//! Workers count without a lock. Connections of an address are counted in two tables of counters,
//! each indexed by another hash of the address; the smaller of the two counters is never below the
//! truth, and above it only if both collide. So an address is never let have more than its share,
//! and an unlucky one may get less.

use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use crate::server::double_count;

/// Counts connections, and refuses those above the limits.
#[derive(Debug)]
pub(crate) struct Admission {
    max_connections: usize,
    max_per_address: u32,
    open_count: AtomicUsize,
    hashers: [RandomState; 2],
    tables: [Box<[AtomicU32]>; 2],
}

/// Why a connection is refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Refusal {
    /// The server has as many as it may.
    Full,
    /// The address has as many as it may.
    TooManyFromAddress,
    /// One more socket would take a file that the server itself may need.
    OutOfFiles,
}

/// What an admitted connection occupies; given back to [`Admission::release`].
#[derive(Debug)]
pub(crate) struct Permit {
    /// Where the address is counted, if it is.
    places: Option<[usize; 2]>,
}

impl Admission {
    /// `max_per_address` of 0 means no limit; loopback is never limited.
    pub(crate) fn new(max_connections: usize, max_per_address: u32) -> Self {
        let table_len = if max_per_address > 0 { TABLE_LEN } else { 0 };
        let table = || (0..table_len).map(|_| AtomicU32::new(0)).collect();
        Self {
            max_connections,
            max_per_address,
            open_count: AtomicUsize::new(0),
            hashers: [RandomState::new(), RandomState::new()],
            tables: [table(), table()],
        }
    }

    /// Lets a connection in; `None` is a peer without an address, on a Unix socket.
    pub(crate) fn admit(&self, address: Option<IpAddr>) -> Result<Permit, Refusal> {
        if self.open_count.fetch_add(1, Ordering::Relaxed) >= self.max_connections {
            self.open_count.fetch_sub(1, Ordering::Relaxed);
            return Err(Refusal::Full);
        }
        let mut permit = Permit { places: None };
        if let Some(address) = address
            && let Err(refusal) = self.count_address(&mut permit, address)
        {
            self.release(&permit);
            return Err(refusal);
        }
        Ok(permit)
    }

    /// Counts an admitted connection among those of an address, which only now is known; a
    /// connection counts for one address in its life.
    pub(crate) fn count_address(
        &self,
        permit: &mut Permit,
        address: IpAddr,
    ) -> Result<(), Refusal> {
        let address = canonical(address);
        if self.max_per_address == 0 || address.is_loopback() || permit.places.is_some() {
            return Ok(());
        }
        let places = self.places(address);
        if !double_count::enter(self.counters(places), self.max_per_address) {
            return Err(Refusal::TooManyFromAddress);
        }
        permit.places = Some(places);
        Ok(())
    }

    /// Takes note that a connection is gone.
    pub(crate) fn release(&self, permit: &Permit) {
        self.open_count.fetch_sub(1, Ordering::Relaxed);
        if let Some(places) = permit.places {
            double_count::leave(self.counters(places));
        }
    }

    #[cfg(test)]
    pub(crate) fn open_count(&self) -> usize {
        self.open_count.load(Ordering::Relaxed)
    }

    fn counters(&self, places: [usize; 2]) -> [&AtomicU32; 2] {
        [&self.tables[0][places[0]], &self.tables[1][places[1]]]
    }

    fn places(&self, address: IpAddr) -> [usize; 2] {
        [0, 1].map(|i: usize| {
            let hash = self.hashers[i].hash_one(address) % TABLE_LEN;
            usize::try_from(hash).expect("below the table's length")
        })
    }
}

/// The address that counts: one IPv6 customer has a whole /64.
fn canonical(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) if !address.is_loopback() => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        other => other,
    }
}

/// Several times the connections that a process can have, so that both tables rarely collide.
const TABLE_LEN: u64 = 1 << 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn all_connections_are_limited() {
        let admission = Admission::new(2, 0);
        let first = admission.admit(address("10.0.0.1")).unwrap();
        admission.admit(None).unwrap();
        assert_eq!(admission.admit(None).unwrap_err(), Refusal::Full);
        admission.release(&first);
        admission.admit(address("10.0.0.1")).unwrap();
    }

    #[test]
    fn one_address_is_limited_and_others_are_not() {
        let admission = Admission::new(100, 2);
        let first = admission.admit(address("10.0.0.1")).unwrap();
        admission.admit(address("::ffff:10.0.0.1")).unwrap();
        let refused = admission.admit(address("10.0.0.1"));
        assert_eq!(refused.unwrap_err(), Refusal::TooManyFromAddress);
        admission.admit(address("10.0.0.2")).unwrap();
        admission.release(&first);
        admission.admit(address("10.0.0.1")).unwrap();
    }

    #[test]
    fn ipv6_counts_by_network_and_loopback_not_at_all() {
        let admission = Admission::new(100, 1);
        admission.admit(address("2001:db8::1")).unwrap();
        assert!(admission.admit(address("2001:db8::2")).is_err());
        admission.admit(address("2001:db8:0:1::1")).unwrap();
        for _ in 0..3 {
            admission.admit(address("127.0.0.1")).unwrap();
            admission.admit(address("::1")).unwrap();
        }
    }

    #[test]
    fn address_that_is_known_later_counts_like_others() {
        let admission = Admission::new(10, 1);
        let address = address("10.0.0.1").unwrap();
        let mut first = admission.admit(None).unwrap();
        let mut second = admission.admit(None).unwrap();
        admission.count_address(&mut first, address).unwrap();
        admission.count_address(&mut first, address).unwrap();
        let refused = admission.count_address(&mut second, address);
        assert_eq!(refused, Err(Refusal::TooManyFromAddress));
        admission.release(&first);
        admission.count_address(&mut second, address).unwrap();
        admission.release(&second);
        assert_eq!(admission.open_count.load(Ordering::Relaxed), 0);
        admission.admit(Some(address)).unwrap();
    }

    #[test]
    fn refused_connections_are_not_counted() {
        let admission = Admission::new(10, 1);
        let held = admission.admit(address("10.0.0.1")).unwrap();
        for _ in 0..100 {
            admission.admit(address("10.0.0.1")).unwrap_err();
        }
        admission.release(&held);
        assert_eq!(admission.open_count.load(Ordering::Relaxed), 0);
        admission.admit(address("10.0.0.1")).unwrap();
    }
}
