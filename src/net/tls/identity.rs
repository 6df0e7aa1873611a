//! Who a server is: its certificate with the ones above it, and its key.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{self, CryptoProvider};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, RootCertStore};

/// A certificate that leads to its authority, and the key that proves it to be one's own.
#[derive(Clone)]
pub struct TlsIdentity {
    certified_key: Arc<CertifiedKey>,
}

/// Why certificate and key are of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsIdentityError {
    /// There is no certificate in PEM form.
    NoCertificate,
    /// What stands there as a certificate is none.
    BadCertificate,
    /// There is no private key in PEM form.
    NoKey,
    /// The key is of a kind that is not supported, or damaged.
    BadKey,
    /// The key is another certificate's.
    KeyMismatch,
    /// The certificate was good once.
    Expired,
    /// The certificate will be good later.
    NotYetValid,
    /// The system gave no random numbers.
    NoRandomness,
}

impl TlsIdentity {
    /// Reads a certificate, followed by those that lead from it to an authority, and its key, both
    /// in PEM form; each may stand among other things.
    ///
    /// # Errors
    ///
    /// All but those about time.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, TlsIdentityError> {
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(chain)
            .collect::<Result<_, _>>()
            .map_err(|_| TlsIdentityError::NoCertificate)?;
        let first = chain.first().ok_or(TlsIdentityError::NoCertificate)?;
        ParsedCertificate::try_from(first).map_err(|_| TlsIdentityError::BadCertificate)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| TlsIdentityError::NoKey)?;
        let certified_key = CertifiedKey::from_der(chain, key, &provider());
        let certified_key = certified_key.map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => TlsIdentityError::KeyMismatch,
            _ => TlsIdentityError::BadKey,
        })?;
        Ok(Self {
            certified_key: Arc::new(certified_key),
        })
    }

    /// Says whether the certificate is good at a time since 1970 (UTC).
    ///
    /// # Errors
    ///
    /// [`TlsIdentityError::Expired`], [`TlsIdentityError::NotYetValid`].
    pub fn check_validity(&self, at: Duration) -> Result<(), TlsIdentityError> {
        let certificate = ParsedCertificate::try_from(&self.certified_key.cert[0])
            .map_err(|_| TlsIdentityError::BadCertificate)?;
        // Verification looks at the time before it looks for an authority, of which there is none
        // here: any other answer means that the time is right.
        let verified = verify_server_cert_signed_by_trust_anchor(
            &certificate,
            &RootCertStore::empty(),
            &[],
            UnixTime::since_unix_epoch(at),
            provider().signature_verification_algorithms.all,
        );
        match verified {
            Err(rustls::Error::InvalidCertificate(
                CertificateError::Expired | CertificateError::ExpiredContext { .. },
            )) => Err(TlsIdentityError::Expired),
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. },
            )) => Err(TlsIdentityError::NotYetValid),
            _ => Ok(()),
        }
    }

    /// The certificate itself, in DER form.
    pub fn certificate(&self) -> &[u8] {
        &self.certified_key.cert[0]
    }

    pub(super) fn into_certified_key(self) -> Arc<CertifiedKey> {
        self.certified_key
    }
}

impl TlsIdentityError {
    /// Whether it is the key that is to blame, not the certificate.
    pub fn is_about_key(self) -> bool {
        matches!(self, Self::NoKey | Self::BadKey | Self::KeyMismatch)
    }
}

fn provider() -> CryptoProvider {
    crypto::aws_lc_rs::default_provider()
}

impl fmt::Display for TlsIdentityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoCertificate => "there is no PEM certificate in it",
            Self::BadCertificate => "what stands there as a certificate is malformed",
            Self::NoKey => "there is no PEM private key in it",
            Self::BadKey => "the private key is damaged, or of a kind that is not supported",
            Self::KeyMismatch => "the private key is another certificate's",
            Self::Expired => "the certificate has expired",
            Self::NotYetValid => "the certificate is not valid yet",
            Self::NoRandomness => "the system gives no random numbers",
        })
    }
}

impl std::error::Error for TlsIdentityError {}

/// Shows nothing of what it holds, among which is a key.
impl fmt::Debug for TlsIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsIdentity").finish_non_exhaustive()
    }
}
