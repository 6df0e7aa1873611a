//! A certificate of the server's own making, for where no authority gives one.
//!
//! Nobody trusts it but who compares its fingerprint; so it is kept, with its key, in the data
//! directory, and made anew only when it is about to expire.

use std::time::Duration;

use rcgen::{
    CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose, date_time_ymd,
};

use crate::net::{TlsIdentity, TlsIdentityError};
use crate::server::tls::CertificateError;
use crate::storage::DataDir;

/// Takes the certificate that is kept, or makes one and keeps it.
pub(super) fn load_or_make(
    data_dir: &DataDir,
    now: Duration,
) -> Result<TlsIdentity, CertificateError> {
    if let Some(pem) = data_dir.read_private(FILE_NAME)? {
        let identity = TlsIdentity::from_pem(&pem, &pem).map_err(|source| {
            let path = data_dir.path().join(FILE_NAME);
            CertificateError::Unusable { path, source }
        })?;
        if !is_due(&identity, now) {
            return Ok(identity);
        }
    }
    let (identity, pem) = make(now)?;
    data_dir.write_private(FILE_NAME, pem.as_bytes())?;
    Ok(identity)
}

/// Whether it will have expired soon.
pub(super) fn is_due(identity: &TlsIdentity, now: Duration) -> bool {
    identity.check_validity(now + RENEWAL_MARGIN) == Err(TlsIdentityError::Expired)
}

/// Makes a certificate; returns it with its key in PEM form too.
pub(super) fn make(now: Duration) -> Result<(TlsIdentity, String), CertificateError> {
    let made = || {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(names())?;
        let epoch = date_time_ymd(1970, 1, 1);
        params.not_before = epoch + now.saturating_sub(CLOCK_TOLERANCE);
        params.not_after = epoch + now + LIFETIME;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let subject = &mut params.distinguished_name;
        subject.push(DnType::CommonName, "chinwag (self-signed)");
        Ok(params.self_signed(&key)?.pem() + &key.serialize_pem())
    };
    let pem = made().map_err(|_: rcgen::Error| CertificateError::NotMade)?;
    let identity = TlsIdentity::from_pem(pem.as_bytes(), pem.as_bytes());
    Ok((identity.map_err(|_| CertificateError::NotMade)?, pem))
}

/// How this machine is called.
fn names() -> Vec<String> {
    let mut names: Vec<String> = ["localhost", "127.0.0.1", "::1"].map(String::from).into();
    let host = rustix::system::uname();
    let host = host.nodename().to_str().unwrap_or_default();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-".contains(&byte);
    if !host.is_empty() && host != "localhost" && host.bytes().all(is_plain) {
        names.push(host.to_ascii_lowercase());
    }
    names
}

/// Certificate and key in one file, so that they are always of one make.
const FILE_NAME: &str = "tls-self-signed.pem";

/// As long as browsers take a certificate for, which is 398 days.
const LIFETIME: Duration = Duration::from_secs(397 * 24 * 3600);

/// Made anew when it has so much left: time enough for people to look at the new fingerprint.
const RENEWAL_MARGIN: Duration = Duration::from_secs(30 * 24 * 3600);

/// Clocks of other machines may be behind.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(24 * 3600);

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 3600);
    const NOW: Duration = Duration::from_secs(1_800_000_000);

    #[test]
    fn certificate_is_kept_until_it_is_about_to_expire() {
        let directory = tempfile::tempdir().unwrap();
        let data_dir = DataDir::open(directory.path()).unwrap();
        let load = |now| {
            let identity = load_or_make(&data_dir, now).unwrap();
            identity.certificate().to_vec()
        };
        let first = load(NOW);
        assert_eq!(load(NOW + 366 * DAY), first);
        let second = load(NOW + 368 * DAY);
        assert_ne!(second, first);
        assert_eq!(load(NOW + 500 * DAY), second);
    }

    #[test]
    fn file_is_for_its_owner_alone_and_named_when_it_is_damaged() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().unwrap();
        let data_dir = DataDir::open(directory.path()).unwrap();
        load_or_make(&data_dir, NOW).unwrap();
        let path = directory.path().join(FILE_NAME);
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        std::fs::write(&path, "nothing").unwrap();
        let error = load_or_make(&data_dir, NOW).unwrap_err().to_string();
        assert!(error.contains(FILE_NAME), "{error}");
    }
}
