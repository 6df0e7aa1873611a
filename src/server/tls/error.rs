//! Why a certificate can't be used.

use std::path::PathBuf;
use std::{fmt, io};

use crate::net::TlsIdentityError;
use crate::storage::StorageError;

/// What keeps the server from speaking TLS as it should; its `Display` names the file.
#[derive(Debug)]
#[non_exhaustive]
pub enum CertificateError {
    /// A file can't be read.
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why, as the system says.
        source: io::Error,
    },
    /// What is in a file is of no use.
    Unusable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: TlsIdentityError,
    },
    /// The server's own certificate can't be kept.
    Storage(StorageError),
    /// The server's own certificate can't be made.
    NotMade,
    /// The system gives no random numbers.
    NoRandomness,
}

impl From<StorageError> for CertificateError {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { path, source } => {
                write!(f, "cannot read {} for TLS: {source}", path.display())
            }
            Self::Unusable { path, source } => {
                write!(f, "cannot use {} for TLS: {source}", path.display())
            }
            Self::Storage(error) => error.fmt(f),
            Self::NotMade => f.write_str("cannot make a certificate for TLS"),
            Self::NoRandomness => {
                f.write_str("cannot make keys for TLS: the system gives no random numbers")
            }
        }
    }
}

impl std::error::Error for CertificateError {}
