//! What a socket can do beyond `Read + Write`.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

#[cfg(unix)]
use std::os::unix::net::UnixStream;

/// A stream that can stop waiting, and that can end one direction before the other.
pub trait Socket: Read + Write {
    /// Makes reads fail that have waited for `timeout`, which is not zero.
    ///
    /// # Errors
    ///
    /// The system's.
    fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()>;

    /// Makes writes fail that have waited for `timeout`, which is not zero.
    ///
    /// # Errors
    ///
    /// The system's.
    fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()>;

    /// Tells the peer that nothing more comes; what it sends can still be read.
    ///
    /// # Errors
    ///
    /// The system's.
    fn shutdown_write(&mut self) -> io::Result<()>;

    /// Returns whether what is sent is encrypted: pages that came in the clear are of another origin
    /// then. An unknown stream is taken for one that does not.
    fn is_secure(&self) -> bool {
        false
    }
}

impl Socket for TcpStream {
    fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        Self::set_read_timeout(self, timeout)
    }

    fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        Self::set_write_timeout(self, timeout)
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

/// Whatever socket is in the box.
impl<T: Socket + ?Sized> Socket for Box<T> {
    fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        (**self).set_read_timeout(timeout)
    }

    fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        (**self).set_write_timeout(timeout)
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        (**self).shutdown_write()
    }

    fn is_secure(&self) -> bool {
        (**self).is_secure()
    }
}

#[cfg(unix)]
impl Socket for UnixStream {
    fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        Self::set_read_timeout(self, timeout)
    }

    fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        Self::set_write_timeout(self, timeout)
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

/// The system takes a timeout of zero for none, and rounds down.
pub(super) fn not_zero(timeout: Duration) -> Duration {
    timeout.max(Duration::from_millis(1))
}
