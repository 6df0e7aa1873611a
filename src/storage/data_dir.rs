//! The directory that holds all of a server's data, and belongs to one process at a time.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use rand::Rng as _;

use crate::storage::error::{FileAttempt, StorageError};

/// A locked data directory.
///
/// The lock is held until this value, all its clones and all [logs](super::Log) opened in it are
/// gone.
#[derive(Clone, Debug)]
pub struct DataDir {
    path: PathBuf,
    /// The kernel drops the lock with the last descriptor, however the process ends.
    _lock: Arc<File>,
}

impl DataDir {
    /// Opens the directory, which is made, for its owner only, if there is none, and locks it.
    ///
    /// # Errors
    /// [`StorageError::InUse`] if another process has locked it, and [`StorageError::File`].
    pub fn open(path: &Path) -> Result<Self, StorageError> {
        let lock = open_lock(path)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self::locked(path, lock)),
            Err(TryLockError::WouldBlock) => Err(StorageError::InUse { path: path.into() }),
            Err(TryLockError::Error(error)) => Err(not_locked(path, &error)),
        }
    }

    /// Opens the directory as [`open`](Self::open) does, and waits that long for another process to
    /// be through with it.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_within(path: &Path, patience: Duration) -> Result<Self, StorageError> {
        match Self::open(path) {
            Err(StorageError::InUse { .. }) => {}
            opened => return opened,
        }
        let lock = open_lock(path)?;
        let (sender, locked) = mpsc::sync_channel(1);
        let wait = move || {
            // Where nobody waits any more, the lock goes with the file.
            let _ = sender.send(lock.lock().map(|()| lock));
        };
        thread::Builder::new()
            .name("chinwag-lock".to_owned())
            .spawn(wait)
            .map_err(|error| not_locked(path, &error))?;
        match locked.recv_timeout(patience) {
            Ok(Ok(lock)) => Ok(Self::locked(path, lock)),
            Ok(Err(error)) => Err(not_locked(path, &error)),
            Err(_) => Err(StorageError::InUse { path: path.into() }),
        }
    }

    fn locked(path: &Path, lock: File) -> Self {
        Self {
            path: path.to_owned(),
            _lock: Arc::new(lock),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the 32 random bytes in the file `name`, which is made, for its owner only, if there
    /// is none.
    ///
    /// # Errors
    /// [`StorageError::SecretDamaged`] if the file holds anything else, which is left as it is,
    /// and [`StorageError::File`].
    pub fn secret(&self, name: &str) -> Result<[u8; 32], StorageError> {
        let path = self.path.join(name);
        match File::open(&path) {
            Ok(file) => read_secret(&file, &path),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let mut secret = [0; 32];
                rand::rng().fill_bytes(&mut secret);
                self.write_private(name, &secret)?;
                Ok(secret)
            }
            Err(error) => Err(StorageError::file(FileAttempt::Read, &path, &error)),
        }
    }

    /// Reads a file for its owner only; `None`: there is none.
    ///
    /// # Errors
    /// [`StorageError::File`].
    pub fn read_private(&self, name: &str) -> Result<Option<Vec<u8>>, StorageError> {
        let path = self.path.join(name);
        let read = || -> io::Result<Vec<u8>> {
            let mut file = File::open(&path)?;
            close_to_others(&file, &path)?;
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        match read() {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StorageError::file(FileAttempt::Read, &path, &error)),
        }
    }

    /// Makes a file for its owner only, in place of one that may be there. It appears with all of
    /// its content, or not at all, even if power fails.
    ///
    /// # Errors
    /// [`StorageError::File`].
    pub fn write_private(&self, name: &str, content: &[u8]) -> Result<(), StorageError> {
        let path = self.path.join(name);
        let unfinished_path = self.path.join(format!("{name}.new"));
        let write = || {
            let mut file = create_private(&unfinished_path)?;
            file.write_all(content)?;
            file.sync_all()?;
            fs::rename(&unfinished_path, &path)?;
            self.sync()
        };
        write().map_err(|error| StorageError::file(FileAttempt::Write, &path, &error))
    }

    /// Makes what was created, renamed and removed in the directory durable.
    pub(super) fn sync(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }
}

/// Opens the file that is to be locked, in a directory that is made if there is none.
fn open_lock(path: &Path) -> Result<File, StorageError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|error| StorageError::file(FileAttempt::CreateDirectory, path, &error))?;
    let path = path.join(LOCK_NAME);
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(|error| StorageError::file(FileAttempt::Write, &path, &error))
}

fn not_locked(path: &Path, error: &io::Error) -> StorageError {
    StorageError::file(FileAttempt::Lock, &path.join(LOCK_NAME), error)
}

/// Makes an empty file for its owner only, in place of what an interrupted attempt left there.
pub(super) fn create_private(path: &Path) -> io::Result<File> {
    remove_remains(path)?;
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

/// Removes what an interrupted attempt may have left.
pub(super) fn remove_remains(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn read_secret(file: &File, path: &Path) -> Result<[u8; 32], StorageError> {
    let read = || {
        let mut bytes = Vec::new();
        // One byte more than a secret has shows that there is too much.
        file.take(33).read_to_end(&mut bytes)?;
        close_to_others(file, path)?;
        Ok(bytes)
    };
    read()
        .map_err(|error| StorageError::file(FileAttempt::Read, path, &error))?
        .try_into()
        .map_err(|_| StorageError::SecretDamaged { path: path.into() })
}

/// A copy from a backup may have come back readable for everyone.
fn close_to_others(file: &File, path: &Path) -> io::Result<()> {
    if file.metadata()?.permissions().mode() & 0o077 != 0 {
        tracing::warn!(path = %path.display(), "a file of keys was open to others");
        file.set_permissions(Permissions::from_mode(0o600))?;
    }
    Ok(())
}

/// Locked while a server runs, or `chinwag user` in its place; stays when it ends, as removing it would race with the next one.
const LOCK_NAME: &str = "chinwag.lock";
