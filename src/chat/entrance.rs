//! Whom a server lets in: with a name alone, with an account, with a new one.

/// Who may register.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Registration {
    /// Everybody.
    Open,
    /// Whoever has an invite.
    Invite,
    /// Nobody.
    Closed,
}

impl Registration {
    /// Its name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Invite => "invite",
            Self::Closed => "closed",
        }
    }
}

/// Whom the server lets in, as it says before anybody has said a name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Entrance {
    /// Whether names without an account are admitted.
    pub guests: bool,
    /// Who may register.
    pub registration: Registration,
}
