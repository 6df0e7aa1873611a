//! What the chat is: who may say what where, free of sockets, clocks, disks and formats.
//!
//! Everything here is a value or a step function. Untrusted text becomes a type once, at the edge
//! ([`UserName`], [`RoomName`], [`Body`]); [`Hub::step`](Hub::step) takes one input and the time, and returns
//! what is to be done about it; what must outlast the process goes through the [`log`] first.

pub mod account;
mod accounts;
mod attempts;
pub mod bans;
pub mod command;
pub mod entrance;
pub mod error;
pub mod event;
mod gossip;
pub mod hash;
mod heirs;
pub mod hub;
pub mod inheritance;
pub mod log;
pub mod message;
pub mod name;
pub mod network;
pub mod order;
pub mod password;
mod people;
pub mod permission;
mod person;
pub mod rate_limit;
pub mod reaction;
mod recent;
pub(crate) mod request_queue;
mod room;
pub mod search;
pub mod secret;
pub mod shares;
mod times;
pub mod totp;
mod turns;

pub use command::{Command, Hello, Request, RequestId};
pub use error::ChatError;
pub use event::{Done, Event};
pub use hub::{Hub, SessionId};
pub use message::{Body, Content, Message, MessageKey, Said, Seq, Timestamp, Topic};
pub use name::{RoomName, UserName};
pub use network::{ClientAddress, Network};
pub use order::{InviteCode, Measure, Party, Reason};
pub use person::{AccountId, GuestId, PersonId};
pub use reaction::{Emoji, Reaction, Reactions};
pub use room::RoomId;
