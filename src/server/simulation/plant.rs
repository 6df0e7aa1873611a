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
    /// A device is not told what was read on another.
    LoseReadMark,
    /// A connection stays although its login is over.
    KeepRevoked,
    /// Somebody is told of news in a room that they don't know of.
    LeakUnread,
    /// Others see a room in the list that they don't know of.
    LeakRoom,
    /// Others are shown the past of a room that they don't know of.
    LeakHistory,
    /// Others find what was said in a room that they don't know of.
    LeakFinding,
    /// What was found is as it was said, whatever it was changed to.
    FindEditedAway,
    /// The hub is not told that a connection is gone.
    LeakSession,
    /// The log answers before it has written.
    AnswerEarly,
    /// The log has written, and its file is not what it wrote.
    LoseWritten,
    /// A server that ends in peace leaves to its successor less than it wrote.
    LoseInPeace,
    /// The log does not look whether a key was used before.
    ForgetKeys,
    /// The log writes another text than the one that a message was changed to.
    GarbleEdit,
    /// It writes another reaction than the one that was chosen.
    GarbleReaction,
    /// It deletes nothing, and says that it did.
    KeepDeleted,
    /// It writes down less than was read.
    ForgetReadMark,
    /// It writes down that somebody left who came.
    ForgetMember,
    /// It writes down a kick where there was a ban.
    ForgetBan,
    /// The hub takes a ban for a kick.
    IgnoreBan,
    /// The hub takes a mute for nothing.
    IgnoreMute,
    /// The hub takes slow mode for none.
    IgnoreSlowMode,
    /// It forgets that guests have spoken.
    ForgetTurnsOfGuests,
    /// It forgets that programs have spoken.
    ForgetTurnsOfBots,
    /// It lets more come from an address than it should.
    ForgetAddressShare,
    /// It takes a guest who has become an account for a new one.
    AcceptSpentToken,
    /// A connection of a guest who has become an account stays, and hears all.
    KeepFormerGuest,
    /// The log leaves to a guest what is an account's from then on.
    LeaveToGuest,
    /// The hub takes a ban from the server for an end of one.
    IgnoreServerBan,
    /// The log does.
    ForgetServerBan,
    /// A connection stays although whoever it speaks for is banned from the server.
    KeepBanned,
    /// The workers are not told from where nobody is let in.
    LetBannedAddressIn,
    /// Somebody is told to wait for less than it takes.
    PromiseTooSoon,
    /// The log ends no login.
    ForgetLogout,
    /// A password that is wrong counts as right.
    AcceptAnyPassword,
    /// The log erases what is a day too young.
    EraseTooSoon,
    /// The hub is not told what is gone.
    HideErasure,
    /// A failed batch is answered as if it was written.
    HideFailure,
    /// Slow readers are cut off far later than they should be.
    BearSlowReaders,
    /// A history is cut short in its middle.
    TearHistory,
}

impl Plant {
    pub(super) const ALL: [Self; 45] = [
        Self::LoseDelivery,
        Self::RepeatDelivery,
        Self::SwapDeliveries,
        Self::TellEverybody,
        Self::KeepSubscribed,
        Self::LoseAnswer,
        Self::LoseReadMark,
        Self::KeepRevoked,
        Self::LeakUnread,
        Self::LeakRoom,
        Self::LeakHistory,
        Self::LeakFinding,
        Self::FindEditedAway,
        Self::LeakSession,
        Self::AnswerEarly,
        Self::LoseWritten,
        Self::LoseInPeace,
        Self::ForgetKeys,
        Self::GarbleEdit,
        Self::GarbleReaction,
        Self::KeepDeleted,
        Self::ForgetReadMark,
        Self::ForgetMember,
        Self::ForgetBan,
        Self::IgnoreBan,
        Self::IgnoreMute,
        Self::IgnoreSlowMode,
        Self::ForgetTurnsOfGuests,
        Self::ForgetTurnsOfBots,
        Self::ForgetAddressShare,
        Self::AcceptSpentToken,
        Self::KeepFormerGuest,
        Self::LeaveToGuest,
        Self::IgnoreServerBan,
        Self::ForgetServerBan,
        Self::KeepBanned,
        Self::LetBannedAddressIn,
        Self::PromiseTooSoon,
        Self::ForgetLogout,
        Self::AcceptAnyPassword,
        Self::EraseTooSoon,
        Self::HideErasure,
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

    /// Whether it strikes here, where that can be done rarely.
    pub(super) fn always_strikes(&self, plant: Plant) -> bool {
        self.plant == Some(plant)
    }

    /// Another one of the same mind.
    pub(super) fn fork(&mut self) -> Self {
        Self::new(self.plant, self.dice.fork())
    }
}
