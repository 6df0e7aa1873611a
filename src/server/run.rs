//! Starts the chat server, and ends it.

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::chat::Hub;
use crate::chat::account::LoginToken;
use crate::chat::rate_limit::Rate;
use crate::net::{self, Listener, Runtime, Tls, TrustedPeers};
use crate::server::activation;
use crate::server::admission::Admission;
use crate::server::assets;
use crate::server::chat_service::ChatService;
use crate::server::clock;
use crate::server::config::Config;
use crate::server::context::Sources;
use crate::server::control::{Control, watch_signals};
use crate::server::error::StartError;
use crate::server::founding::found;
use crate::server::handover::{await_successor, hand_over, socket_path, take_over};
use crate::server::hashers::{Hashers, HashersHandle};
use crate::server::hub_queue::{self, HubReceiver, HubSender};
use crate::server::hub_thread::HubThread;
use crate::server::listen::{Inherited, Listening, Reserve, raise_open_file_limit};
use crate::server::mail::Mail;
use crate::server::notify::{Status, notify};
use crate::server::operator::{ASK_INTERVAL, MAX_ASKED, await_operator, is_nobody};
use crate::server::reach::Threads;
use crate::server::shared::{Purpose, Shared};
use crate::server::tls::Certificates;
use crate::server::token::{self, TokenKey};
use crate::storage::{DataDir, Log, Reader, Storage, StorageError, StorageHandle};
use crate::websocket::handshake::Origin;

/// Runs the chat server until a signal ends it; `announce` gets a line for each address.
///
/// # Errors
/// Whatever keeps it from starting; nothing runs then.
pub fn serve(config: &Config, mut announce: impl FnMut(&str)) -> Result<(), StartError> {
    // Before a server that runs is asked to give way.
    assets::prepare();
    let (mut server, control) = Server::start(config)?;
    // Only now may a signal come: whoever waits for these lines can rely on everything.
    for line in std::mem::take(&mut server.addresses) {
        announce(&line);
    }
    notify(Status::Ready);
    server.run(&control, config.server.drain_window());
    Ok(())
}

/// A server that runs: what is needed to end it.
#[derive(Debug)]
struct Server {
    /// What listens where, a line each.
    addresses: Vec<String>,
    shared: Arc<Shared>,
    runtime: Runtime<Mail>,
    hub: HubSender,
    hub_thread: JoinHandle<()>,
    /// `None` when a successor has the data.
    storage: Option<Storage>,
    hashers: Hashers,
    /// What to hand over to a successor.
    listeners: Vec<(Purpose, Listener)>,
    /// Where newcomers wait for a successor, although this server ends without one.
    managed: Arc<[usize]>,
    certificates: Option<Certificates>,
}

impl Server {
    fn start(config: &Config) -> Result<(Self, Receiver<Control>), StartError> {
        let passed = activation::passed()
            .map_err(|(name, source)| StartError::BadSocket { name, source })?;
        let (data_dir, taken_over) = open_data(config)?;
        let token_key = TokenKey::new(data_dir.secret("guest-token.key")?);
        let certificates = Certificates::open(&config.tls, Some(&data_dir), clock::now())?;
        let mut log = Log::open(&data_dir)?;
        let reader = Reader::open(&data_dir)?;
        let inherited = Inherited { passed, taken_over };
        let listening = Listening::open(config, inherited)?;
        let mut addresses = describe_all(&listening, certificates.as_ref());
        let (chat, claim) = found(config, &data_dir, &mut log, &listening)?;
        addresses
            .extend(claim.map(|claim| describe_claim(&listening, &claim, certificates.as_ref())));
        let kept = keep(&listening).map_err(system("the event loops"))?;
        let managed = let_go_early(&listening);

        let shared = shared(config, token_key, listening.purposes);
        let shared = shared.with_network_bans(chat.network_bans());
        let shared = shared.with_entrance(chat.entrance());
        let shared = Arc::new(shared.over_tls(certificates.is_some()));
        let (control, controlled) = mpsc::channel();
        let (hub, receiver) = hub_queue::queue();
        let deliver = hub.clone();
        let storage = Storage::start(log, reader, move |delivery| deliver.delivered(delivery))
            .map_err(system("the threads of the log"))?;
        let tls = certificates.as_ref().map(|it| tls(it, &shared.purposes));
        let listeners = listening.listeners;
        let runtime = start_workers(config, listeners, tls, &shared, &hub, &control)?;
        let deliver = hub.clone();
        let hashers = Hashers::start(move |hashed| deliver.hashed(hashed))
            .map_err(system("the threads that hash passwords"))?;
        let handles = (storage.handle(), hashers.handle());
        let hub_thread = start_hub(chat, &runtime, handles, &shared, receiver)?;
        if let Err(error) = await_operator(data_dir.path(), hub.clone(), Arc::clone(&shared)) {
            tracing::warn!(%error, "accounts cannot be changed beside this server");
        }
        if let Err(error) = await_successor(data_dir.path(), control.clone()) {
            tracing::warn!(%error, "no successor can take over from this server");
        }
        watch_signals(control).map_err(system("the watch for signals"))?;
        Ok((
            Self {
                addresses,
                shared,
                runtime,
                hub,
                hub_thread,
                storage: Some(storage),
                hashers,
                listeners: kept,
                managed,
                certificates,
            },
            controlled,
        ))
    }

