//! Sockets in the data directory, at which programs of its owner ask a running server.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::thread;
use std::time::Duration;

/// Where such programs come, one after the other.
#[derive(Debug)]
pub(crate) struct LocalSocket {
    listener: UnixListener,
}

impl LocalSocket {
    /// Takes the place of a socket that another server left there.
    ///
    /// # Errors
    /// Those of the system.
    pub(crate) fn bind(path: &Path) -> io::Result<Self> {
        // The data directory is locked by us: whoever made it has ended, or handed over.
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(path)?;
        // The directory lets nobody else in; neither does the socket, wherever it is moved.
        fs::set_permissions(path, Permissions::from_mode(0o600))?;
        Ok(Self { listener })
    }

    /// Waits for the next one, as long as it takes.
    pub(crate) fn next(&self) -> UnixStream {
        accept(|| Ok(self.listener.accept()?.0), thread::park_timeout)
    }
}

/// Accepts somebody. The system refuses that for want of descriptors or memory: trying again at once
/// would spin, with a line in the log each time.
fn accept<T>(mut accept: impl FnMut() -> io::Result<T>, mut wait: impl FnMut(Duration)) -> T {
    let mut is_told = false;
    loop {
        match accept() {
            Ok(accepted) => return accepted,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                if !std::mem::replace(&mut is_told, true) {
                    tracing::warn!(%error, "nobody can be accepted in the data directory");
                }
                wait(RETRY_INTERVAL);
            }
        }
    }
}

/// As the listeners for clients wait (`src/net/doors.rs`).
const RETRY_INTERVAL: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use rustix::io::Errno;

    use super::*;

    #[test]
    fn want_of_descriptors_is_waited_out() {
        let mut results = [
            Err(Errno::MFILE),
            Err(Errno::INTR),
            Err(Errno::MFILE),
            Ok(7),
        ]
        .into_iter();
        let mut waited = Vec::new();
        let accepted = accept(|| Ok(results.next().unwrap()?), |time| waited.push(time));
        assert_eq!((accepted, results.next()), (7, None));
        assert_eq!(waited, [RETRY_INTERVAL; 2]);
    }

    #[test]
    fn socket_that_was_left_is_replaced_and_lets_its_owner_in() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        drop(LocalSocket::bind(&path).unwrap());
        let socket = LocalSocket::bind(&path).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let mut client = UnixStream::connect(&path).unwrap();
        drop(socket.next());
        assert_eq!(client.read(&mut [0]).unwrap(), 0);
    }
}
