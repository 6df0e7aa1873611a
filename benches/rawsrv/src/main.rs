//! Echoes or broadcasts bytes over TCP with no WebSocket at all: the floor under any server.
//!
//! One thread, level-triggered epoll, one receive and one send an event. With `--broadcast` every
//! `--size` bytes are one message, which goes to all clients in a send of its own. With `--tls` the
//! bytes are echoed inside TLS.
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;

use rustls::ServerConfig;

mod tls;

use tls::Tls;

/// Large enough that a message of 1 MiB costs few calls: 64 KiB buffers cost half as much again.
const BUFFER_LEN: usize = 256 * 1024;
const LISTENER: u64 = u64::MAX;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1)?.parse().ok()
    };
    let (Some(port), Some(message_len)) = (value("--port"), value("--size")) else {
        eprintln!("usage: rawsrv --port PORT --size MESSAGE-LENGTH [--broadcast | --tls]");
        std::process::exit(2);
    };
    let port = u16::try_from(port).expect("a port has 16 bits");
    let broadcast = arguments.iter().any(|argument| argument == "--broadcast");
    let is_tls = arguments.iter().any(|argument| argument == "--tls");
    let mut server = Server::bind(port, message_len);
    server.tls = is_tls.then(tls::config);
    server.run(broadcast);
}

struct Server {
    epoll: RawFd,
    listener: TcpListener,
    message_len: usize,
    /// By token; an entry stays behind when its client has gone.
    clients: Vec<Client>,
    open: Vec<usize>,
    buffer: Vec<u8>,
    tls: Option<Arc<ServerConfig>>,
    plain: Vec<u8>,
    sealed: Vec<u8>,
}

struct Client {
    fd: RawFd,
    tls: Option<Box<Tls>>,
    is_open: bool,
    unsent: Vec<u8>,
    waits_for_room: bool,
}

