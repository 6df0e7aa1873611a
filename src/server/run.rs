//! Starts the chat server, and ends it.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::chat::Hub;
use crate::chat::hub::Policy;
use crate::chat::rate_limit::Rate;
use crate::net::{self, Listener, Runtime, Tls};
use crate::server::admission::Admission;
use crate::server::chat_service::ChatService;
use crate::server::clock;
use crate::server::config::Config;
use crate::server::control::{Control, watch_signals};
use crate::server::error::StartError;
use crate::server::hub_thread::{self, HubReceiver, HubSender, HubThread};
use crate::server::listen::{RESERVED_FILES, bind, raise_open_file_limit};
use crate::server::mail::Mail;
use crate::server::shared::{Purpose, Shared};
use crate::server::tls::Certificates;
use crate::server::token::TokenKey;
use crate::storage::{DataDir, Log, Reader, Storage};
use crate::websocket::handshake::Origin;

/// Runs the chat server until a signal ends it; `announce` gets a line for each address.
///
/// # Errors
/// Whatever keeps it from starting; nothing runs then.
pub fn serve(config: &Config, mut announce: impl FnMut(&str)) -> Result<(), StartError> {
    let (mut server, control) = Server::start(config)?;
    // Only now may a signal come: whoever waits for these lines can rely on everything.
    for line in std::mem::take(&mut server.addresses) {
        announce(&line);
    }
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
    storage: Storage,
    certificates: Option<Certificates>,
}

impl Server {
    fn start(config: &Config) -> Result<(Self, Receiver<Control>), StartError> {
        let data_dir = DataDir::open(&config.server.data_dir)?;
        let token_key = TokenKey::new(data_dir.secret("guest-token.key")?);
        let certificates = Certificates::open(&config.tls, Some(&data_dir), clock::now())?;
        let mut log = Log::open(&data_dir)?;
        let policy = Policy {
            guests: config.accounts.guests,
            max_rooms: config.limits.max_rooms,
        };
        let chat = Hub::new(policy, log.rooms()?);
        let reader = Reader::open(&data_dir)?;
        let (listeners, purposes) = listeners(config)?;
        let bound = listeners.iter().zip(&purposes);
        let is_tls = certificates.is_some();
        let mut addresses: Vec<String> = bound
            .map(|(listener, purpose)| describe(listener, *purpose, is_tls))
            .collect();
        let fingerprint = certificates.as_ref().and_then(Certificates::fingerprint);
        addresses.extend(fingerprint.map(|it| format!("certificate has SHA-256 fingerprint {it}")));

        let shared = Arc::new(shared(config, token_key, purposes).over_tls(is_tls));
        let (control, controlled) = mpsc::channel();
        let (hub, receiver) = hub_thread::queue();
        let deliver = hub.clone();
        let storage = Storage::start(log, reader, move |delivery| deliver.delivered(delivery))
            .map_err(system("the threads of the log"))?;
        let tls = certificates.as_ref().map(|it| tls(it, &shared.purposes));
        let runtime = start_workers(config, listeners, tls, &shared, &hub, &control)?;
        let hub_thread = start_hub(chat, &runtime, &storage, &shared, receiver)?;
        watch_signals(control).map_err(system("the watch for signals"))?;
        Ok((
            Self {
                addresses,
                shared,
                runtime,
                hub,
                hub_thread,
                storage,
                certificates,
            },
            controlled,
        ))
    }

