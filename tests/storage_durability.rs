//! What storage promises about the disk, under a disk that misbehaves.
//!
//! The test program starts itself again under the shim, with only [`child`] to run: it appends each
//! line that it reads, and prints what became of it.

#![cfg(feature = "server")]
#![expect(
    clippy::unwrap_used,
    reason = "what helpers of tests cannot do fails the test"
)]

#[path = "support/disk.rs"]
mod disk;
mod storage_support;

use std::env;
use std::io::{BufRead, BufReader, Lines, Write, stdin};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc;

use chinwag::chat::log::{Append, Purpose, Read, Span};
use chinwag::chat::{GuestId, PersonId, RoomName};
use chinwag::storage::{DataDir, Delivery, Log, Reader, Storage};
use disk::DiskFaults;
use storage_support::{decided, party, posted};

#[test]
fn nothing_is_committed_before_its_sync_returns() {
    let (dir, faults) = scratch();
    let mut program = Program::start(dir.path(), &faults);
    assert_eq!(program.append("first"), "Ok(Posted { seq: 1 })");
    faults.hold_sync();
    program.send("second");
    faults.wait_until_held();
    // An answer to a read shows that the program runs, and that nothing came before it: what is
    // not durable cannot be read either.
    assert_eq!(program.ask("?"), "read 1");
    faults.release_sync();
    assert_eq!(program.answer(), "Ok(Posted { seq: 2 })");
    assert_eq!(program.ask("?"), "read 2");
    program.end();
}

#[test]
fn what_waits_during_a_sync_shares_the_next_one() {
    let (dir, faults) = scratch();
    let mut program = Program::start(dir.path(), &faults);
    faults.hold_sync();
    program.send("first");
    faults.wait_until_held();
    for _ in 0..10 {
        program.send("more");
    }
    // All of them are in the queue when the program answers what came after them.
    assert_eq!(program.ask("?"), "read 0");
    faults.release_sync();
    for seq in 1..=11 {
        assert_eq!(program.answer(), format!("Ok(Posted {{ seq: {seq} }})"));
    }
    program.send("#");
    assert_eq!(program.answer(), "2 transactions");
    program.end();
}

#[test]
fn full_disk_is_unavailable_and_heals_with_the_next_append() {
    let (dir, faults) = scratch();
    let mut program = Program::start(dir.path(), &faults);
    assert_eq!(program.append("before"), "Ok(Posted { seq: 1 })");
    faults.fill_disk(true);
    for _ in 0..3 {
        assert_eq!(program.append("during"), "Err(Unavailable)");
    }
    assert_eq!(program.ask("?"), "read 1");
    faults.fill_disk(false);
    assert_eq!(program.append("after"), "Ok(Posted { seq: 2 })");
    assert_eq!(program.ask("?"), "read 2");
    program.end();
    assert_eq!(bodies(dir.path()), ["before", "after"]);
}

#[test]
fn failed_sync_takes_the_batch_back_and_heals_with_the_next_append() {
    let (dir, faults) = scratch();
    let mut program = Program::start(dir.path(), &faults);
    assert_eq!(program.append("before"), "Ok(Posted { seq: 1 })");
    faults.fail_sync(true);
    for _ in 0..3 {
        assert_eq!(program.append("during"), "Err(Unavailable)");
    }
    faults.fail_sync(false);
    assert_eq!(program.append("after"), "Ok(Posted { seq: 2 })");
    program.end();
    assert_eq!(bodies(dir.path()), ["before", "after"]);
}

#[test]
fn batch_whose_sync_failed_is_not_there_after_a_kill() {
    let (dir, faults) = scratch();
    let mut program = Program::start(dir.path(), &faults);
    assert_eq!(program.append("before"), "Ok(Posted { seq: 1 })");
    faults.fail_sync(true);
    assert_eq!(program.append("during"), "Err(Unavailable)");
    program.kill();
    assert_eq!(bodies(dir.path()), ["before"]);
}

#[test]
fn checkpoints_that_fail_lose_nothing() {
    let (dir, faults) = scratch();
    let mut program = Program::start(dir.path(), &faults);
    // More than the 4 MiB after which the write-ahead log is brought into the database.
    let long = "x".repeat(7_999);
    for seq in 1..=200 {
        assert_eq!(
            program.append(&long),
            format!("Ok(Posted {{ seq: {seq} }})")
        );
    }
    for is_full in [true, false] {
        faults.fill_disk(is_full);
        faults.fail_sync(!is_full);
        for _ in 0..10 {
            assert_eq!(program.append(&long), "Err(Unavailable)");
        }
    }
    // The program ends while nothing can be written: its last checkpoint fails.
    program.end();
    faults.fail_sync(false);
    assert_eq!(bodies(dir.path()).len(), 200);
}