    /// Waits for the signal to end, or a successor, lets everyone go, and ends.
    fn run(mut self, control: &Receiver<Control>, window: Duration) {
        loop {
            match control.recv_timeout(RENEWAL_INTERVAL) {
                Ok(Control::Terminate) | Err(RecvTimeoutError::Disconnected) => break,
                Ok(Control::HandOver(successor)) => {
                    if self.give_way(successor) {
                        break;
                    }
                }
                Ok(Control::Reload) => {
                    notify(Status::Reloading);
                    self.reload();
                    notify(Status::Ready);
                }
                Ok(Control::Drained) => {}
                Err(RecvTimeoutError::Timeout) => self.renew_if_due(),
            }
        }
        tracing::info!(seconds = window.as_secs_f64(), "closing all connections");
        notify(Status::Stopping);
        if self.drain(control, window) {
            self.stop();
        } else if let Some(storage) = self.storage {
            // Told twice: what was acknowledged is durable, and nobody is owed more.
            storage.stop();
        }
    }

    /// Looks at the certificate's files again; connections that are open stay as they are.
    fn reload(&mut self) {
        let Some(certificates) = &mut self.certificates else {
            tracing::info!("nothing to reload: there are no certificates");
            return;
        };
        if let Err(error) = certificates.renew(clock::now()) {
            tracing::error!(%error, "the certificate in use stays");
            return;
        }
        let (acceptor, fingerprint) = (certificates.acceptor().clone(), certificates.fingerprint());
        tracing::info!(
            fingerprint,
            "new connections get the certificate as it is now"
        );
        self.tell_all(&Mail::RenewTls(acceptor));
    }

    fn renew_if_due(&mut self) {
        let is_due = |it: &Certificates| it.is_due(clock::now());
        if self.certificates.as_ref().is_some_and(is_due) {
            self.reload();
        }
    }

    /// Hands sockets and data over to a successor, if it takes them. Connections stay, but nothing
    /// can be asked through them any more.
    fn give_way(&mut self, successor: UnixStream) -> bool {
        if self.storage.is_none() {
            return false;
        }
        if let Err(error) = hand_over(&successor, &self.listeners) {
            tracing::warn!(%error, "a successor asked to take over, and did not");
            return false;
        }
        tracing::info!("handing over to a successor");
        self.let_go((0..self.listeners.len()).collect());
        self.shared.begin_hand_over();
        self.listeners.clear();
        // What was asked before is judged, written down and answered; what slips in behind that is
        // answered busy, if at all, and its asker gets a close.
        self.hub.settle();
        if let Some(storage) = self.storage.take() {
            storage.stop();
        }
        // Now the data is free: the successor waits for the end of this connection.
        drop(successor);
        true
    }

    /// Has all connections closed within the window; false if a second signal cut it short.
    fn drain(&mut self, control: &Receiver<Control>, window: Duration) -> bool {
        self.let_go(Arc::clone(&self.managed));
        self.shared.begin_drain();
        self.tell_all(&Mail::Drain { window });
        let until = now() + window + CLOSE_GRACE;
        while self.shared.user_count() > 0 {
            match control.recv_timeout(until.saturating_duration_since(now())) {
                Ok(Control::Terminate) => return false,
                Ok(Control::HandOver(successor)) => {
                    self.give_way(successor);
                }
                Ok(Control::Reload | Control::Drained) => {}
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
            }
        }
        true
    }

