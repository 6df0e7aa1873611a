//! What the hub does for those who keep order on the whole server.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::chat::bans::{BanRecord, Banned, ServerFact, listed};
use crate::chat::command::{ServerCommand, Whom};
use crate::chat::error::ChatError;
use crate::chat::event::{Done, Event, Member, Role};
use crate::chat::hub::order::{NOT_BELOW, after};
use crate::chat::hub::{Asking, Hub, Output, answer};
use crate::chat::log::{Context, Fact, Purpose, Read, Span};
use crate::chat::message::Timestamp;
use crate::chat::name::{RoomName, UserName};
use crate::chat::network::Network;
use crate::chat::order::{MAX_RANKS, Party, Reason, RestraintKind};
use crate::chat::permission::{Action, Standing};
use crate::chat::recent;
use crate::chat::{AccountId, PersonId};

impl Hub {
    /// Carries out what is asked about the whole server.
    pub(super) fn server_command(
        &mut self,
        asking: &mut Asking<'_>,
        command: ServerCommand,
    ) -> Result<(), ChatError> {
        let action = match command {
            ServerCommand::SetOp { .. } => Action::GiveServerRoles,
            _ => Action::KeepServerOrder,
        };
        let standing = self.standing_on_server(asking.person);
        standing.may(action).map_err(ChatError::Forbidden)?;
        match command {
            ServerCommand::Ban {
                whom,
                lasting,
                reason,
            } => self.ban_from_server(asking, whom, lasting, reason)?,
            ServerCommand::Unban { whom, reason } => {
                let by = asking.party();
                let whom = self.banned(whom, asking.at);
                let whom = whom.ok_or(ChatError::NotFound("ban"))?;
                asking.append(Fact::Server(ServerFact::Unbanned { by, whom, reason }));
            }
            ServerCommand::Bans { before } => {
                self.list_bans(&asking.context, before, asking.output);
            }
            ServerCommand::SetOp { name, is_op } => self.set_op(asking, &name, is_op)?,
            ServerCommand::Audit { before, limit } => asking.output.push(Output::Read(Read {
                purpose: Purpose::ServerAudit(asking.context.clone()),
                room: RoomName::lobby(),
                span: before.map_or(Span::Newest, Span::Before),
                max_messages: limit,
                max_weight: recent::MAX_WEIGHT,
                max_changes: 0,
            })),
        }
        Ok(())
    }

    /// What somebody is where no room is concerned.
    pub(super) fn standing_on_server(&self, person: PersonId) -> Standing {
        Standing {
            guest: person.is_guest(),
            server: self.server_role(person),
            role: Role::Member,
        }
    }

    /// What somebody may do on the whole server, present or not.
    pub(super) fn server_role(&self, person: PersonId) -> Role {
        let present = self.people.get(person).map(|it| it.server_role);
        present.unwrap_or_else(|| match person {
            PersonId::Account(id) => {
                let account = self.accounts.get(id);
                account.map_or(Role::Member, |it| it.record.server_role)
            }
            PersonId::Guest(_) => Role::Member,
        })
    }

    /// Lets an account in, unless it is banned.
    pub(super) fn check_banned(&self, id: AccountId) -> Result<(), ChatError> {
        let account = self
            .accounts
            .get(id)
            .ok_or(ChatError::NotFound("account"))?;
        let party = Party {
            person: PersonId::Account(id),
            name: account.record.name.clone(),
        };
        self.bans.check(&party, self.now)
    }

    /// Tells who is banned, since before some time.
    pub(super) fn list_bans(
        &self,
        context: &Context,
        before: Option<Timestamp>,
        output: &mut Vec<Output>,
    ) {
        let (bans, more) = listed(self.bans.list(self.now), before);
        let done = Done::Bans {
            room: None,
            kind: RestraintKind::Ban,
            bans,
            more,
        };
        answer(context.clone(), Ok(done), output);
    }

    fn ban_from_server(
        &mut self,
        asking: &mut Asking<'_>,
        whom: Whom,
        lasting: Option<Duration>,
        reason: Reason,
    ) -> Result<(), ChatError> {
        let whom = match whom {
            Whom::Name(name) => Banned::Person(self.bannable(asking, &name)?),
            Whom::Network(network) => {
                self.check_network(asking, network)?;
                Banned::Network(network)
            }
        };
        if !self.bans.has_place(asking.at) {
            return Err(ChatError::Forbidden(
                "a server has at most 10,000 bans; lift one first, or ban a larger range",
            ));
        }
        let until = lasting.map(|lasting| after(asking.at, lasting));
        asking.append(Fact::Server(ServerFact::Banned {
            by: asking.party(),
            whom,
            until,
            reason,
        }));
        Ok(())
    }

    /// Who of that name may be banned by whoever asks.
    fn bannable(&self, asking: &Asking<'_>, name: &UserName) -> Result<Party, ChatError> {
        let known = match self.bans.named(name, asking.at) {
            Some(Banned::Person(party)) => Some(party),
            _ => None,
        };
        let whom = self.somebody(name).or(known);
        let whom = whom.ok_or(ChatError::NotFound("person on this server"))?;
        if whom.person == asking.person {
            return Err(ChatError::Forbidden("you cannot ban yourself"));
        }
        let standing = self.standing_on_server(asking.person);
        if standing.outranks(self.standing_on_server(whom.person)) {
            Ok(whom)
        } else {
            Err(NOT_BELOW)
        }
    }