impl Server {
    fn bind(port: u16, message_len: usize) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).expect("the port is free");
        listener
            .set_nonblocking(true)
            .expect("a listener can be non-blocking");
        // SAFETY: takes no pointer.
        let epoll = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        let server = Self {
            epoll,
            listener,
            message_len,
            clients: Vec::new(),
            open: Vec::new(),
            buffer: vec![0; BUFFER_LEN.max(2 * message_len)],
            tls: None,
            plain: Vec::new(),
            sealed: Vec::new(),
        };
        // SAFETY: the descriptor is the listener's own; a longer queue only lets more clients wait.
        unsafe { libc::listen(server.listener.as_raw_fd(), 4096) };
        server.watch(
            libc::EPOLL_CTL_ADD,
            server.listener.as_raw_fd(),
            libc::EPOLLIN,
            LISTENER,
        );
        server
    }

    fn watch(&self, operation: i32, fd: RawFd, events: i32, token: u64) {
        let mut event = libc::epoll_event {
            events: events as u32,
            u64: token,
        };
        // SAFETY: `event` lives through the call.
        unsafe { libc::epoll_ctl(self.epoll, operation, fd, &mut event) };
    }

    fn run(mut self, broadcast: bool) {
        let mut events = vec![libc::epoll_event { events: 0, u64: 0 }; 1024];
        loop {
            // SAFETY: the pointer and the length are those of `events`.
            let count = unsafe { libc::epoll_wait(self.epoll, events.as_mut_ptr(), 1024, -1) };
            for event in &events[..count.max(0) as usize] {
                if event.u64 == LISTENER {
                    self.accept();
                } else {
                    self.serve(event.u64 as usize, event.events as i32, broadcast);
                }
            }
        }
    }

    fn accept(&mut self) {
        while let Ok((stream, _)) = self.listener.accept() {
            stream
                .set_nonblocking(true)
                .expect("a socket can be non-blocking");
            stream
                .set_nodelay(true)
                .expect("a TCP socket takes the option");
            let fd = std::os::fd::IntoRawFd::into_raw_fd(stream);
            let id = self.clients.len();
            self.watch(libc::EPOLL_CTL_ADD, fd, libc::EPOLLIN, id as u64);
            let tls = self.tls.clone().map(|config| Box::new(Tls::new(config)));
            self.clients.push(Client {
                fd,
                tls,
                is_open: true,
                unsent: Vec::new(),
                waits_for_room: false,
            });
            self.open.push(id);
        }
    }

    fn serve(&mut self, id: usize, flags: i32, broadcast: bool) {
        if !self.clients[id].is_open {
            return;
        }
        if flags & libc::EPOLLOUT != 0 {
            let unsent = std::mem::take(&mut self.clients[id].unsent);
            self.clients[id].send(&unsent);
        }
        // While a reply waits, nothing more is read from that client.
        if self.clients[id].tls.is_some() {
            if flags & libc::EPOLLIN != 0 && self.clients[id].unsent.is_empty() {
                self.echo_secure(id);
            }
            self.update_interest(id, false);
            return;
        }
        if flags & libc::EPOLLIN != 0 && (broadcast || self.clients[id].unsent.is_empty()) {
            let Some(received) = self.receive(id, broadcast) else {
                self.close(id);
                return;
            };
            if broadcast {
                for at in (0..received).step_by(self.message_len) {
                    for client in &self.open {
                        self.clients[*client].send(&self.buffer[at..at + self.message_len]);
                    }
                }
                for client in 0..self.open.len() {
                    self.update_interest(self.open[client], broadcast);
                }
            } else {
                self.clients[id].send(&self.buffer[..received]);
            }
        }
        self.update_interest(id, broadcast);
    }

    fn echo_secure(&mut self, id: usize) {
        let client = &mut self.clients[id];
        let Some(tls) = &mut client.tls else { return };
        let kept = tls.partial.len();
        self.buffer[..kept].copy_from_slice(&tls.partial);
        self.plain.clear();
        self.sealed.clear();
        let is_there =
            recv(client.fd, &mut self.buffer[kept..BUFFER_LEN]).is_some_and(|received| {
                let records = &mut self.buffer[..kept + received];
                tls.open(records, &mut self.plain, &mut self.sealed)
            });
        if !is_there {
            return self.close(id);
        }
        if !self.plain.is_empty() {
            tls.seal(&self.plain, &mut self.sealed);
        }
        client.send(&self.sealed);
    }

    /// Receives once, or on to the end of a message. `None`: the client has gone.
    fn receive(&mut self, id: usize, whole_messages: bool) -> Option<usize> {
        let fd = self.clients[id].fd;
        let mut received = recv(fd, &mut self.buffer[..BUFFER_LEN])?;
        while whole_messages && !received.is_multiple_of(self.message_len) {
            let missing = self.message_len - received % self.message_len;
            received += recv(fd, &mut self.buffer[received..received + missing])?;
        }
        Some(received)
    }

    fn update_interest(&mut self, id: usize, broadcast: bool) {
        let client = &mut self.clients[id];
        if client.is_open && client.unsent.is_empty() == client.waits_for_room {
            client.waits_for_room = !client.waits_for_room;
            let events = match (client.waits_for_room, broadcast) {
                (false, _) => libc::EPOLLIN,
                (true, false) => libc::EPOLLOUT,
                (true, true) => libc::EPOLLIN | libc::EPOLLOUT,
            };
            let fd = client.fd;
            self.watch(libc::EPOLL_CTL_MOD, fd, events, id as u64);
        }
    }

    fn close(&mut self, id: usize) {
        // SAFETY: the descriptor is this client's, and closed only here, once.
        unsafe { libc::close(self.clients[id].fd) };
        self.clients[id].is_open = false;
        self.open.retain(|other| *other != id);
    }
}

impl Client {
    fn send(&mut self, bytes: &[u8]) {
        let mut sent = 0;
        if self.unsent.is_empty() {
            // SAFETY: the pointer and the length are those of `bytes`.
            let result = unsafe {
                libc::send(
                    self.fd,
                    bytes.as_ptr().cast(),
                    bytes.len(),
                    libc::MSG_NOSIGNAL,
                )
            };
            sent = result.max(0) as usize;
        }
        self.unsent.extend_from_slice(&bytes[sent..]);
    }
}

/// Receives what there is, which may be nothing; `None`: the client has gone.
fn recv(fd: RawFd, buffer: &mut [u8]) -> Option<usize> {
    // SAFETY: the pointer and the length are those of `buffer`.
    let result = unsafe { libc::recv(fd, buffer.as_mut_ptr().cast(), buffer.len(), 0) };
    if result > 0 {
        return Some(result as usize);
    }
    let would_block =
        result < 0 && std::io::Error::last_os_error().kind() == std::io::ErrorKind::WouldBlock;
    would_block.then_some(0)
}
