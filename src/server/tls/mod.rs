//! As whom the server speaks TLS: certificates that are given to it, or one of its own.

mod error;
mod self_signed;

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use crate::chat::Timestamp;
use crate::net::{TlsAcceptor, TlsIdentity};
use crate::server::clock;
use crate::server::config::TlsConfig;
use crate::storage::DataDir;

pub use error::CertificateError;

/// What connections are accepted with, and where that comes from.
#[derive(Debug)]
pub(crate) struct Certificates {
    source: Source,
    identity: TlsIdentity,
    acceptor: TlsAcceptor,
}

#[derive(Clone, Debug)]
enum Source {
    Files {
        chain: PathBuf,
        key: PathBuf,
    },
    /// Made here, and kept in the data directory if there is one.
    SelfSigned(Option<DataDir>),
}

impl Certificates {
    /// Does as the configuration says; `None`: without TLS.
    ///
    /// # Errors
    /// The first thing that keeps a certificate from being used.
    pub(crate) fn open(
        config: &TlsConfig,
        data_dir: Option<&DataDir>,
        now: Timestamp,
    ) -> Result<Option<Self>, CertificateError> {
        if !config.is_on() {
            return Ok(None);
        }
        let source = if config.self_signed {
            Source::SelfSigned(data_dir.cloned())
        } else {
            Source::Files {
                chain: config.cert.clone(),
                key: config.key.clone(),
            }
        };
        let identity = source.load(now)?;
        let acceptor =
            TlsAcceptor::new(identity.clone()).map_err(|_| CertificateError::NoRandomness)?;
        Ok(Some(Self {
            source,
            identity,
            acceptor,
        }))
    }

    pub(crate) fn acceptor(&self) -> &TlsAcceptor {
        &self.acceptor
    }

    /// Looks again for what to use, after the files have changed, or time has passed.
    ///
    /// # Errors
    /// What is there now can't be used; what was used before stays.
    pub(crate) fn renew(&mut self, now: Timestamp) -> Result<(), CertificateError> {
        self.identity = self.source.load(now)?;
        self.acceptor = self.acceptor.with_identity(self.identity.clone());
        Ok(())
    }

    /// Whether a certificate of our own has to be made anew soon.
    pub(crate) fn is_due(&self, now: Timestamp) -> bool {
        let is_own = matches!(self.source, Source::SelfSigned(_));
        is_own && self_signed::is_due(&self.identity, since_epoch(now))
    }

    /// What tells whoever has to trust a certificate of our own that it is this one.
    pub(crate) fn fingerprint(&self) -> Option<String> {
        if !matches!(self.source, Source::SelfSigned(_)) {
            return None;
        }
        let digest = Sha256::digest(self.identity.certificate());
        let bytes: Vec<String> = digest.iter().map(|byte| format!("{byte:02X}")).collect();
        Some(bytes.join(":"))
    }
}

/// Says whether the files that a configuration names can be used now.
///
/// # Errors
/// As at start.
pub fn check_certificates(config: &TlsConfig) -> Result<(), CertificateError> {
    if config.is_on() && !config.self_signed {
        load_files(&config.cert, &config.key, since_epoch(clock::now()))?;
    }
    Ok(())
}

impl Source {
    fn load(&self, now: Timestamp) -> Result<TlsIdentity, CertificateError> {
        let now = since_epoch(now);
        match self {
            Self::Files { chain, key } => load_files(chain, key, now),
            Self::SelfSigned(Some(data_dir)) => self_signed::load_or_make(data_dir, now),
            Self::SelfSigned(None) => Ok(self_signed::make(now)?.0),
        }
    }
}

fn load_files(chain: &Path, key: &Path, now: Duration) -> Result<TlsIdentity, CertificateError> {
    let read = |path: &Path| {
        read_file(path).map_err(|source| CertificateError::Unreadable {
            path: path.into(),
            source,
        })
    };
    let (chain_pem, key_pem) = (read(chain)?, read(key)?);
    warn_if_open_to_all(key);
    let identity = TlsIdentity::from_pem(&chain_pem, &key_pem);
    let identity = identity.and_then(|identity| {
        identity.check_validity(now)?;
        Ok(identity)
    });
    identity.map_err(|source| CertificateError::Unusable {
        path: if source.is_about_key() { key } else { chain }.into(),
        source,
    })
}

/// Reads a file that is no longer than any certificates are, as `/dev/zero` is.
fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(MAX_FILE_LEN)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn warn_if_open_to_all(key: &Path) {
    let is_open = fs::metadata(key).is_ok_and(|file| file.permissions().mode() & 0o004 != 0);
    if is_open {
        tracing::warn!(path = %key.display(), "everyone on this machine can read the private key");
    }
}

fn since_epoch(now: Timestamp) -> Duration {
    Duration::from_millis(u64::try_from(now.0).unwrap_or(0))
}

/// A hundred certificates of the largest kind.
const MAX_FILE_LEN: u64 = 1 << 20;
