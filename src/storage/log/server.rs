//! Writes what is decided about the whole server.

use crate::chat::PersonId;
use crate::chat::bans::{Banned, ServerFact};
use crate::chat::log::{Append, Recorded};
use crate::storage::database::{BanRow, DatabaseError};
use crate::storage::log::{NO_ROOM, Transcript};
use crate::storage::rows::write_person;

impl Transcript<'_> {
    pub(super) fn record_server(
        &mut self,
        append: &Append,
        fact: &ServerFact,
    ) -> Result<Recorded, DatabaseError> {
        let event = self.insert_event(append, &append.fact, NO_ROOM)?;
        self.transaction.insert_server_audit(event)?;
        match fact {
            ServerFact::Banned {
                by,
                whom,
                until,
                reason,
            } => {
                let (person, network, name) = write_banned(whom);
                let ban = BanRow {
                    person,
                    network,
                    name,
                    by: by.name.as_str().to_owned(),
                    at: append.at.0,
                    until: until.map(|until| until.0),
                    reason: reason.as_str().to_owned(),
                };
                self.transaction.set_ban(event, &ban)?;
                if let Banned::Person(party) = whom
                    && let PersonId::Account(account) = party.person
                {
                    self.transaction.set_op(account.0, false)?;
                }
            }
            ServerFact::Unbanned { whom, .. } => {
                let (person, network, _) = write_banned(whom);
                self.transaction
                    .delete_ban(person.as_deref(), network.as_deref())?;
            }
            ServerFact::OpSet { account, is_op, .. } => {
                self.transaction.set_op(account.0, *is_op)?;
            }
        }
        Ok(Recorded::Noted)
    }
}

/// The person, or the network, and the name.
fn write_banned(whom: &Banned) -> (Option<Vec<u8>>, Option<String>, String) {
    match whom {
        Banned::Person(party) => {
            let name = party.name.as_str().to_owned();
            (Some(write_person(party.person)), None, name)
        }
        Banned::Network(network) => (None, Some(network.to_string()), String::new()),
    }
}
