//! A server hands over to its successor on the same data, without refusing anybody.
//!
//! ```text
//! successor: --take-over                        predecessor
//!   the data directory is in use ── asks ──►      socket in the data directory
//!   ◄── its listening sockets, by what they are for ──
//!                                                 accepts no more; who connects waits in the kernel
//!                                                 finishes what was asked; the log is complete
//!   ◄── end of the connection: the data is free ──
//!   opens the data, accepts                       closes its clients over the drain window
//! ```
//!
//! Only one process writes to the data at any time, and the listening sockets are the same ones, so
//! nobody is refused and no order of messages breaks. A client that connects in between waits as long
//! as the predecessor takes for what was asked before, and the successor to open the data: about the
//! time of a start. The predecessor's clients keep their connections until they are closed, or until
//! they ask for something: that is answered by `busy`, and they are closed at once, to find the
//! successor.
//!
//! The socket is in the data directory, which only its owner can enter.

use std::io::{self, IoSlice, IoSliceMut, Read as _, Write as _};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Sender;
use std::time::Duration;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};

use crate::net::Listener;
use crate::server::control::Control;
use crate::server::local_socket::LocalSocket;
use crate::server::shared::Purpose;

/// Waits for a successor on a thread of its own, and tells the main thread when one asks.
///
/// # Errors
///
/// Those of the system.
pub(crate) fn await_successor(data_dir: &Path, control: Sender<Control>) -> io::Result<()> {
    let socket = LocalSocket::bind(&socket_path(data_dir))?;
    let wait = move || {
        loop {
            match asked(socket.next()) {
                Ok(Some(stream)) => {
                    if control.send(Control::HandOver(stream)).is_err() {
                        break;
                    }
                }
                Ok(None) => tracing::warn!("somebody asked for something other than to take over"),
                Err(error) => tracing::warn!(%error, "a successor has not said what it wants"),
            }
        }
    };
    std::thread::Builder::new()
        .name("chinwag-heir".into())
        .spawn(wait)?;
    Ok(())
}

/// Hears what somebody wants; `None` if that is not to take over.
fn asked(mut stream: UnixStream) -> io::Result<Option<UnixStream>> {
    stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
    stream.set_write_timeout(Some(ANSWER_TIMEOUT))?;
    let mut request = [0; REQUEST.len()];
    stream.read_exact(&mut request)?;
    Ok((request == REQUEST).then_some(stream))
}

/// Gives the listening sockets to a successor, which goes on when `stream` is dropped.
///
/// # Errors
///
/// Those of the system; the successor has gone, then, or does not answer.
pub(crate) fn hand_over(stream: &UnixStream, listeners: &[(Purpose, Listener)]) -> io::Result<()> {
    let purposes: Vec<u8> = listeners.iter().map(|(it, _)| letter(*it)).collect();
    let sockets: Vec<_> = listeners.iter().map(|(_, it)| it.as_fd()).collect();
    let mut space = [MaybeUninit::uninit(); SPACE];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !control.push(SendAncillaryMessage::ScmRights(&sockets)) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let parts = [IoSlice::new(&purposes)];
    let sent_len = sendmsg(stream, &parts, &mut control, SendFlags::NOSIGNAL)?;
    if sent_len != purposes.len() {
        return Err(io::ErrorKind::WriteZero.into());
    }
    // The successor says that it has them: from here on it is its turn, whatever becomes of it.
    let mut thanks = [0];
    let mut stream = stream;
    stream.read_exact(&mut thanks)
}

/// Asks the server that runs on this data for its sockets, and returns when the data is free.
///
/// # Errors
///
/// Those of the system; `NotFound` or `ConnectionRefused` if nobody waits for a successor.
pub(crate) fn take_over(data_dir: &Path) -> io::Result<Vec<(Purpose, Listener)>> {
    let mut stream = UnixStream::connect(socket_path(data_dir))?;
    stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
    stream.write_all(&REQUEST)?;
    let listeners = receive_listeners(&stream)?;
    stream.write_all(b"\n")?;
    stream.set_read_timeout(Some(RELEASE_TIMEOUT))?;
    // Nothing comes but the end, when the data is free.
    match stream.read(&mut [0])? {
        0 => Ok(listeners),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

/// Where a server waits for its successor.
pub(crate) fn socket_path(data_dir: &Path) -> PathBuf {
    data_dir.join(SOCKET_NAME)
}

fn receive_listeners(stream: &UnixStream) -> io::Result<Vec<(Purpose, Listener)>> {
    let mut purposes = [0; MAX_LISTENERS];
    let mut space = [MaybeUninit::uninit(); SPACE];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut parts = [IoSliceMut::new(&mut purposes)];
    let received = recvmsg(stream, &mut parts, &mut control, RecvFlags::CMSG_CLOEXEC)?;
    let sockets: Vec<OwnedFd> = control
        .drain()
        .filter_map(|message| match message {
            RecvAncillaryMessage::ScmRights(sockets) => Some(sockets),
            _ => None,
        })
        .flatten()
        .collect();
    if received.bytes == 0 || received.bytes != sockets.len() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let passed = purposes.iter().zip(sockets);
    passed
        .map(|(letter, socket)| {
            let purpose = purpose(*letter).ok_or(io::ErrorKind::InvalidData)?;
            Ok((purpose, Listener::adopt(socket)?))
        })
        .collect()
}

fn letter(purpose: Purpose) -> u8 {
    match purpose {
        Purpose::Web => b'w',
        Purpose::Line => b'l',
        Purpose::Admin => b'a',
    }
}

fn purpose(letter: u8) -> Option<Purpose> {
    [Purpose::Web, Purpose::Line, Purpose::Admin]
        .into_iter()
        .find(|purpose| self::letter(*purpose) == letter)
}

/// In the data directory, mode 0700.
const SOCKET_NAME: &str = "handover.sock";

/// With the version of what follows, so that servers of different age don't misunderstand.
const REQUEST: [u8; 12] = *b"take over 1\n";

/// Both ends answer at once, or not at all.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// The log finishes what waits within a second or two; a disk may take longer.
const RELEASE_TIMEOUT: Duration = Duration::from_secs(60);

/// As many as Linux passes in one message (`SCM_MAX_FD`).
const MAX_LISTENERS: usize = 253;
const SPACE: usize = rustix::cmsg_space!(ScmRights(MAX_LISTENERS));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_arrive_with_their_purposes_and_the_end_frees_the_successor() {
        let bind = || Listener::bind(&"127.0.0.1:0".parse().unwrap()).unwrap();
        let given = [(Purpose::Web, bind()), (Purpose::Line, bind())];
        let directory = tempfile::tempdir().unwrap();
        let (control, controlled) = std::sync::mpsc::channel();
        await_successor(directory.path(), control).unwrap();
        let path = directory.path().to_owned();
        let successor = std::thread::spawn(move || take_over(&path).unwrap());
        let Ok(Control::HandOver(stream)) = controlled.recv() else {
            panic!("somebody asks to take over");
        };
        hand_over(&stream, &given).unwrap();
        assert!(!successor.is_finished());
        drop(stream);
        let taken = successor.join().unwrap();
        let what =
            |(purpose, listener): &(Purpose, Listener)| (*purpose, listener.address().clone());
        let expected: Vec<_> = given.iter().map(what).collect();
        assert_eq!(taken.iter().map(what).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn nobody_hands_over_where_nobody_serves() {
        let directory = tempfile::tempdir().unwrap();
        let error = take_over(directory.path()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
