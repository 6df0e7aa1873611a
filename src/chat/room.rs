//! A room in memory: what it is, and who is in it.

/// Who a guest is, whatever the name: 128 random bits that only the guest's token carries.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct GuestId(pub u128);