    /// Has the workers accept no more from these listeners, and waits until none does: whoever comes
    /// from then on waits for another server, and nobody hears that this one closes.
    fn let_go(&self, listeners: Arc<[usize]>) {
        let (done, all_done) = mpsc::channel();
        self.tell_all(&Mail::LetGo { listeners, done });
        // Each worker's end is dropped; the time is for one that hangs.
        let _ = all_done.recv_timeout(LET_GO_PATIENCE);
    }

    fn tell_all(&self, mail: &Mail) {
        for worker in self.runtime.senders() {
            // A worker that is gone has no connections.
            let _ = worker.send(mail.clone());
        }
    }

    /// Ends the threads in the order in which data flows: workers, hub, storage.
    fn stop(self) {
        self.tell_all(&Mail::Stop);
        // Nobody can connect any more when the workers have closed theirs.
        drop(self.listeners);
        self.runtime.join();
        self.hub.stop();
        self.hashers.stop();
        // A hub that panicked has said so.
        let _ = self.hub_thread.join();
        if let Some(storage) = self.storage {
            storage.stop();
        }
    }
}

/// Opens the data directory, and takes it over from a server that uses it, if that is wanted.
fn open_data(config: &Config) -> Result<(DataDir, Vec<(Purpose, Listener)>), StartError> {
    let path = &config.server.data_dir;
    if !config.server.take_over {
        return Ok((DataDir::open_within(path, DATA_PATIENCE)?, Vec::new()));
    }
    let mut opened = DataDir::open(path);
    let mut asked_count = 0;
    while let Err(StorageError::InUse { .. }) = opened {
        match take_over(path) {
            Ok(listeners) => return Ok((DataDir::open_within(path, DATA_PATIENCE)?, listeners)),
            // It is about to start, or no server.
            Err(error) if is_nobody(&error) && asked_count < MAX_ASKED => asked_count += 1,
            Err(error) if is_nobody(&error) => {
                let socket = socket_path(path);
                let path = path.clone();
                return Err(StartError::NobodyHandsOver { path, socket });
            }
            Err(source) => {
                let path = path.clone();
                return Err(StartError::TakeOver { path, source });
            }
        }
        opened = DataDir::open_within(path, ASK_INTERVAL);
    }
    Ok((opened?, Vec::new()))
}

/// Handles of all listening sockets, to be handed over one day.
fn keep(listening: &Listening) -> io::Result<Vec<(Purpose, Listener)>> {
    let purposes = listening.purposes.iter().copied();
    purposes
        .zip(&listening.listeners)
        .map(|(purpose, listener)| Ok((purpose, listener.try_clone()?)))
        .collect()
}

/// What listens where, a line each, and by what a certificate of the server's own is known.
fn describe_all(listening: &Listening, certificates: Option<&Certificates>) -> Vec<String> {
    let bound = listening.listeners.iter().zip(&listening.purposes);
    let is_tls = certificates.is_some();
    let mut lines: Vec<String> = bound
        .map(|(listener, purpose)| describe(listener, *purpose, is_tls))
        .collect();
    let fingerprint = certificates.and_then(Certificates::fingerprint);
    lines.extend(fingerprint.map(|it| format!("certificate has SHA-256 fingerprint {it}")));
    lines
}

/// Where the server's first owner shows up, for whoever started the server.
fn describe_claim(
    listening: &Listening,
    claim: &LoginToken,
    certificates: Option<&Certificates>,
) -> String {
    let mut bound = listening.listeners.iter().zip(&listening.purposes);
    let is_web = |(listener, purpose): &(&Listener, &Purpose)| {
        **purpose == Purpose::Web && matches!(listener.address(), net::ListenAddress::Tcp(_))
    };
    let address = bound.find(is_web).map(|(listener, _)| listener.address());
    let scheme = certificates.map_or("http", |_| "https");
    let path = format!("/claim/{}", token::write_login(claim));
    match address {
        Some(address) => format!("become its owner, once, at {scheme}://{address}{path}"),
        None => format!("become its owner, once, at {path}"),
    }
}

/// The sockets of a service manager at which newcomers may wait for the next server. Who asks how
/// this one is, is told by it to the end.
fn let_go_early(listening: &Listening) -> Arc<[usize]> {
    let managed = listening.managed.iter().copied();
    managed
        .filter(|nth| listening.purposes[*nth] != Purpose::Admin)
        .collect()
}

