//! When data is opened, when it is refused, and what a refusal leaves behind.

#![cfg(feature = "server")]
#![expect(
    clippy::unwrap_used,
    reason = "what helpers of tests cannot do fails the test"
)]

use std::fs::{self, File, Permissions};
use std::io::{ErrorKind, Seek, SeekFrom, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use chinwag::storage::{DataDir, Log, Refusal, StorageError};
use rusqlite::Connection;
use tempfile::TempDir;

#[test]
fn data_is_made_for_its_owner_only() {
    let temporary = TempDir::new().unwrap();
    let path = temporary.path().join("a/b");
    let dir = DataDir::open(&path).unwrap();
    let log = Log::open(&dir).unwrap();
    dir.secret("token.key").unwrap();
    assert_eq!(mode(&path), 0o700);
    assert_eq!(mode(&temporary.path().join("a")), 0o700);
    let mut names = names_in(&path);
    names.retain(|name| mode(&path.join(name)) != 0o600);
    assert!(names.is_empty(), "{names:?}");
    log.close();
    assert_eq!(names_in(&path), ["chinwag.db", "chinwag.lock", "token.key"]);
}

#[test]
fn directory_belongs_to_one_process_until_all_that_use_it_are_gone() {
    let temporary = TempDir::new().unwrap();
    let path = temporary.path();
    let in_use = || StorageError::InUse { path: path.into() };
    let dir = DataDir::open(path).unwrap();
    assert_eq!(DataDir::open(path).unwrap_err(), in_use());
    let log = Log::open(&dir).unwrap();
    drop(dir);
    assert_eq!(DataDir::open(path).unwrap_err(), in_use());
    drop(log);
    assert!(DataDir::open(path).is_ok());
}

#[test]
fn directory_that_is_in_use_is_waited_for() {
    let temporary = TempDir::new().unwrap();
    let path = temporary.path();
    let dir = DataDir::open(path).unwrap();
    let refused = DataDir::open_within(path, Duration::from_millis(1)).unwrap_err();
    let text = format!(
        "cannot use the data directory {}: another chinwag uses it",
        path.display()
    );
    assert_eq!(refused.to_string(), text);
    thread::scope(|scope| {
        let next = scope.spawn(|| DataDir::open_within(path, Duration::from_secs(20)));
        drop(dir);
        assert!(next.join().unwrap().is_ok());
    });
}

#[test]
fn directory_that_cannot_be_made_is_refused() {
    let temporary = TempDir::new().unwrap();
    let file = temporary.path().join("file");
    File::create(&file).unwrap();
    let path = file.join("data");
    let error = DataDir::open(&path).unwrap_err();
    let text = format!(
        "cannot create the data directory {}: {}",
        path.display(),
        ErrorKind::NotADirectory
    );
    assert_eq!(error.to_string(), text);
}

#[test]
fn secrets_differ_by_name_and_stay_the_same() {
    let temporary = TempDir::new().unwrap();
    let dir = DataDir::open(temporary.path()).unwrap();
    let (a, b) = (dir.secret("a").unwrap(), dir.secret("b").unwrap());
    assert_ne!(a, b);
    assert_eq!(fs::read(temporary.path().join("a")).unwrap(), a);
    drop(dir);
    let dir = DataDir::open(temporary.path()).unwrap();
    assert_eq!(dir.secret("a").unwrap(), a);
}

#[test]
fn remains_of_an_interrupted_start_do_no_harm() {
    let temporary = TempDir::new().unwrap();
    let path = temporary.path();
    for name in [
        "key.new",
        "chinwag.db.new",
        "chinwag.db.new-journal",
        "chinwag.db.new-wal",
    ] {
        fs::write(path.join(name), "half of something").unwrap();
    }
    let dir = DataDir::open(path).unwrap();
    dir.secret("key").unwrap();
    Log::open(&dir).unwrap().close();
    assert_eq!(names_in(path), ["chinwag.db", "chinwag.lock", "key"]);
}

#[test]
fn secret_of_another_length_is_refused_and_kept() {
    let temporary = TempDir::new().unwrap();
    let dir = DataDir::open(temporary.path()).unwrap();
    let path = temporary.path().join("key");
    for content in [&[][..], &[7; 31], &[7; 33]] {
        fs::write(&path, content).unwrap();
        let damaged = StorageError::SecretDamaged {
            path: path.clone().into(),
        };
        assert_eq!(dir.secret("key"), Err(damaged));
        assert_eq!(fs::read(&path).unwrap(), content);
    }
}

#[test]
fn secret_that_others_could_read_is_closed_to_them() {
    let temporary = TempDir::new().unwrap();
    let dir = DataDir::open(temporary.path()).unwrap();
    let path = temporary.path().join("key");
    let secret = dir.secret("key").unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    assert_eq!(dir.secret("key").unwrap(), secret);
    assert_eq!(mode(&path), 0o600);
}

#[test]
fn database_of_a_newer_version_is_refused() {
    check_refused("PRAGMA user_version = 1000", |path| {
        StorageError::NewerVersion {
            path,
            version: 1000,
        }
    });
}

#[test]
fn database_of_another_program_is_refused() {
    for sql in ["PRAGMA application_id = 0", "PRAGMA application_id = 1234"] {
        check_refused(sql, refused(Refusal::OtherApplication));
    }
}

#[test]
fn database_that_lacks_tables_or_the_lobby_is_refused() {
    for sql in [
        "DROP TABLE changes",
        "ALTER TABLE messages RENAME TO notes",
        "UPDATE rooms SET key = 'foyer'",
        "PRAGMA user_version = 0",
        "PRAGMA user_version = -1",
    ] {
        check_refused(sql, refused(Refusal::Damaged));
    }
}

#[test]
fn newer_version_in_the_write_ahead_log_is_refused() {
    let (temporary, path) = existing();
    let connection = Connection::open(&path).unwrap();
    connection
        .execute_batch("PRAGMA wal_autocheckpoint = 0; PRAGMA user_version = 1001")
        .unwrap();
    let files = ["chinwag.db", "chinwag.db-wal"];
    let copy = TempDir::new().unwrap();
    for name in files {
        fs::copy(temporary.path().join(name), copy.path().join(name)).unwrap();
    }
    let before = files.map(|name| fs::read(copy.path().join(name)).unwrap());
    let error = open(copy.path()).unwrap_err();
    let path = copy.path().join("chinwag.db").into();
    assert_eq!(
        error,
        StorageError::NewerVersion {
            path,
            version: 1001
        }
    );
    let after = files.map(|name| fs::read(copy.path().join(name)).unwrap());
    assert!(before == after, "files are left as they were");
}

#[test]
fn damaged_database_is_refused() {
    for damage in [
        |file: &mut File| file.set_len(0),
        |file: &mut File| file.set_len(99),
        |file: &mut File| file.set_len(4096),
        |file: &mut File| file.write_all(b"SQLite format 4"),
        |file: &mut File| file.write_all(&[0x55; 4096]),
        // The table of tables, the header kept.
        |file: &mut File| {
            file.seek(SeekFrom::Start(100))?;
            file.write_all(&[0x55; 3996])
        },
    ] {
        let (temporary, path) = existing();
        let mut file = File::options().write(true).open(&path).unwrap();
        damage(&mut file).unwrap();
        check_refused_as_it_is(temporary.path(), &refused(Refusal::Damaged)(path.into()));
    }
}

#[test]
fn database_that_is_gone_while_its_log_is_there_is_refused() {
    let temporary = TempDir::new().unwrap();
    let wal = temporary.path().join("chinwag.db-wal");
    fs::write(&wal, "frames").unwrap();
    let path: PathBuf = temporary.path().join("chinwag.db");
    let error = open(temporary.path()).unwrap_err();
    assert_eq!(error, refused(Refusal::Missing)(path.clone().into()));
    assert!(!path.exists() && wal.exists());
}

#[test]
fn database_that_another_program_keeps_locked_is_refused() {
    for sql in [
        "PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE",
        "BEGIN IMMEDIATE",
    ] {
        let (temporary, path) = existing();
        let other = Connection::open(&path).unwrap();
        other.execute_batch(sql).unwrap();
        let error = open(temporary.path()).unwrap_err();
        assert_eq!(error, refused(Refusal::Locked)(path.into()), "{sql}");
    }
}

#[test]
fn database_without_write_ahead_log_gets_one() {
    let (temporary, path) = existing();
    edit(&path, "PRAGMA journal_mode = DELETE");
    let log = open(temporary.path()).unwrap();
    let mode: String = Connection::open(&path)
        .unwrap()
        .pragma_query_value(None, "journal_mode", |row| row.get(0))
        .unwrap();
    assert_eq!(mode, "wal");
    drop(log);
}

fn check_refused(sql: &str, expected: impl Fn(Box<Path>) -> StorageError) {
    let (temporary, path) = existing();
    edit(&path, sql);
    check_refused_as_it_is(temporary.path(), &expected(path.into()));
}

fn check_refused_as_it_is(dir: &Path, expected: &StorageError) {
    let path = dir.join("chinwag.db");
    let before = fs::read(&path).unwrap();
    assert_eq!(open(dir).unwrap_err(), *expected);
    assert!(before == fs::read(&path).unwrap(), "{expected}: changed");
}

fn refused(refusal: Refusal) -> impl Fn(Box<Path>) -> StorageError {
    move |path| StorageError::Database { path, refusal }
}

/// A complete, closed database.
fn existing() -> (TempDir, PathBuf) {
    let temporary = TempDir::new().unwrap();
    open(temporary.path()).unwrap().close();
    let path = temporary.path().join("chinwag.db");
    (temporary, path)
}

fn open(dir: &Path) -> Result<Log, StorageError> {
    Log::open(&DataDir::open(dir)?)
}

fn edit(path: &Path, sql: &str) {
    let connection = Connection::open(path).unwrap();
    connection
        .execute_batch(&format!("PRAGMA foreign_keys = OFF; {sql}"))
        .unwrap();
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn names_in(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}
