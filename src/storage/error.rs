//! Why the data directory or the database in it cannot be used.

use std::error::Error;
use std::path::Path;
use std::{fmt, io};

use crate::storage::schema::VERSION;

/// What keeps a server from starting on its data; nothing was changed.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum StorageError {
    /// The operating system refused something.
    File {
        /// What was attempted.
        attempt: FileAttempt,
        /// On what.
        path: Box<Path>,
        /// Why it failed.
        kind: io::ErrorKind,
    },
    /// Another process uses this directory: a server, or somebody who changes accounts.
    InUse {
        /// The directory.
        path: Box<Path>,
    },
    /// A file of keys holds something else.
    SecretDamaged {
        /// The file.
        path: Box<Path>,
    },
    /// The database was written by a newer program.
    NewerVersion {
        /// The database.
        path: Box<Path>,
        /// The version of its schema.
        version: i32,
    },
    /// The database cannot be used as it is.
    Database {
        /// The database.
        path: Box<Path>,
        /// Why.
        refusal: Refusal,
    },
}

/// What is attempted with files.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum FileAttempt {
    /// Creating a directory.
    CreateDirectory,
    /// Locking a directory.
    Lock,
    /// Reading a file.
    Read,
    /// Writing a file.
    Write,
}

/// Why a database is refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Refusal {
    /// It belongs to another program.
    OtherApplication,
    /// It is not a database, or parts of it are missing or broken.
    Damaged,
    /// It is gone, but the newest commits are still there, in its write-ahead log.
    Missing,
    /// Another program keeps it locked.
    Locked,
    /// It may not be written.
    ReadOnly,
    /// There is no room left.
    DiskFull,
    /// Reading or writing failed.
    DiskFailed,
}

impl StorageError {
    pub(super) fn file(attempt: FileAttempt, path: &Path, error: &io::Error) -> Self {
        Self::File {
            attempt,
            path: path.into(),
            kind: error.kind(),
        }
    }

    pub(super) fn database(path: &Path, refusal: Refusal) -> Self {
        Self::Database {
            path: path.into(),
            refusal,
        }
    }
}

impl fmt::Display for StorageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File {
                attempt,
                path,
                kind,
            } => write!(f, "cannot {attempt} {}: {kind}", path.display()),
            Self::InUse { path } => write!(
                f,
                "cannot use the data directory {}: another chinwag uses it",
                path.display()
            ),
            Self::SecretDamaged { path } => write!(
                f,
                "cannot read the key in {}: it does not hold exactly 32 bytes",
                path.display()
            ),
            Self::NewerVersion { path, version } => write!(
                f,
                "cannot open the database {}: a newer chinwag wrote it, with schema {version}, and \
                 this one knows schemas up to {}",
                path.display(),
                VERSION
            ),
            Self::Database { path, refusal } => {
                write!(f, "cannot open the database {}: {refusal}", path.display())
            }
        }
    }
}

impl Error for StorageError {}

impl fmt::Display for FileAttempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CreateDirectory => "create the data directory",
            Self::Lock => "lock the data directory by",
            Self::Read => "read",
            Self::Write => "write",
        })
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OtherApplication => "it belongs to another program",
            Self::Damaged => "it is damaged or not a database",
            Self::Missing => "it is gone, while its write-ahead log is still there",
            Self::Locked => "another program keeps it locked",
            Self::ReadOnly => "it may not be written",
            Self::DiskFull => "the disk is full",
            Self::DiskFailed => "the disk failed",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_take_at_most_24_bytes() {
        assert!(size_of::<StorageError>() <= 24);
    }

    #[test]
    fn errors_say_what_was_attempted_on_what_and_why_it_failed() {
        let path: Box<Path> = Path::new("/data/x").into();
        for (error, text) in [
            (
                StorageError::file(
                    FileAttempt::CreateDirectory,
                    &path,
                    &io::ErrorKind::PermissionDenied.into(),
                ),
                "cannot create the data directory /data/x: permission denied",
            ),
            (
                StorageError::database(&path, Refusal::Locked),
                "cannot open the database /data/x: another program keeps it locked",
            ),
            (
                StorageError::NewerVersion { path, version: 9 },
                &format!(
                    "cannot open the database /data/x: a newer chinwag wrote it, with schema 9, \
                     and this one knows schemas up to {VERSION}"
                ),
            ),
        ] {
            assert_eq!(error.to_string(), text);
        }
    }
}
