//! How a database is made, judged and brought up to date before it is used.
//!
//! It is judged before anything is written: its header by plain reading, then what its write-ahead
//! log adds by a read-only connection. A new one is made under another name and renamed when it is
//! complete, so that no crash leaves half of one.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use crate::storage::data_dir::{DataDir, create_private, remove_remains};
use crate::storage::database::{Access, Database, DatabaseError, Identity};
use crate::storage::error::{FileAttempt, Refusal, StorageError};
use crate::storage::schema::{APPLICATION_ID, VERSION};

/// Opens the database of a directory for writing.
pub(super) fn open_writer(dir: &DataDir) -> Result<Database, StorageError> {
    let path = dir.path().join(DATABASE_NAME);
    if !exists(&path)? {
        if file_len(&with_suffix(&path, "-wal"))? > 0 {
            return Err(StorageError::database(&path, Refusal::Missing));
        }
        create(dir, &path)?;
    }
    // Closing a file lets go of all locks that this process has on it, those of the database crate
    // too: so the header is read while no connection is open.
    judge_identity(&path, read_header(&path)?)?;
    judge_content(&path)?;
    let connect = || -> Result<Database, DatabaseError> {
        let mut database = Database::connect(&path, Access::Write)?;
        database.migrate()?;
        // A copy made by other tools may have come without one.
        database.keep_write_ahead_log()?;
        // Shows that it can be written.
        drop(database.begin()?);
        Ok(database)
    };
    connect().map_err(|error| error.refuse(&path))
}

/// Opens the database of a directory for reading, while it is open for writing.
pub(super) fn open_reader(dir: &DataDir) -> Result<Database, StorageError> {
    let path = dir.path().join(DATABASE_NAME);
    Database::connect(&path, Access::Read).map_err(|error| error.refuse(&path))
}

/// Makes a new database, in its place only when it is complete and durable.
fn create(dir: &DataDir, path: &Path) -> Result<(), StorageError> {
    let wrote = |error: io::Error| StorageError::file(FileAttempt::Write, path, &error);
    let unfinished_path = with_suffix(path, ".new");
    // What an interrupted attempt left beside it would be applied to the new file.
    for suffix in ["-journal", "-wal"] {
        remove_remains(&with_suffix(&unfinished_path, suffix)).map_err(wrote)?;
    }
    create_private(&unfinished_path).map_err(wrote)?;
    Database::connect(&unfinished_path, Access::Write)
        .and_then(|mut database| database.set_up())
        .map_err(|error| error.refuse(path))?;
    fs::rename(&unfinished_path, path).map_err(wrote)?;
    dir.sync().map_err(wrote)
}

/// Reads who wrote a database without leaving a trace: a connection may make files beside it.
fn read_header(path: &Path) -> Result<Identity, StorageError> {
    let mut header = [0; HEADER_LEN];
    match File::open(path).and_then(|mut file| file.read_exact(&mut header)) {
        Ok(()) if header.starts_with(MAGIC) => {
            let number = |at: usize| {
                i32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
            };
            Ok(Identity {
                application: number(APPLICATION_ID_AT),
                version: number(USER_VERSION_AT),
            })
        }
        Err(error) if error.kind() != ErrorKind::UnexpectedEof => {
            Err(StorageError::file(FileAttempt::Read, path, &error))
        }
        Ok(()) | Err(_) => Err(StorageError::database(path, Refusal::Damaged)),
    }
}

/// Judges what is seen with the write-ahead log: who wrote it, and whether the first pages of each
/// table are readable. To scan all of it may take minutes.
fn judge_content(path: &Path) -> Result<(), StorageError> {
    let look = || -> Result<(Identity, bool), DatabaseError> {
        let database = Database::connect(path, Access::Read)?;
        Ok((database.identity()?, database.look()?))
    };
    let (identity, has_lobby) = look().map_err(|error| error.refuse(path))?;
    judge_identity(path, identity)?;
    if has_lobby {
        Ok(())
    } else {
        Err(StorageError::database(path, Refusal::Damaged))
    }
}

fn judge_identity(path: &Path, identity: Identity) -> Result<(), StorageError> {
    let version = identity.version;
    if identity.application != APPLICATION_ID {
        Err(StorageError::database(path, Refusal::OtherApplication))
    } else if version > VERSION {
        let path = path.into();
        Err(StorageError::NewerVersion { path, version })
    } else if version < 1 {
        Err(StorageError::database(path, Refusal::Damaged))
    } else {
        Ok(())
    }
}

fn exists(path: &Path) -> Result<bool, StorageError> {
    path.try_exists()
        .map_err(|error| StorageError::file(FileAttempt::Read, path, &error))
}

/// The length of a file; 0 if there is none.
fn file_len(path: &Path) -> Result<u64, StorageError> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(metadata.len()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(0),
        Err(error) => Err(StorageError::file(FileAttempt::Read, path, &error)),
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

const DATABASE_NAME: &str = "chinwag.db";

/// How a database begins, and where it says who wrote it.
/// <https://www.sqlite.org/fileformat2.html#the_database_header>
const MAGIC: &[u8] = b"SQLite format 3\0";
const USER_VERSION_AT: usize = 60;
const APPLICATION_ID_AT: usize = 68;
const HEADER_LEN: usize = 100;
