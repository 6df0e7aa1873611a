//! Faults planted on purpose, which a simulation worth its time must find.

use super::dice::Dice;

/// What is wrong on purpose.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Plant {
    /// A worker is not told what was published.
    LoseDelivery,
    /// It is told twice.
    RepeatDelivery,
    /// It is told two things in the wrong order.
    SwapDeliveries,
    /// Everybody is told what was published to a room.
    TellEverybody,
    /// A worker is not told that somebody left a room.
    KeepSubscribed,
    /// A worker is not told an answer.
    LoseAnswer,
    /// The hub is not told that a connection is gone.
    LeakSession,
    /// The log answers before it has written.
    AnswerEarly,
    /// The log has written, and its file is not what it wrote.
    LoseWritten,
    /// The log does not look whether a key was used before.
    ForgetKeys,
    /// A failed batch is answered as if it was written.
    HideFailure,
    /// Slow readers are cut off far later than they should be.
    BearSlowReaders,
    /// A history is cut short in its middle.
    TearHistory,
}

impl Plant {
    pub(super) const ALL: [Self; 13] = [
        Self::LoseDelivery,
        Self::RepeatDelivery,
        Self::SwapDeliveries,
        Self::TellEverybody,
        Self::KeepSubscribed,
        Self::LoseAnswer,
        Self::LeakSession,
        Self::AnswerEarly,
        Self::LoseWritten,
        Self::ForgetKeys,
        Self::HideFailure,
        Self::BearSlowReaders,
        Self::TearHistory,
    ];
}

/// Does what is planted, now and then.
#[derive(Debug)]
pub(super) struct Saboteur {
    plant: Option<Plant>,
    dice: Dice,
}

impl Saboteur {
    pub(super) fn new(plant: Option<Plant>, dice: Dice) -> Self {
        Self { plant, dice }
    }

    /// Whether it strikes here, where that could be done.
    pub(super) fn strikes(&mut self, plant: Plant) -> bool {
        self.plant == Some(plant) && self.dice.one_in(4)
    }

    /// Another one of the same mind.
    pub(super) fn fork(&mut self) -> Self {
        Self::new(self.plant, self.dice.fork())
    }
}
