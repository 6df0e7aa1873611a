//! Sockets that listen, on TCP addresses and on paths.

use std::net::{AddrParseError, SocketAddr, TcpListener};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;
use std::{fmt, fs, io};

use socket2::{Domain, SockAddr, Socket, TcpKeepalive, Type};

/// Where to listen: `127.0.0.1:8080`, `[::1]:8080` or `unix:PATH`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListenAddress {
    /// A TCP address; port 0 takes any free one.
    Tcp(SocketAddr),
    /// A path in the file system.
    Unix(PathBuf),
}

/// A bound and listening socket; all workers of a runtime accept from it.
#[derive(Debug)]
pub struct Listener {
    socket: ListenerSocket,
    address: ListenAddress,
    expects_header: bool,
}

#[derive(Debug)]
enum ListenerSocket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// What one worker polls.
#[derive(Debug)]
pub(super) enum PolledListener {
    Tcp(mio::net::TcpListener),
    Unix(mio::net::UnixListener),
}

impl Listener {
    /// Listens at `address`.
    ///
    /// A TCP port may be taken over from connections that a former server left behind
    /// (`SO_REUSEADDR`), not from a running server. A socket file is made with mode 0600, before
    /// anybody can connect; one that nobody listens at any more is replaced. It is not removed at
    /// the end: by then it may be the successor's.
    ///
    /// # Errors
    ///
    /// Those of the system; `AddrInUse` when somebody listens there, or the path is another kind
    /// of file.
    pub fn bind(address: &ListenAddress) -> io::Result<Self> {
        match address {
            ListenAddress::Tcp(address) => {
                let socket = Socket::new(Domain::for_address(*address), Type::STREAM, None)?;
                socket.set_reuse_address(true)?;
                // Accepted sockets inherit it: a peer that vanished without a word is found out,
                // whatever is spoken above.
                socket.set_tcp_keepalive(&keepalive())?;
                socket.bind(&(*address).into())?;
                socket.listen(BACKLOG)?;
                socket.set_nonblocking(true)?;
                let socket = TcpListener::from(socket);
                let address = ListenAddress::Tcp(socket.local_addr()?);
                Ok(Self {
                    socket: ListenerSocket::Tcp(socket),
                    address,
                    expects_header: false,
                })
            }
            ListenAddress::Unix(path) => {
                let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
                bind_path(&socket, path)?;
                // Nobody can connect between these two: it does not listen yet.
                fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
                socket.listen(BACKLOG)?;
                socket.set_nonblocking(true)?;
                let socket = ListenerSocket::Unix(UnixListener::from(socket));
                Ok(Self {
                    socket,
                    address: address.clone(),
                    expects_header: false,
                })
            }
        }
    }

    /// Takes a socket that was bound and listens already: by a service manager, or by the server
    /// before this one.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if it is no listening stream socket, of TCP or of Unix with a path.
    pub fn adopt(socket: OwnedFd) -> io::Result<Self> {
        let no_listener = |what: &str| io::Error::new(io::ErrorKind::InvalidInput, what.to_owned());
        let socket = Socket::from(socket);
        if socket.r#type()? != Type::STREAM || !socket.is_listener()? {
            return Err(no_listener("it is no listening stream socket"));
        }
        socket.set_nonblocking(true)?;
        let bound = socket.local_addr()?;
        let (socket, address) = if let Some(address) = bound.as_socket() {
            socket.set_tcp_keepalive(&keepalive())?;
            let address = ListenAddress::Tcp(address);
            (ListenerSocket::Tcp(TcpListener::from(socket)), address)
        } else if let Some(path) = bound.as_pathname() {
            let address = ListenAddress::Unix(path.to_owned());
            (ListenerSocket::Unix(UnixListener::from(socket)), address)
        } else {
            return Err(no_listener("its address is neither of TCP nor a path"));
        };
        Ok(Self {
            socket,
            address,
            expects_header: false,
        })
    }

    /// The same listening socket once more: it listens until all of them are gone.
    ///
    /// # Errors
    ///
    /// Those of the system, for want of descriptors.
    pub fn try_clone(&self) -> io::Result<Self> {
        let socket = match &self.socket {
            ListenerSocket::Tcp(socket) => ListenerSocket::Tcp(socket.try_clone()?),
            ListenerSocket::Unix(socket) => ListenerSocket::Unix(socket.try_clone()?),
        };
        Ok(Self {
            socket,
            address: self.address.clone(),
            expects_header: self.expects_header,
        })
    }

    /// Where it listens, with the port that was taken for port 0.
    pub fn address(&self) -> &ListenAddress {
        &self.address
    }

    /// Has each connection begin with a PROXY header, version 1 or 2, which says whose it is. Only
    /// [trusted](crate::net::Config::trusted) peers get in.
    #[must_use]
    pub fn with_proxy_header(mut self) -> Self {
        self.expects_header = true;
        self
    }

    pub(super) fn expects_header(&self) -> bool {
        self.expects_header
    }

    /// The same listening socket, for one more worker.
    pub(super) fn polled(&self) -> io::Result<PolledListener> {
        Ok(match &self.socket {
            ListenerSocket::Tcp(socket) => {
                PolledListener::Tcp(mio::net::TcpListener::from_std(socket.try_clone()?))
            }
            ListenerSocket::Unix(socket) => {
                PolledListener::Unix(mio::net::UnixListener::from_std(socket.try_clone()?))
            }
        })
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.socket {
            ListenerSocket::Tcp(socket) => socket.as_fd(),
            ListenerSocket::Unix(socket) => socket.as_fd(),
        }
    }
}

