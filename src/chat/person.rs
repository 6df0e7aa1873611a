//! Who somebody is, whatever the name.

/// Somebody: with an account, or a guest.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum PersonId {
    /// Whoever has an account, on any number of connections.
    Account(AccountId),
    /// Whoever has none.
    Guest(GuestId),
}

/// An account: the number of the event that made it.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct AccountId(pub i64);

/// A guest: 128 random bits that only the guest's token carries.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct GuestId(pub u128);

impl PersonId {
    /// Whether there is no account behind the name.
    pub fn is_guest(self) -> bool {
        matches!(self, Self::Guest(_))
    }
}
