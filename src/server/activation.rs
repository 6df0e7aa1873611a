//! Sockets that a service manager opened for the server before it started (systemd's
//! `sd_listen_fds(3)`).
//!
//! They stay open while the server is restarted, so that whoever connects meanwhile waits instead of
//! being refused.

use std::env;
use std::io;
use std::os::fd::OwnedFd;

use listenfd::ListenFd;

use crate::net::Listener;

/// A socket and what it is called in the service manager's configuration (`FileDescriptorName=`).
#[derive(Debug)]
pub(crate) struct Passed {
    pub(crate) name: String,
    pub(crate) listener: Listener,
}

/// Takes the sockets that were passed to this process; none, where it was started by hand.
///
/// To be called before any thread is started: it changes the environment, so that no child takes
/// them for its own.
///
/// # Errors
///
/// What was passed and is no listening socket, by its name.
pub(crate) fn passed() -> Result<Vec<Passed>, (String, io::Error)> {
    // Without it, they would be anybody's.
    if env::var_os("LISTEN_PID").is_none_or(|pid| pid.is_empty()) {
        return Ok(Vec::new());
    }
    let names = env::var("LISTEN_FDNAMES").unwrap_or_default();
    let mut names = names.split(':');
    let mut sockets = ListenFd::from_env();
    let mut passed = Vec::new();
    for nth in 0..sockets.len() {
        let name = names.next().unwrap_or_default().to_owned();
        match take(&mut sockets, nth).and_then(Listener::adopt) {
            Ok(listener) => passed.push(Passed { name, listener }),
            Err(error) => return Err((format!("{name} (the {nth}th)"), error)),
        }
    }
    Ok(passed)
}

fn take(sockets: &mut ListenFd, nth: usize) -> io::Result<OwnedFd> {
    let taken = match sockets.take_tcp_listener(nth) {
        Ok(socket) => socket.map(OwnedFd::from),
        // One of another kind stays where it was.
        Err(_) => sockets.take_unix_listener(nth)?.map(OwnedFd::from),
    };
    taken.ok_or_else(|| io::ErrorKind::NotFound.into())
}