impl FromStr for ListenAddress {
    type Err = AddrParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_prefix("unix:") {
            Some(path) => Ok(Self::Unix(path.into())),
            None => text.parse().map(Self::Tcp),
        }
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// Two minutes until a peer that is gone is known to be.
fn keepalive() -> TcpKeepalive {
    TcpKeepalive::new()
        .with_time(Duration::from_secs(60))
        .with_interval(Duration::from_secs(15))
        .with_retries(4)
}

/// Binds `socket` to `path`, where a socket file without a listener may be in the way.
fn bind_path(socket: &Socket, path: &Path) -> io::Result<()> {
    let address = SockAddr::unix(path)?;
    match socket.bind(&address) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && is_stale(path) => {
            fs::remove_file(path)?;
            socket.bind(&address)
        }
        result => result,
    }
}

fn is_stale(path: &Path) -> bool {
    // A regular file refuses connections too.
    let is_socket = fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket());
    is_socket
        && UnixStream::connect(path)
            .is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}

/// Connections that wait to be accepted: enough for a rush while a worker is busy with one turn.
const BACKLOG: i32 = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_is_read_and_shown_in_one_form() {
        for text in ["127.0.0.1:8080", "[::1]:8080", "unix:/run/chinwag.sock"] {
            let address: ListenAddress = text.parse().expect("it is an address");
            assert_eq!(address.to_string(), text);
        }
        assert!("localhost".parse::<ListenAddress>().is_err());
    }

    #[test]
    fn stale_socket_file_is_replaced_and_a_live_one_is_not() {
        let directory = tempfile::tempdir().expect("a directory");
        let address = ListenAddress::Unix(directory.path().join("socket"));
        let first = Listener::bind(&address).expect("nothing is in the way");
        let error = Listener::bind(&address).expect_err("somebody listens there");
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        drop(first);
        Listener::bind(&address).expect("the old file is stale");
    }

    #[test]
    fn socket_that_listens_already_is_adopted_and_no_other() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = ListenAddress::Unix(directory.path().join("socket"));
        for address in ["127.0.0.1:0".parse().expect("an address"), path] {
            let first = Listener::bind(&address).expect("nothing is in the way");
            let socket = first.as_fd().try_clone_to_owned().expect("a descriptor");
            let second = Listener::adopt(socket).expect("it listens");
            assert_eq!(second.address(), first.address());
            let third = second.try_clone().expect("a descriptor");
            assert_eq!(third.address(), first.address());
        }
        let (stream, _) = UnixStream::pair().expect("two sockets");
        let file = tempfile::tempfile().expect("a file");
        for other in [OwnedFd::from(stream), OwnedFd::from(file)] {
            Listener::adopt(other).expect_err("it does not listen");
        }
    }

    #[test]
    fn other_file_is_not_replaced() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("notes");
        fs::write(&path, "precious").expect("a file");
        Listener::bind(&ListenAddress::Unix(path.clone())).expect_err("a file is in the way");
        assert_eq!(fs::read_to_string(&path).expect("the file"), "precious");
    }

    #[test]
    fn socket_file_is_for_its_owner_alone() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("socket");
        let _listener = Listener::bind(&ListenAddress::Unix(path.clone())).expect("bound");
        let mode = fs::metadata(&path).expect("the file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
