//! Tells the service manager how the server is (systemd's `sd_notify(3)`).

use std::env;
use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// What the service manager is told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Status {
    /// The server serves, or has reloaded its configuration.
    Ready,
    /// It reads its configuration anew.
    Reloading,
    /// It lets everyone go.
    Stopping,
}

/// Tells it, if there is one.
pub(crate) fn notify(status: Status) {
    let Some(socket) = env::var_os("NOTIFY_SOCKET").filter(|it| !it.is_empty()) else {
        return;
    };
    if let Err(error) = send(&socket, &message(status)) {
        tracing::warn!(%error, ?socket, "cannot tell the service manager: {status:?}");
    }
}

fn message(status: Status) -> String {
    match status {
        Status::Ready => "READY=1\nSTATUS=serving".to_owned(),
        // The time tells this reload from an earlier one (sd_notify(3), RELOADING=1).
        Status::Reloading => format!("RELOADING=1\nMONOTONIC_USEC={}", monotonic_micros()),
        Status::Stopping => "STOPPING=1\nSTATUS=closing all connections".to_owned(),
    }
}

fn send(socket: &OsStr, message: &str) -> io::Result<()> {
    let address = match socket.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(socket)?,
    };
    let sender = UnixDatagram::unbound()?;
    // Nobody is waited for, not even the service manager.
    sender.set_nonblocking(true)?;
    sender
        .send_to_addr(message.as_bytes(), &address)
        .map(|_| ())
}

fn monotonic_micros() -> i64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let micros = now.tv_nsec / 1_000;
    now.tv_sec.saturating_mul(1_000_000).saturating_add(micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_arrives_at_a_path_and_at_an_abstract_name() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notify");
        let name = format!("@chinwag-test-{}", std::process::id());
        let abstract_address = SocketAddr::from_abstract_name(&name[1..]).unwrap();
        let sockets = [
            (path.as_os_str(), UnixDatagram::bind(&path).unwrap()),
            (
                OsStr::new(&name),
                UnixDatagram::bind_addr(&abstract_address).unwrap(),
            ),
        ];
        for (address, socket) in sockets {
            send(address, &message(Status::Ready)).unwrap();
            let mut buffer = [0; 64];
            let len = socket.recv(&mut buffer).unwrap();
            assert!(buffer[..len].starts_with(b"READY=1\n"));
        }
        assert!(send(OsStr::new("/nowhere/at/all"), "READY=1").is_err());
    }

    #[test]
    fn reloading_says_when() {
        let (_, time) = message(Status::Reloading)
            .split_once("MONOTONIC_USEC=")
            .map_or_else(
                || unreachable!("it is there"),
                |(before, time)| (before.to_owned(), time.parse::<i64>().unwrap()),
            );
        assert!(time > 0 && time <= monotonic_micros());
    }
}