    /// Refuses to ban a network from which somebody is connected whom one may not ban.
    fn check_network(&self, asking: &Asking<'_>, network: Network) -> Result<(), ChatError> {
        let sessions = self.sessions.values();
        let there = sessions.filter(|it| it.from.is_some_and(|from| network.holds(from)));
        let there: BTreeSet<PersonId> = there.map(|it| it.person).collect();
        if there.contains(&asking.person) {
            return Err(ChatError::Forbidden(
                "you are connected from there yourself, and would shut yourself out",
            ));
        }
        let standing = self.standing_on_server(asking.person);
        // Whoever owns the server comes back from where they were.
        if standing.server < Role::Owner && self.accounts.owner_came_from(network) {
            return Err(ABOVE_CAME_FROM_THERE);
        }
        let is_below = |person: &PersonId| standing.outranks(self.standing_on_server(*person));
        if there.iter().all(is_below) {
            Ok(())
        } else {
            Err(ABOVE_CAME_FROM_THERE)
        }
    }

    /// What of that name or address is banned.
    pub(super) fn banned(&self, whom: Whom, now: Timestamp) -> Option<Banned> {
        match whom {
            Whom::Name(name) => self.bans.named(&name, now),
            Whom::Network(network) => {
                let is_banned = self.bans.has_network(network, now);
                is_banned.then_some(Banned::Network(network))
            }
        }
    }

    fn set_op(
        &mut self,
        asking: &mut Asking<'_>,
        name: &UserName,
        is_op: bool,
    ) -> Result<(), ChatError> {
        let account = self.accounts.by_name(name);
        let record = &account.ok_or(ChatError::NotFound("account"))?.record;
        match (record.server_role, is_op) {
            (Role::Owner, _) => {
                return Err(ChatError::Forbidden(
                    "who owns the server is decided where it runs",
                ));
            }
            (Role::Op, true) | (Role::Member, false) => {
                return Err(ChatError::Already("they have this role"));
            }
            (Role::Op, false) | (Role::Member, true) => {}
        }
        let ops = self.accounts.iter();
        let ops = ops.filter(|account| account.record.server_role == Role::Op);
        if is_op && ops.count() >= MAX_RANKS {
            return Err(ChatError::Forbidden(
                "a server has at most 100 operators; take the role from one first",
            ));
        }
        let (account, name) = (record.id, record.name.clone());
        asking.append(Fact::Server(ServerFact::OpSet {
            by: asking.party(),
            account,
            name,
            is_op,
        }));
        Ok(())
    }

    /// The log has taken it. Whoever asked is told when it holds, also for the account that a guest
    /// becomes.
    pub(super) fn server_kept(
        &mut self,
        context: Context,
        at: Timestamp,
        fact: ServerFact,
        output: &mut Vec<Output>,
    ) {
        let is_heirs = self.ban_heir(&context, at, &fact, output);
        match fact {
            ServerFact::Banned {
                by,
                whom,
                until,
                reason,
            } => {
                self.shut_out(&whom, until, &reason, output);
                self.bans.ban(BanRecord {
                    whom,
                    by: by.name,
                    at,
                    until,
                    reason,
                });
            }
            ServerFact::Unbanned { whom, .. } => {
                self.bans.lift(&whom);
                if let Banned::Network(network) = whom {
                    output.push(Output::NetworkUnbanned(network));
                }
            }
            ServerFact::OpSet {
                account,
                name,
                is_op,
                by: _,
            } => {
                let role = if is_op { Role::Op } else { Role::Member };
                let person = PersonId::Account(account);
                self.set_server_role(person, role);
                let you = Member::you(name, false, role);
                self.tell_person(person, Event::You(you), output);
            }
        }
        if !is_heirs {
            answer(context, Ok(Done::Finished), output);
        }
    }

    /// Closes the connections of those who are banned.
    fn shut_out(
        &mut self,
        whom: &Banned,
        until: Option<Timestamp>,
        reason: &Reason,
        output: &mut Vec<Output>,
    ) {
        match whom {
            Banned::Person(party) => {
                // Whoever comes back one day begins as everybody does.
                self.set_server_role(party.person, Role::Member);
                let reason = reason.clone();
                self.tell_person(party.person, Event::Banned { until, reason }, output);
                let present = self.people.get(party.person);
                let sessions = present.map(|it| it.sessions.clone());
                for session in sessions.into_iter().flatten() {
                    self.disconnect(session, output);
                    output.push(Output::ShutOut(session));
                }
            }
            Banned::Network(network) => output.push(Output::NetworkBanned {
                network: *network,
                until,
                reason: reason.clone(),
            }),
        }
    }

    /// Tells somebody something on all of their connections.
    pub(super) fn tell_person(&self, person: PersonId, event: Event, output: &mut Vec<Output>) {
        let event = Arc::new(event);
        let sessions = self.people.get(person).map(|it| &it.sessions);
        for &to in sessions.into_iter().flatten() {
            let event = Arc::clone(&event);
            output.push(Output::Tell { to, event });
        }
    }

    fn set_server_role(&mut self, person: PersonId, role: Role) {
        if let Some(present) = self.people.get_mut(person) {
            present.server_role = role;
        }
        if let PersonId::Account(id) = person
            && let Some(record) = self.accounts.get_mut(id)
        {
            record.server_role = role;
        }
    }
}

const ABOVE_CAME_FROM_THERE: ChatError =
    ChatError::Forbidden("somebody came from there who is not of lower rank than you");