#[test]
fn killed_program_loses_nothing_that_it_answered() {
    let (dir, faults) = scratch();
    let mut program = Program::start(dir.path(), &faults);
    assert_eq!(program.append("answered"), "Ok(Posted { seq: 1 })");
    faults.fill_disk(true);
    assert_eq!(program.append("refused"), "Err(Unavailable)");
    program.kill();
    faults.fill_disk(false);
    assert_eq!(bodies(dir.path()), ["answered"]);
}

/// The program under test; a test of its own name that does nothing unless started by another.
#[test]
fn child() {
    let Ok(dir) = env::var(CHILD_DIR) else {
        return;
    };
    let dir = DataDir::open(Path::new(&dir)).unwrap();
    let log = Log::open(&dir).unwrap();
    let reader = Reader::open(&dir).unwrap();
    let (deliver, delivered) = mpsc::channel();
    let storage = Storage::start(log, reader, move |delivery| {
        let (lines, is_commit): (Vec<_>, _) = match delivery {
            Delivery::Committed { batch, .. } => (
                batch.iter().map(|c| format!("{:?}", c.outcome)).collect(),
                true,
            ),
            Delivery::Read(done) => (
                vec![format!("read {}", done.outcome.unwrap().messages.len())],
                false,
            ),
            Delivery::Searched(done) => panic!("{done:?} was not asked"),
        };
        if is_commit {
            deliver.send(()).unwrap();
        }
        for line in lines {
            println!("{PREFIX}{line}");
        }
    })
    .unwrap();
    println!("{PREFIX}ready");
    let handle = storage.handle();
    for line in stdin().lines().map(Result::unwrap) {
        match line.as_str() {
            "?" => handle.try_read(everything()).unwrap(),
            "#" => println!("{PREFIX}{} transactions", delivered.try_iter().count()),
            body => handle.try_append(vec![post(body)]).unwrap(),
        }
    }
    storage.stop();
}

struct Program {
    process: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Program {
    fn start(dir: &Path, faults: &DiskFaults) -> Self {
        let mut process = Command::new(env::current_exe().unwrap())
            .args(["child", "--exact", "--nocapture", "--test-threads=1"])
            .envs(faults.env())
            .env(CHILD_DIR, dir.join("data"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut program = Self {
            input: process.stdin.take().unwrap(),
            output: BufReader::new(process.stdout.take().unwrap()).lines(),
            process,
        };
        assert_eq!(program.answer(), "ready");
        program
    }

    fn append(&mut self, body: &str) -> String {
        self.ask(body)
    }

    fn ask(&mut self, line: &str) -> String {
        self.send(line);
        self.answer()
    }

    fn send(&mut self, line: &str) {
        writeln!(self.input, "{line}").unwrap();
    }

    fn answer(&mut self) -> String {
        // The test harness of the child prints lines of its own, and parts of lines.
        self.output
            .by_ref()
            .map(Result::unwrap)
            .find_map(|line| Some(line.split_once(PREFIX)?.1.to_owned()))
            .expect("the program answers")
    }

    fn end(self) {
        let Self {
            mut process,
            input,
            output,
        } = self;
        drop(input);
        assert!(process.wait().unwrap().success());
        drop(output);
    }

    fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

fn scratch() -> (tempfile::TempDir, DiskFaults) {
    let dir = tempfile::tempdir().unwrap();
    let faults = DiskFaults::new(dir.path());
    (dir, faults)
}

/// What is found when the data is opened without the shim.
fn bodies(dir: &Path) -> Vec<String> {
    let dir = DataDir::open(&dir.join("data")).unwrap();
    let _log = Log::open(&dir).unwrap();
    let page = Reader::open(&dir).unwrap().read(everything()).outcome;
    page.unwrap()
        .messages
        .iter()
        .map(|message| message.said().unwrap().body.as_str().to_owned())
        .collect()
}

fn everything() -> Read {
    Read {
        purpose: Purpose::Recent,
        room: RoomName::lobby(),
        span: Span::Newest,
        max_messages: usize::MAX,
        max_weight: usize::MAX,
        max_changes: 0,
    }
}

fn post(body: &str) -> Append {
    let ada = party(PersonId::Guest(GuestId(7)), "ada");
    decided(1, posted("lobby", &ada, body))
}

/// Tells the child where its data is, and that it is one.
const CHILD_DIR: &str = "CHINWAG_TEST_CHILD_DIR";

/// Begins the lines that are meant for the parent.
const PREFIX: &str = "storage: ";
