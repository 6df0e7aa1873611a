//! Settles everything about a run before its first connection.

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::bench::BenchError;
use crate::bench::args::{BenchArgs, Mode};
use crate::bench::pace::Rate;
use crate::websocket::DeflateOptions;
use crate::websocket::blocking::ClientTls;
use crate::websocket::handshake::client::ClientRequest;
use crate::websocket::handshake::uri::Uri;

/// What all threads of a run go by.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) args: BenchArgs,
    pub(super) request: ClientRequest,
    /// `None`: no TLS.
    pub(super) tls: Option<ClientTls>,
    pub(super) address: SocketAddr,
}

/// The connections of one thread.
#[derive(Debug, Clone, Copy)]
pub(super) struct Share {
    pub(super) thread: usize,
    /// The first one's place among all.
    pub(super) first: u64,
    pub(super) count: usize,
}

impl Plan {
    /// Checks and looks up what the arguments name.
    pub(super) fn new(args: &BenchArgs) -> Result<Self, BenchError> {
        judge_flags(args)?;
        let request = request(args)?;
        let tls = if request.uri().is_secure() {
            Some(read_tls(args)?)
        } else if args.insecure || args.ca.is_some() {
            return Err(BenchError::Flags("--insecure and --ca are for wss://"));
        } else {
            None
        };
        let address = resolve(request.uri(), args)?;
        raise_open_file_limit(args.connections.saturating_add(RESERVED_FILES))?;
        Ok(Self {
            args: args.clone(),
            request,
            tls,
            address,
        })
    }

    /// Deals the connections out evenly.
    pub(super) fn shares(&self) -> Vec<Share> {
        let (count, threads) = (self.args.connections, self.args.threads);
        let mut shares = Vec::new();
        let mut first = 0;
        for thread in 0..threads.min(count) {
            let end = count * (thread + 1) / threads.min(count);
            shares.push(Share {
                thread: shares.len(),
                first,
                count: usize::try_from(end - first).unwrap_or(usize::MAX),
            });
            first = end;
        }
        shares
    }

    /// Returns the rate of one of `of` sources of messages.
    pub(super) fn rate(&self, of: f64) -> Option<Rate> {
        self.args.rate.map(|rate| Rate::new(rate / of))
    }
}

fn judge_flags(args: &BenchArgs) -> Result<(), BenchError> {
    let is_shared = matches!(args.mode, Mode::Fanout | Mode::Chat);
    let wrong = if is_shared && args.threads > 1 {
        "fanout and chat run on one thread, which sees all messages"
    } else if args.mode == Mode::Chat && args.binary {
        "chat is text"
    } else if args.mode != Mode::Chat && args.room.is_some() {
        "--room is for chat"
    } else if args.mode == Mode::Idle && is_about_messages(args) {
        "idle connections send no messages: no --rate, --pipeline, --size, --text or --binary"
    } else if args.size() > MAX_SIZE {
        "--size is at most 16777216: longer messages are refused by default"
    } else if args.timeout.is_zero() {
        "--timeout must be more than 0"
    } else {
        return Ok(());
    };
    Err(BenchError::Flags(wrong))
}

fn is_about_messages(args: &BenchArgs) -> bool {
    let has_number = args.rate.is_some() || args.pipeline.is_some() || args.size.is_some();
    has_number || args.text || args.binary
}

fn request(args: &BenchArgs) -> Result<ClientRequest, BenchError> {
    let mut request = ClientRequest::new(Uri::parse(&args.url)?);
    if args.deflate {
        request = request.deflate(&DeflateOptions::default());
    }
    if args.mode == Mode::Chat {
        request = request.subprotocol(CHAT_PROTOCOL)?;
    }
    if let Some(origin) = &args.origin {
        request = request.origin(origin)?;
    }
    for header in &args.header {
        let (name, value) = header.split_once(':').ok_or(BenchError::HeaderSyntax)?;
        request = request.header(name.trim(), value)?;
    }
    Ok(request)
}

fn read_tls(args: &BenchArgs) -> Result<ClientTls, BenchError> {
    if args.insecure {
        return Ok(ClientTls::dangerous_without_verification());
    }
    let Some(path) = &args.ca else {
        return ClientTls::system().map_err(BenchError::Tls);
    };
    let pem = fs::read(path).map_err(|error| BenchError::File {
        path: path.clone(),
        error,
    })?;
    ClientTls::with_roots(&pem).map_err(|error| BenchError::Ca {
        path: path.clone(),
        error,
    })
}

/// Returns the address of the host, of the same family as where to connect from. Of several, the
/// first one that takes a connection: `localhost` is often two, and a server on one of them.
fn resolve(uri: &Uri, args: &BenchArgs) -> Result<SocketAddr, BenchError> {
    let source = args.source.first();
    let addresses = (uri.host(), uri.port())
        .to_socket_addrs()
        .map_err(BenchError::Resolve)?;
    let fits = |address: &SocketAddr| source.is_none_or(|it| it.is_ipv4() == address.is_ipv4());
    let addresses: Vec<SocketAddr> = addresses.filter(fits).collect();
    let Some(first) = addresses.first() else {
        let none = io::Error::new(io::ErrorKind::NotFound, "none that fits --source");
        return Err(BenchError::Resolve(none));
    };
    if addresses.len() == 1 {
        return Ok(*first);
    }
    let answers = |address: &&SocketAddr| TcpStream::connect_timeout(address, args.timeout).is_ok();
    // If none does, a connection says why.
    Ok(*addresses.iter().find(answers).unwrap_or(first))
}

/// Allows this process as many open files as it may have, and sees whether they are enough.
fn raise_open_file_limit(needed: u64) -> Result<(), BenchError> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: maximum,
        maximum,
    };
    // Where it can't be raised, what it is now decides.
    let _ = setrlimit(Resource::Nofile, raised);
    match getrlimit(Resource::Nofile).current {
        Some(limit) if limit < needed => Err(BenchError::OpenFiles { needed, limit }),
        _ => Ok(()),
    }
}

/// The subprotocol of the chat.
pub(super) const CHAT_PROTOCOL: &str = "chinwag.v1";

/// Files beside the connections: standard streams, pollers, what is read in `/proc`.
const RESERVED_FILES: u64 = 32;

/// Longest message: what a connection takes by default.
const MAX_SIZE: usize = 16 * 1024 * 1024;
