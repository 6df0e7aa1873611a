//! `chinwag user` beside servers that start and end: each has its turn at the data, and nobody fails.
#![cfg(feature = "server")]

mod support;

use std::path::Path;
use std::thread::{self, ScopedJoinHandle};

use chinwag::storage::DataDir;
use support::Server;
use support::account::{printed, user};

const CALLER_COUNT: usize = 3;
const CALL_COUNT: usize = 10;

/// Has accounts added from several sides, while something happens to the server again and again.
fn check(mut happen: impl FnMut(&mut Server)) {
    let mut server = Server::start(&["--drain", "0"]);
    let data = server.data_dir().join("data");
    thread::scope(|scope| {
        let callers: Vec<_> = (0..CALLER_COUNT)
            .map(|caller| {
                let data = &data;
                scope.spawn(move || add_bots(data, caller))
            })
            .collect();
        while !callers.iter().all(ScopedJoinHandle::is_finished) {
            happen(&mut server);
        }
    });
    let listed = printed(&user(&data, &["list"], ""));
    assert_eq!(listed.lines().count(), CALLER_COUNT * CALL_COUNT);
}

fn add_bots(data: &Path, caller: usize) {
    for nth in 0..CALL_COUNT {
        printed(&user(data, &["bot", &format!("bot {caller} {nth}")], ""));
        printed(&user(data, &["list"], ""));
    }
}

#[test]
fn accounts_are_changed_while_servers_start_and_end() {
    let mut is_killed = false;
    check(|server| {
        if is_killed {
            server.kill();
        } else {
            server.terminate();
            assert!(server.wait().success());
        }
        is_killed = !is_killed;
        server.restart();
    });
}

#[test]
fn accounts_are_changed_while_servers_hand_over() {
    check(|server| {
        assert!(server.succeed().wait().success());
    });
}

#[test]
fn data_that_stays_in_use_is_refused_and_said_so() {
    let temporary = tempfile::tempdir().unwrap();
    let data = temporary.path();
    let _in_use = DataDir::open(data).unwrap();
    let refused = user(data, &["list"], "");
    assert_eq!(refused.status.code(), Some(1));
    let expected = format!(
        "chinwag: cannot use the data directory {}: another chinwag uses it\n",
        data.display()
    );
    assert_eq!(String::from_utf8(refused.stderr).unwrap(), expected);
}
