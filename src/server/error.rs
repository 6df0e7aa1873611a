//! Why the server does not start.

use std::path::PathBuf;
use std::{fmt, io};

use crate::server::tls::CertificateError;
use crate::storage::StorageError;

/// What keeps a server from starting; its `Display` is the line that its owner sees.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// The data directory or the database is of no use.
    Storage(StorageError),
    /// There is no certificate to speak TLS with.
    Certificate(CertificateError),
    /// The settings of TLS contradict each other.
    TlsSettings(&'static str),
    /// An address is none.
    BadAddress {
        /// As it was given.
        address: String,
    },
    /// An address is beyond loopback, where everyone could read along.
    Plaintext {
        /// Which.
        address: String,
    },
    /// An address cannot be listened on.
    Listen {
        /// Which.
        address: String,
        /// Why, as the system says.
        source: io::Error,
    },
    /// What a service manager passed is no socket to listen on.
    BadSocket {
        /// What it is called.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// What a service manager passed is neither called `web`, `line` or `admin`, nor bound to an
    /// address that is configured.
    UnknownSocket {
        /// What it is called.
        name: String,
        /// What it is bound to.
        address: String,
    },
    /// The server that uses the data directory does not hand over.
    TakeOver {
        /// The data directory.
        path: PathBuf,
        /// Why, as the system says.
        source: io::Error,
    },
    /// What uses the data directory is no server that hands over.
    NobodyHandsOver {
        /// The data directory.
        path: PathBuf,
        /// Where a server would answer.
        socket: PathBuf,
    },
    /// A thread or a signal handler cannot be made.
    System {
        /// What was to be made.
        what: &'static str,
        /// Why, as the system says.
        source: io::Error,
    },
}

impl From<StorageError> for StartError {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}

impl From<CertificateError> for StartError {
    fn from(error: CertificateError) -> Self {
        Self::Certificate(error)
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Storage(error) => error.fmt(f),
            Self::Certificate(error) => error.fmt(f),
            Self::TlsSettings(reason) => f.write_str(reason),
            Self::BadAddress { address } => {
                write!(
                    f,
                    "cannot listen on {address}: it is neither IP:PORT nor unix:PATH"
                )
            }
            Self::Plaintext { address } => write!(
                f,
                "cannot listen on {address}: it is beyond loopback, and without TLS everyone on \
                 the way can read and change all that is said; give --tls-cert and --tls-key, or \
                 --tls-self-signed, or allow it with --allow-plaintext"
            ),
            Self::Listen { address, source } => write!(f, "cannot listen on {address}: {source}"),
            Self::BadSocket { name, source } => {
                write!(
                    f,
                    "cannot listen on the socket {name} that was passed: {source}"
                )
            }
            Self::UnknownSocket { name, address } => write!(
                f,
                "cannot listen on the socket {name} that was passed: it is called neither web, \
                 line nor admin, and {address} is not configured"
            ),
            Self::TakeOver { path, source } => write!(
                f,
                "cannot take over from the server on {}: {source}",
                path.display()
            ),
            Self::NobodyHandsOver { path, socket } => write!(
                f,
                "cannot take over the data directory {}: another chinwag uses it, and nobody answers \
                 at {}",
                path.display(),
                socket.display()
            ),
            Self::System { what, source } => write!(f, "cannot start {what}: {source}"),
        }
    }
}

impl std::error::Error for StartError {}