    /// Waits for the signal to end, lets everyone go, and ends.
    fn run(mut self, control: &Receiver<Control>, window: Duration) {
        loop {
            match control.recv_timeout(RENEWAL_INTERVAL) {
                Ok(Control::Terminate) | Err(RecvTimeoutError::Disconnected) => break,
                Ok(Control::Reload) => self.reload(),
                Ok(Control::Drained) => {}
                Err(RecvTimeoutError::Timeout) => self.renew_if_due(),
            }
        }
        tracing::info!(seconds = window.as_secs_f64(), "closing all connections");
        if self.drain(control, window) {
            self.stop();
        } else {
            // Told twice: what was acknowledged is durable, and nobody is owed more.
            self.storage.stop();
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
        for worker in self.runtime.senders() {
            // A worker that is gone accepts nothing.
            let _ = worker.send(Mail::RenewTls(certificates.acceptor().clone()));
        }
        let fingerprint = certificates.fingerprint();
        tracing::info!(
            fingerprint,
            "new connections get the certificate as it is now"
        );
    }

    fn renew_if_due(&mut self) {
        let is_due = |it: &Certificates| it.is_due(clock::now());
        if self.certificates.as_ref().is_some_and(is_due) {
            self.reload();
        }
    }

    /// Has all connections closed within the window; false if a second signal cut it short.
    fn drain(&self, control: &Receiver<Control>, window: Duration) -> bool {
        self.shared.begin_drain();
        for worker in self.runtime.senders() {
            // A worker that is gone has no connections.
            let _ = worker.send(Mail::Drain { window });
        }
        let until = now() + window + CLOSE_GRACE;
        while self.shared.user_count() > 0 {
            match control.recv_timeout(until.saturating_duration_since(now())) {
                Ok(Control::Terminate) => return false,
                Ok(Control::Reload | Control::Drained) => {}
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
            }
        }
        true
    }

    /// Ends the threads in the order in which data flows: workers, hub, storage.
    fn stop(self) {
        for worker in self.runtime.senders() {
            let _ = worker.send(Mail::Stop);
        }
        self.runtime.join();
        self.hub.stop();
        // A hub that panicked has said so.
        let _ = self.hub_thread.join();
        self.storage.stop();
    }
}

/// Binds all addresses.
fn listeners(config: &Config) -> Result<(Vec<Listener>, Vec<Purpose>), StartError> {
    let server = &config.server;
    let web = server.listen.iter().map(|address| (address, Purpose::Web));
    let others = [
        (&server.line_listen, Purpose::Line),
        (&server.admin_listen, Purpose::Admin),
    ];
    let others = others.into_iter().filter(|(address, _)| *address != "off");
    let (mut listeners, mut purposes) = (Vec::new(), Vec::new());
    for (address, purpose) in web.chain(others) {
        let is_tls = config.tls.is_on() && purpose.may_be_tls();
        listeners.push(bind(address, is_tls || server.allow_plaintext)?);
        purposes.push(purpose);
    }
    Ok((listeners, purposes))
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
    let possible = open_files.saturating_sub(RESERVED_FILES).max(1);
    let max_connections = match config.server.max_connections {
        0 => possible,
        wanted => wanted.min(possible),
    };
    let allow_origin = &config.server.allow_origin;
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
        open_files.saturating_sub(RESERVED_FILES / 2),
    )
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
        ..net::Config::default()
    };
    let service = |worker, _: &Runtime<Mail>| {
        let worker = u32::try_from(worker).expect("at most 1024 threads");
        ChatService::new(worker, hub.clone(), Arc::clone(shared), control.clone())
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
    storage: &Storage,
    shared: &Shared,
    receiver: HubReceiver,
) -> Result<JoinHandle<()>, StartError> {
    let metrics = Arc::clone(&shared.metrics);
    HubThread::new(hub, runtime.senders().to_vec(), storage.handle(), metrics)
        .start(receiver)
        .map_err(system("the hub"))
}

fn system(what: &'static str) -> impl Fn(std::io::Error) -> StartError {
    move |source| StartError::System { what, source }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the main thread waits until a time"
)]
fn now() -> Instant {
    Instant::now()
}

/// How often a certificate of the server's own is looked at: it is renewed a month ahead.
const RENEWAL_INTERVAL: Duration = Duration::from_secs(24 * 3600);

/// How long after the window a peer may take for its part of the closing handshake.
const CLOSE_GRACE: Duration = Duration::from_secs(2);
