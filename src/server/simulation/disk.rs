//! The data directories of a run: each life of the server has its own, made of what the last one left.

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::storage::{DataDir, Log};

/// Files of one run, which go with it.
#[derive(Debug)]
pub(super) struct Disk {
    dir: TempDir,
    life: u32,
}

impl Disk {
    /// With a new database.
    pub(super) fn new() -> Self {
        let this = Self {
            dir: temporary(),
            life: 0,
        };
        fs::create_dir(this.path()).unwrap();
        TEMPLATE.with_borrow_mut(|template| {
            let template = template.get_or_insert_with(new_database);
            fs::write(this.path().join(DATABASE_NAME), template).unwrap();
        });
        this
    }

    /// Where the server's data is in this life.
    pub(super) fn path(&self) -> PathBuf {
        self.dir.path().join(self.life.to_string())
    }

    /// Kills the process that wrote there: what it had written is there in its next life, and
    /// nothing else. To be called while it lives, as it tidies up when it ends in peace.
    pub(super) fn crash(&mut self, loses_written: bool) {
        let before = self.path();
        self.life += 1;
        let after = self.path();
        fs::create_dir(&after).unwrap();
        for suffix in ["", "-wal"] {
            let name = format!("{DATABASE_NAME}{suffix}");
            let is_lost = loses_written && !suffix.is_empty();
            if !is_lost && before.join(&name).exists() {
                fs::copy(before.join(&name), after.join(&name)).unwrap();
            }
        }
    }

    /// Puts back what was there at the beginning of it all, to be called when nobody uses it.
    pub(super) fn set_back(&self) {
        let path = self.path().join(DATABASE_NAME);
        TEMPLATE.with_borrow(|template| {
            let template = template.as_ref().expect("made with the first disk");
            fs::write(path, template).unwrap();
        });
    }

    /// Removes what the life before this one has left.
    pub(super) fn clean(&self) {
        if let Some(before) = self.life.checked_sub(1) {
            let _ = fs::remove_dir_all(self.dir.path().join(before.to_string()));
        }
    }
}

/// Where syncs cost nothing, if there is such a place.
fn temporary() -> TempDir {
    let in_memory = Path::new("/dev/shm");
    if in_memory.is_dir() {
        tempfile::tempdir_in(in_memory).unwrap()
    } else {
        tempfile::tempdir().unwrap()
    }
}

/// The bytes of a database that was just made: to write them is faster than to make one.
fn new_database() -> Vec<u8> {
    let dir = temporary();
    let log = Log::open(&DataDir::open(dir.path()).unwrap()).unwrap();
    log.close();
    fs::read(dir.path().join(DATABASE_NAME)).unwrap()
}

thread_local! {
    static TEMPLATE: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

const DATABASE_NAME: &str = "chinwag.db";
