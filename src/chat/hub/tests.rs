//! The hub against a log that does what the real one promises.

use super::*;
use crate::chat::account::{AccountFact, LoginId, NewAccount};
use crate::chat::event;
use crate::chat::log::{
    Change, ChangeKind, Fact, LogError, Page, Purpose, Recorded, RoomFact, Span, Visibility,
};
use crate::chat::order::Books;
use crate::chat::password::PasswordHash;
use crate::chat::search::{Findings, Query, Scope};
use crate::chat::{
    AccountId, Body, Content, Emoji, GuestId, Hello, Message, MessageKey, Said, Seq, Topic,
};
mod accounts;
mod accounts_in_rooms;
mod audit;
mod codes;
mod commands;
mod full_connections;
mod handover;
mod inheritance;
mod log;
mod logins;
mod membership;
mod messages;
mod order;
mod presence;
mod private;
mod repeats;
mod restraints;
mod retention;
mod server;
mod sharing;
mod slow_mode;
mod talk;
mod world;

use commands::{
    DAY, ban, code, create, direct, give, hello, join, join_with, keep, kick, leave, lift, mute,
    read, restrained, room, send, session, slow_mode, user,
};
use log::MemoryLog;
use world::{World, shown};
