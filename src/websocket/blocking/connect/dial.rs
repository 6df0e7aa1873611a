//! Finds a way to a server's port: one address after the other, or through a proxy.

use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::time::{Duration, Instant};

#[cfg(unix)]
use std::os::unix::net::UnixStream;
#[cfg(unix)]
use std::path::Path;

#[cfg(all(unix, not(target_vendor = "apple")))]
use rustix::net::{self, AddressFamily, SocketAddrUnix, SocketFlags, SocketType, sockopt::Timeout};

use crate::websocket::blocking::clock::now;
use crate::websocket::blocking::connect::error::ConnectError;
use crate::websocket::blocking::connect::socket::ClientSocket;
use crate::websocket::blocking::error::is_would_block;
use crate::websocket::blocking::proxy::{Proxy, ProxyError, Target, Tunnel};
#[cfg(unix)]
use crate::websocket::blocking::socket::not_zero;
use crate::websocket::blocking::transport::Transport;

/// Connects to a host, trying its addresses in turn; `admit` is asked before each, and what it gives
/// is held as long as the attempt.
///
/// The time that is left is shared among the addresses that are left, so that one which swallows
/// everything leaves time for the next. Resolving itself takes as long as the system likes.
pub(super) fn dial<T>(
    target: Target<'_>,
    deadline: Instant,
    mut admit: impl FnMut(SocketAddr) -> Option<T>,
) -> Result<(ClientSocket, T), ConnectError> {
    let Target { host, port } = target;
    let resolved = (host, port).to_socket_addrs();
    let addresses = resolved.map_err(|error| ConnectError::Resolve(error.into()))?;
    let addresses = alternate_families(addresses.collect());
    let mut last_error = io::Error::from(io::ErrorKind::NotFound);
    for (address, left_count) in addresses.iter().zip((1..=addresses.len()).rev()) {
        let admitted = admit(*address).ok_or(ConnectError::TimedOut)?;
        match connect(*address, deadline, left_count) {
            Ok(stream) => return Ok((ClientSocket::tcp(stream, deadline), admitted)),
            Err(error) => last_error = error,
        }
    }
    if deadline <= now() {
        return Err(ConnectError::TimedOut);
    }
    Err(ConnectError::Unreachable(last_error.into()))
}

/// Connects to a Unix socket.
#[cfg(unix)]
pub(super) fn dial_unix(path: &Path, deadline: Instant) -> Result<ClientSocket, ConnectError> {
    let stream = try_until(deadline, |timeout| connect_unix(path, timeout))?;
    Ok(ClientSocket::unix(stream, deadline))
}

/// Repeats an attempt that signals interrupt; it is told how long it may take.
#[cfg(unix)]
fn try_until<T>(
    deadline: Instant,
    mut connect: impl FnMut(Duration) -> io::Result<T>,
) -> Result<T, ConnectError> {
    loop {
        let left = deadline.saturating_duration_since(now());
        if left.is_zero() {
            return Err(ConnectError::TimedOut);
        }
        match connect(not_zero(left)) {
            Ok(socket) => return Ok(socket),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if is_would_block(&error) => return Err(ConnectError::TimedOut),
            Err(error) => return Err(ConnectError::Unreachable(error.into())),
        }
    }
}

/// Asks the proxy at the other end of a socket for a tunnel, which the socket then is.
pub(super) fn tunnel(
    socket: ClientSocket,
    proxy: &Proxy,
    target: Target<'_>,
) -> Result<ClientSocket, ConnectError> {
    let mut transport = Transport::over_stream(socket, Vec::new());
    let mut tunnel = Tunnel::begin(proxy, target, transport.buffers().1)?;
    loop {
        transport.flush(None).map_err(ConnectError::from_stream)?;
        let filled = transport.fill(None).map_err(ConnectError::from_stream)?;
        if filled == 0 {
            return Err(ConnectError::Proxy(ProxyError::Truncated));
        }
        let (received, output) = transport.buffers();
        let received_len = received.len();
        let is_open = tunnel.receive(received, output)?;
        transport.take(received_len);
        if is_open {
            // It had its last word: nothing is left in the buffers.
            return Ok(transport.into_parts().0);
        }
    }
}

/// Waits in a full backlog no longer than `timeout`, which is what a socket has for sending.
#[cfg(all(unix, not(target_vendor = "apple")))]
fn connect_unix(path: &Path, timeout: Duration) -> io::Result<UnixStream> {
    let socket = net::socket_with(
        AddressFamily::UNIX,
        SocketType::STREAM,
        SocketFlags::CLOEXEC,
        None,
    )?;
    net::sockopt::set_socket_timeout(&socket, Timeout::Send, Some(timeout))?;
    net::connect(&socket, &SocketAddrUnix::new(path)?)?;
    Ok(socket.into())
}

