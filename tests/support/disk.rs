//! A disk that misbehaves on command, under a program that is started with [`DiskFaults::env`].

use std::fs::{self, File};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Faults in the database files of the programs under it; dropping it lets go of what it holds.
///
/// A held sync shows that something waits for it: [`wait_until_held`](Self::wait_until_held).
#[derive(Debug)]
pub(crate) struct DiskFaults {
    dir: PathBuf,
    library: PathBuf,
    hold: File,
    held: UnixDatagram,
}

impl DiskFaults {
    /// `dir` is an existing directory for the shim and its control files, with a short path (sockets' paths end at 108 bytes), not the one of the data.
    pub(crate) fn new(dir: &Path) -> Self {
        let library = compile_shim("disk_shim", dir);
        let held = UnixDatagram::bind(dir.join("held")).expect("the path is short");
        held.set_read_timeout(Some(PATIENCE)).expect("not zero");
        Self {
            hold: File::create(dir.join("hold")).expect("the directory is writable"),
            held,
            library,
            dir: dir.to_owned(),
        }
    }

    /// What the program needs in its environment.
    pub(crate) fn env(&self) -> Vec<(String, String)> {
        let text = |path: &Path| path.to_str().expect("test paths are UTF-8").to_owned();
        vec![
            ("LD_PRELOAD".to_owned(), text(&self.library)),
            ("DISK_FAULTS_DIR".to_owned(), text(&self.dir)),
            ("DISK_FAULTS_MARKER".to_owned(), "chinwag.db".to_owned()),
        ]
    }

    /// From now on, no sync comes back.
    pub(crate) fn hold_sync(&self) {
        self.hold.lock().expect("a sync is not held for long");
    }

    /// Lets all held syncs through, and those to come.
    pub(crate) fn release_sync(&self) {
        self.hold.unlock().expect("unlocking does not fail");
    }

    /// Waits until the program asks for a sync that is held; once for each of them.
    pub(crate) fn wait_until_held(&self) {
        let mut byte = [0];
        self.held.recv(&mut byte).expect("a sync comes");
    }

    /// Makes syncs fail, or lets them succeed.
    pub(crate) fn fail_sync(&self, is_failing: bool) {
        self.set("fail", is_failing);
    }

    /// Takes all room from the disk, or gives it back.
    pub(crate) fn fill_disk(&self, is_full: bool) {
        self.set("full", is_full);
    }

    fn set(&self, name: &str, is_on: bool) {
        let path = self.dir.join(name);
        if is_on {
            File::create(path).expect("the directory is writable");
        } else if path.exists() {
            fs::remove_file(path).expect("the directory is writable");
        }
    }
}

/// Compiles `tests/NAME.c` with `cc` to a library in `dir`, to be preloaded into a program.
pub(crate) fn compile_shim(name: &str, dir: &Path) -> PathBuf {
    let library = dir.join(name).with_extension("so");
    let status = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-Wall", "-o"])
        .arg(&library)
        .arg(format!("{}/tests/{name}.c", env!("CARGO_MANIFEST_DIR")))
        .arg("-ldl")
        .status()
        .expect("cc is there: the bundled database was compiled by it");
    assert!(status.success(), "{name} compiles");
    library
}

/// Long enough for the slowest machine; waiting that long fails a test.
const PATIENCE: Duration = Duration::from_secs(30);
