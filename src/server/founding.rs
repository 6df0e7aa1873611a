//! The hub of a server that starts: with the rooms and accounts of its log, and a way in for its
//! first owner.

use crate::chat::Hub;
use crate::chat::account::LoginToken;
use crate::chat::entrance::Registration;
use crate::chat::hub::Policy;
use crate::chat::secret::SecretHash;
use crate::net::ListenAddress;
use crate::server::config::{self, Config};
use crate::server::context::fresh;
use crate::server::listen::Listening;
use crate::server::shared::Purpose;
use crate::storage::{DataDir, Log, StorageError};

/// Makes the hub. With it comes a secret, once in the life of a data directory: whoever shows it to
/// the server becomes its owner, unless somebody was made owner before. Only its hash is kept.
pub(crate) fn found(
    config: &Config,
    data_dir: &DataDir,
    log: &mut Log,
    listening: &Listening,
) -> Result<(Hub, Option<LoginToken>), StorageError> {
    let (rooms, roll) = (log.rooms()?, log.accounts()?);
    let (claim, shown) = match data_dir.read_private(CLAIM_NAME)? {
        Some(kept) => (kept.try_into().ok().map(SecretHash), None),
        None if roll.accounts.is_empty() => {
            let secret = LoginToken(fresh(&mut rand::rng()));
            data_dir.write_private(CLAIM_NAME, &secret.hash().0)?;
            (Some(secret.hash()), Some(secret))
        }
        None => (None, None),
    };
    let policy = Policy {
        guests: config.accounts.guests,
        registration: registration(config, is_local(config, listening)),
        claim,
        max_rooms: config.limits.max_rooms,
        retention_days: config.chat.retention_days,
        allowances: config.limits.allowances(),
    };
    Ok((Hub::new(policy, rooms).with_accounts(roll), shown))
}

fn registration(config: &Config, is_local: bool) -> Registration {
    match config.accounts.registration {
        config::Registration::Open => Registration::Open,
        config::Registration::Invite => Registration::Invite,
        config::Registration::Auto if is_local => Registration::Open,
        config::Registration::Auto | config::Registration::Closed => Registration::Closed,
    }
}

/// Whether only this machine can connect: nor through a proxy that runs on it.
fn is_local(config: &Config, listening: &Listening) -> bool {
    let is_local = |address: &ListenAddress| match address {
        ListenAddress::Tcp(address) => address.ip().to_canonical().is_loopback(),
        ListenAddress::Unix(_) => true,
    };
    let bound = listening.listeners.iter().zip(&listening.purposes);
    let mut public = bound.filter(|(_, purpose)| **purpose != Purpose::Admin);
    config.server.trusted_proxies.is_empty()
        && public.all(|(listener, _)| is_local(listener.address()))
}

/// Holds what is kept of the secret. It stays when it was used: there is an owner then.
const CLAIM_NAME: &str = "claim.hash";
