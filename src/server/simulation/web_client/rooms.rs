//! What a client asks about rooms: to enter them, to make them, to keep them in order.

use serde_json::{Value, json};

use super::{Asked, WebClient};
use crate::server::simulation::dice::Dice;
use crate::server::simulation::peer::Sight;
use crate::server::simulation::people::NAMES;
use crate::server::simulation::view::View;

impl WebClient {
    /// Enters a room, with a code if it takes one.
    pub(super) fn join(
        &mut self,
        room: &str,
        code: Option<&str>,
        sight: &Sight<'_>,
        output: &mut Vec<u8>,
    ) {
        let is_asked = |asked: &Asked| match asked {
            Asked::Join { room: it, .. } | Asked::Leave { room: it } => it == room,
            _ => false,
        };
        if self.has_asked(is_asked) {
            return;
        }
        let view = self.views.get(room).filter(|view| !view.is_loose);
        let (since, rev) = (view.map(|view| view.seen), view.map(|view| view.rev));
        let create = ROOMS.contains(&room);
        let request = json!({"type": "join", "room": room, "since": since, "rev": rev,
            "create": create, "invite": code});
        let asked = Asked::Join {
            room: room.to_owned(),
            since,
            rev,
            is_open: create || code.is_some(),
        };
        self.ask(asked, request, sight, output);
    }

    /// Enters a room that not everybody sees: with somebody's code, with one that is none, or
    /// as somebody who belongs there.
    pub(super) fn intrude(&mut self, sight: &Sight<'_>, dice: &mut Dice, output: &mut Vec<u8>) {
        let invites = sight.ledger.invites(sight.time_of_day);
        let room = *dice.pick(&HIDDEN_ROOMS);
        // Guests are given none, so that one can be told by the log who was let in.
        if let (Some(_), false) = (self.account, invites.is_empty())
            && dice.one_in(2)
        {
            let (room, code) = *dice.pick(&invites);
            return self.join(room, Some(code), sight, output);
        }
        let asked = Asked::Join {
            room: room.to_owned(),
            since: None,
            rev: None,
            is_open: false,
        };
        let code = dice.one_in(2).then_some("0123456789abcdef0123456789abcdef");
        let request = json!({"type": "join", "room": room, "invite": code});
        if !self.views.contains_key(room) {
            self.ask(asked, request, sight, output);
        }
    }

    pub(super) fn create(&mut self, sight: &Sight<'_>, dice: &mut Dice, output: &mut Vec<u8>) {
        let room = *dice.pick(&HIDDEN_ROOMS);
        let request = json!({"type": "create", "room": room, "visibility": "private"});
        self.ask(Asked::Create, request, sight, output);
    }

    pub(super) fn direct(&mut self, sight: &Sight<'_>, dice: &mut Dice, output: &mut Vec<u8>) {
        let request = json!({"type": "direct", "to": dice.pick(&NAMES)});
        self.ask(Asked::Direct, request, sight, output);
    }

    /// A room that it is in, and is not about to leave.
    pub(super) fn pick_room(&self, dice: &mut Dice) -> Option<String> {
        let rooms: Vec<&String> = self
            .views
            .iter()
            .filter(|(room, view)| view.is_in && !self.is_leaving(room))
            .map(|(room, _)| room)
            .collect();
        (!rooms.is_empty()).then(|| (*dice.pick(&rooms)).clone())
    }

    /// A room that is its to keep in order, if there is one, whether it is in it or not; else any that
    /// it is in.
    pub(super) fn pick_ruled_room(&self, sight: &Sight<'_>, dice: &mut Dice) -> Option<String> {
        let eyes = self.eyes();
        let is_outside = dice.one_in(2);
        let rooms = self
            .views
            .iter()
            .filter(|(_, view)| view.is_in || is_outside);
        let ruled: Vec<&String> = rooms
            .map(|(room, _)| room)
            .filter(|room| sight.ledger.is_ruled_by(room, &eyes))
            .collect();
        match ruled.as_slice() {
            [] if dice.one_in(4) => self.pick_room(dice),
            [] => None,
            ruled => Some((*dice.pick(ruled)).clone()),
        }
    }

    pub(super) fn is_leaving(&self, room: &str) -> bool {
        self.has_asked(|asked| matches!(asked, Asked::Leave { room: it } if it == room))
    }

    /// Does something to keep a room in order, whether that is its business or not.
    pub(super) fn keep_order(
        &mut self,
        room: String,
        sight: &Sight<'_>,
        dice: &mut Dice,
        output: &mut Vec<u8>,
    ) {
        let there = self.views.get(&room).map(View::members);
        let there = there.into_iter().flatten();
        let there: Vec<&str> = there.filter(|name| !self.is_own(name)).collect();
        let name = if there.is_empty() || dice.one_in(4) {
            *dice.pick(&NAMES)
        } else {
            *dice.pick(&there)
        };
        let kind = *dice.pick(&KINDS);
        let mut request: Value = json!({"type": kind, "room": room, "name": name});
        match kind {
            "ban" | "mute" => request["for_s"] = (*dice.pick(&[None, None, Some(1)])).into(),
            "slow_mode" => request["seconds"] = (*dice.pick(&[0, 1, 5])).into(),
            "retention" => request["days"] = (*dice.pick(&[0, 1, 2])).into(),
            "role" => request["role"] = (*dice.pick(&["op", "op", "member", "owner"])).into(),
            _ => {}
        }
        self.ask(Asked::Measure { room }, request, sight, output);
    }
}

/// Where everybody meets.
pub(in crate::server::simulation) const ROOMS: [&str; 3] = ["lobby", "tea", "chess"];

/// Where only those meet who are let in.
const HIDDEN_ROOMS: [&str; 2] = ["den", "loft"];

/// What is done to keep order, as often as it stands here.
const KINDS: [&str; 11] = [
    "kick",
    "ban",
    "ban",
    "unban",
    "mute",
    "mute",
    "unmute",
    "role",
    "retention",
    "slow_mode",
    "slow_mode",
];