/// What listens where, for whoever started the server.
fn describe(listener: &Listener, purpose: Purpose, is_tls: bool) -> String {
    let address = listener.address();
    let note = if is_tls { " (TLS)" } else { "" };
    let scheme = if is_tls { "https" } else { "http" };
    match (purpose, address) {
        (Purpose::Web, net::ListenAddress::Unix(_)) => format!("web on {address}{note}"),
        (Purpose::Web, net::ListenAddress::Tcp(_)) => format!("web on {scheme}://{address}"),
        (Purpose::Line, _) => format!("lines on {address}{note}"),
        (Purpose::Admin, _) => format!("admin on http://{address}"),
    }
}

/// Which listeners speak TLS.
fn tls(certificates: &Certificates, purposes: &[Purpose]) -> Tls {
    let all = purposes.iter().enumerate();
    Tls {
        acceptor: certificates.acceptor().clone(),
        listeners: all
            .filter(|(_, purpose)| purpose.may_be_tls())
            .map(|(nth, _)| nth)
            .collect(),
    }
}

fn shared(config: &Config, token_key: TokenKey, purposes: Vec<Purpose>) -> Shared {
    let open_files = raise_open_file_limit();
    let reserve = Reserve::of(config.server.thread_count(), purposes.len());
    let possible = open_files.saturating_sub(reserve.total).max(1);
    let max_connections = match config.server.max_connections {
        0 => possible,
        wanted => wanted.min(possible),
    };
    let allow_origin = &config.server.allow_origin;
    let trusted_proxies = config.server.trusted_proxies.iter().map(String::as_str);
    // What is no network was refused when the configuration was read.
    let trusted_proxies = TrustedPeers::parse(trusted_proxies).unwrap_or_default();
    Shared::new(
        Admission::new(max_connections, config.server.max_connections_per_ip),
        token_key,
        allow_origin
            .iter()
            .filter_map(|origin| Origin::parse(origin.as_bytes()))
            .collect(),
        Rate {
            per_second: config.limits.messages_per_second,
            burst: config.limits.burst,
        },
        config.server.motd.clone(),
        purposes,
        open_files.saturating_sub(reserve.total - reserve.lendable),
    )
    .with_trusted_proxies(Arc::new(trusted_proxies))
}

fn start_workers(
    config: &Config,
    listeners: Vec<Listener>,
    tls: Option<Tls>,
    shared: &Arc<Shared>,
    hub: &HubSender,
    control: &Sender<Control>,
) -> Result<Runtime<Mail>, StartError> {
    let net_config = net::Config {
        thread_name: "chinwag-worker".into(),
        tls,
        busy_poll: config.server.busy_poll(),
        trusted: Arc::clone(&shared.trusted_proxies),
        ..net::Config::default()
    };
    let service = |worker, _: &Runtime<Mail>| {
        let worker = u32::try_from(worker).expect("at most 1024 threads");
        let (hub, shared, control) = (hub.clone(), Arc::clone(shared), control.clone());
        ChatService::new(worker, hub, shared, control, Sources::system())
    };
    let runtime = net::start(
        &net_config,
        listeners,
        config.server.thread_count(),
        service,
    )
    .map_err(system("the event loops"))?;
    shared.metrics.observe(runtime.gauges().clone());
    Ok(runtime)
}

fn start_hub(
    hub: Hub,
    runtime: &Runtime<Mail>,
    (storage, hashers): (StorageHandle, HashersHandle),
    shared: &Shared,
    receiver: HubReceiver,
) -> Result<JoinHandle<()>, StartError> {
    let metrics = Arc::clone(&shared.metrics);
    let threads = Threads::new(runtime.senders(), storage, hashers);
    HubThread::new(hub, threads, metrics)
        .start(receiver)
        .map_err(system("the hub"))
}

fn system(what: &'static str) -> impl Fn(io::Error) -> StartError {
    move |source| StartError::System { what, source }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the main thread waits until a time"
)]
fn now() -> Instant {
    Instant::now()
}

/// How long `chinwag user`, or a server that ends, may keep the data.
const DATA_PATIENCE: Duration = Duration::from_secs(2);

/// A turn of an event loop takes milliseconds.
const LET_GO_PATIENCE: Duration = Duration::from_secs(1);

/// How often a certificate of the server's own is looked at: it is renewed a month ahead.
const RENEWAL_INTERVAL: Duration = Duration::from_secs(24 * 3600);

/// How long after the window a peer may take for its part of the closing handshake.
const CLOSE_GRACE: Duration = Duration::from_secs(2);