/// A full backlog refuses at once there.
#[cfg(target_vendor = "apple")]
fn connect_unix(path: &Path, _timeout: Duration) -> io::Result<UnixStream> {
    UnixStream::connect(path)
}

fn connect(address: SocketAddr, deadline: Instant, left_count: usize) -> io::Result<TcpStream> {
    let timeout = fair_share(deadline.saturating_duration_since(now()), left_count);
    if timeout.is_zero() {
        return Err(io::ErrorKind::TimedOut.into());
    }
    let stream = TcpStream::connect_timeout(&address, timeout.max(Duration::from_millis(1)))?;
    // A message leaves in one write: waiting for more would only delay it.
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn fair_share(left: Duration, address_count: usize) -> Duration {
    left / u32::try_from(address_count).unwrap_or(u32::MAX)
}

/// Puts addresses of IPv6 and IPv4 in alternation, beginning with what the resolver prefers, so that
/// a network in which one of them leads nowhere costs one attempt (RFC 8305 §4).
fn alternate_families(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let prefers_ipv6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (preferred, others): (Vec<_>, Vec<_>) = addresses
        .into_iter()
        .partition(|address| address.is_ipv6() == prefers_ipv6);
    let mut others = others.into_iter();
    let mut alternated = Vec::new();
    for address in preferred {
        alternated.push(address);
        alternated.extend(others.next());
    }
    alternated.extend(others);
    alternated
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn families_alternate_in_the_order_of_the_resolver() {
        let order = |addresses: &[&str]| {
            let parsed = addresses.iter().map(|it| it.parse().unwrap()).collect();
            let ordered = alternate_families(parsed);
            ordered.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        let [a6, b6, c6] = ["[::a]:1", "[::b]:1", "[::c]:1"];
        let [a4, b4] = ["10.0.0.1:1", "10.0.0.2:1"];
        assert_eq!(order(&[a6, b6, c6, a4, b4]), [a6, a4, b6, b4, c6]);
        assert_eq!(order(&[a4, b4, a6]), [a4, a6, b4]);
        assert_eq!(order(&[a4]), [a4]);
        assert!(order(&[]).is_empty());
    }

    #[test]
    fn the_next_address_is_tried_when_one_refuses() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut asked = Vec::new();
        let target = Target {
            host: "localhost",
            port,
        };
        let deadline = now() + Duration::from_secs(20);
        // Whether localhost is ::1, too, depends on the machine: either way a connection comes.
        let dialled = dial(target, deadline, |address| {
            asked.push(address);
            Some(())
        });
        assert!(dialled.is_ok());
        assert_eq!(asked.last(), Some(&listener.local_addr().unwrap()));
    }

    #[test]
    fn attempts_have_a_share_of_the_time_and_none_once_it_is_over() {
        let second = Duration::from_secs(1);
        assert_eq!(fair_share(second, 4), Duration::from_millis(250));
        // A port that is taken, and where nobody listens: a client's.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let port = client.local_addr().unwrap().port();
        let target = Target {
            host: "127.0.0.1",
            port,
        };
        let too_late = dial(target, now(), |_| Some(())).map(|_| ());
        assert_eq!(too_late, Err(ConnectError::TimedOut));
        let refused = dial(target, now() + 20 * second, |_| Some(())).map(|_| ());
        assert!(matches!(refused, Err(ConnectError::Unreachable(_))));
    }

    #[cfg(unix)]
    #[test]
    fn attempts_that_signals_interrupt_are_repeated_and_others_are_not() {
        let mut results = [
            Err(io::ErrorKind::Interrupted),
            Ok("socket"),
            Err(io::ErrorKind::WouldBlock),
            Err(io::ErrorKind::ConnectionRefused),
        ]
        .into_iter();
        let mut attempt = |deadline| {
            try_until(deadline, |_| {
                let result = results.next().expect("no more attempts are made");
                result.map_err(io::Error::from)
            })
        };
        let later = now() + Duration::from_secs(20);
        assert_eq!(attempt(later), Ok("socket"));
        assert_eq!(attempt(now()), Err(ConnectError::TimedOut));
        assert_eq!(attempt(later), Err(ConnectError::TimedOut));
        assert!(matches!(attempt(later), Err(ConnectError::Unreachable(_))));
    }
}
