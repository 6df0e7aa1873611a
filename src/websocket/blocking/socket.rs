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

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::io;

    use super::*;

    /// A secure socket that notes what it is asked.
    #[derive(Default)]
    struct Noting(Vec<&'static str>);

    impl Read for Noting {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Ok(0)
        }
    }

    impl Write for Noting {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Socket for Noting {
        fn set_read_timeout(&mut self, _: Option<Duration>) -> io::Result<()> {
            self.0.push("read");
            Ok(())
        }

        fn set_write_timeout(&mut self, _: Option<Duration>) -> io::Result<()> {
            self.0.push("write");
            Ok(())
        }

        fn shutdown_write(&mut self) -> io::Result<()> {
            self.0.push("shutdown");
            Ok(())
        }

        fn is_secure(&self) -> bool {
            true
        }
    }

    /// Through a box, as through any other type.
    fn ask(socket: &mut impl Socket) -> bool {
        socket.set_read_timeout(None).unwrap();
        socket
            .set_write_timeout(Some(Duration::from_secs(7)))
            .unwrap();
        socket.shutdown_write().unwrap();
        socket.is_secure()
    }

    #[test]
    fn box_asks_the_socket_in_it() {
        let mut boxed = Box::new(Noting::default());
        assert!(ask(&mut boxed));
        assert_eq!(boxed.0, ["read", "write", "shutdown"]);
        let (stream, _peer) = UnixStream::pair().unwrap();
        assert!(!ask(&mut Box::new(stream)));
    }

    #[test]
    fn unix_socket_takes_timeouts_and_ends_its_write_side() {
        let (mut stream, mut peer) = UnixStream::pair().unwrap();
        assert!(!ask(&mut stream));
        let timeout = stream.write_timeout().unwrap();
        assert_eq!(timeout, Some(Duration::from_secs(7)));
        peer.set_read_timeout(Some(Duration::from_secs(7))).unwrap();
        assert_eq!(peer.read(&mut [0]).unwrap(), 0);
    }
}
