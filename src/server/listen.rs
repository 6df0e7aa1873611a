//! Binds the addresses that a server listens on.

use std::net::{SocketAddr, ToSocketAddrs as _};

use crate::net::{ListenAddress, Listener};
use crate::server::error::StartError;

/// Binds an address, which beyond loopback takes leave to speak without TLS.
pub(crate) fn bind(text: &str, allow_plaintext: bool) -> Result<Listener, StartError> {
    let address = parse(text)?;
    if let ListenAddress::Tcp(address) = &address
        && !address.ip().to_canonical().is_loopback()
        && !allow_plaintext
    {
        return Err(StartError::Plaintext {
            address: text.into(),
        });
    }
    Listener::bind(&address).map_err(|source| StartError::Listen {
        address: text.into(),
        source,
    })
}

/// Raises the limit of open files as far as it goes, and returns it.
pub(crate) fn raise_open_file_limit() -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: maximum,
            maximum,
        },
    );
    let limit = if raised.is_ok() { maximum } else { current };
    limit
        .and_then(|limit| usize::try_from(limit).ok())
        .unwrap_or(usize::MAX)
}

/// Files beside the connections: database, listeners, pollers, logs, and what libraries open.
pub(crate) const RESERVED_FILES: usize = 128;

fn parse(text: &str) -> Result<ListenAddress, StartError> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    // A name, as in localhost:8080: its first address.
    let address: Option<SocketAddr> = text.to_socket_addrs().ok().and_then(|mut all| all.next());
    let address = address.ok_or_else(|| StartError::BadAddress {
        address: text.into(),
    })?;
    Ok(ListenAddress::Tcp(address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_loopback_takes_leave() {
        for text in ["0.0.0.0:0", "[::]:0"] {
            let refused = bind(text, false);
            assert!(
                matches!(refused, Err(StartError::Plaintext { .. })),
                "{text}"
            );
        }
        assert!(bind("0.0.0.0:0", true).is_ok());
        assert!(bind("127.0.0.1:0", false).is_ok());
    }

    #[test]
    fn what_is_no_address_is_named() {
        let error = bind("somewhere", false).unwrap_err().to_string();
        assert!(error.contains("somewhere"), "{error}");
    }
}
