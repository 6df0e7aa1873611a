//! What the server's owner can decide, with defaults that are safe to start with.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::chat::rate_limit::Rate;
use crate::chat::shares::{Allowances, Share};

mod print;
mod sources;

pub use print::print;
pub use sources::{ConfigError, Flags, load};

/// The effective configuration.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where to listen, for whom, and where to keep things.
    pub server: ServerConfig,
    /// With which certificate to speak TLS.
    pub tls: TlsConfig,
    /// Who may come in.
    pub accounts: AccountsConfig,
    /// How rooms are kept.
    pub chat: ChatConfig,
    /// How much and how fast.
    pub limits: LimitsConfig,
}

/// The section `[server]`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServerConfig {
    /// Addresses for browsers and programs: `IP:PORT`, or `unix:PATH`.
    #[serde(deserialize_with = "one_or_several")]
    pub listen: Vec<String>,
    /// The address for terminals, or `off`.
    pub line_listen: String,
    /// The address for metrics and health, or `off`.
    pub admin_listen: String,
    /// Where the database and generated keys are.
    pub data_dir: PathBuf,
    /// Event-loop threads; 0: one a core.
    pub threads: usize,
    /// Most connections; 0: what the limit of open files allows.
    pub max_connections: usize,
    /// Most connections from one address; 0: no limit. Loopback has none.
    pub max_connections_per_ip: u32,
    /// Networks of proxies that are believed when they say for whom they connect, by
    /// `X-Forwarded-For` or a PROXY header; `unix`: whoever connects to a Unix socket.
    #[serde(deserialize_with = "one_or_several")]
    pub trusted_proxies: Vec<String>,
    /// Whether connections for browsers and terminals begin with a PROXY header; then only trusted
    /// proxies get in.
    pub proxy_protocol: bool,
    /// Whether to listen beyond loopback without TLS.
    pub allow_plaintext: bool,
    /// Origins of pages that may connect, beside the server's own.
    #[serde(deserialize_with = "one_or_several")]
    pub allow_origin: Vec<String>,
    /// For how many microseconds a thread with nothing to do looks for events before it sleeps.
    pub busy_poll: u64,
    /// Whether to take over from a server that runs on the same data, instead of refusing to start.
    pub take_over: bool,
    /// Over how many seconds the connections are closed on SIGTERM.
    pub drain: f64,
    /// The message of the day.
    pub motd: String,
}

/// The section `[tls]`; without certificates everything is in the clear.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct TlsConfig {
    /// A PEM file: the certificate, and those that lead from it to an authority. Empty: none.
    pub cert: PathBuf,
    /// A PEM file with the certificate's private key. Empty: none.
    pub key: PathBuf,
    /// Whether the server makes a certificate of its own.
    pub self_signed: bool,
}

/// The section `[accounts]`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct AccountsConfig {
    /// Whether names without an account are admitted.
    #[serde(deserialize_with = "on_or_off", serialize_with = "to_on_or_off")]
    pub guests: bool,
    /// Who may register.
    pub registration: Registration,
}

/// Who may register.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Registration {
    /// Everybody, where only this machine can connect; nobody elsewhere.
    #[default]
    Auto,
    /// Everybody.
    Open,
    /// Whoever has an invite.
    Invite,
    /// Nobody.
    Closed,
}

impl Registration {
    /// Its name in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Open => "open",
            Self::Invite => "invite",
            Self::Closed => "closed",
        }
    }
}

/// The section `[chat]`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ChatConfig {
    /// For how many days messages are kept where a room's owner decided nothing; 0: for ever.
    pub retention_days: u32,
}

/// The section `[limits]`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsConfig {
    /// Messages a second that a connection may send in the long run; 0: no limit.
    pub messages_per_second: f64,
    /// Messages that a connection may send at once.
    pub burst: f64,
    /// Messages a second of an account over all of its connections, in the long run; 0: no limit.
    pub account_messages_per_second: f64,
    /// Messages of an account that pass at once.
    pub account_burst: f64,
    /// Bytes a second of what an account says; as many as in 16 seconds pass at once; 0: no limit.
    pub account_bytes_per_second: f64,
    /// Rooms that an account enters a second; as many as in a minute pass at once; 0: no limit.
    pub account_joins_per_second: f64,
    /// The same for all who come from one address.
    pub address_messages_per_second: f64,
    /// Messages from an address that pass at once.
    pub address_burst: f64,
    /// Bytes a second of what is said from an address.
    pub address_bytes_per_second: f64,
    /// Rooms entered a second from an address.
    pub address_joins_per_second: f64,
    /// Most rooms.
    pub max_rooms: usize,
}

impl LimitsConfig {
    /// What somebody may ask for over all connections; nothing is limited where messages are not.
    pub(crate) fn allowances(&self) -> Allowances {
        if self.messages_per_second <= 0.0 {
            return Allowances::FREE;
        }
        let rate = |per_second, seconds| Rate {
            per_second,
            burst: per_second * seconds,
        };
        // All connections together may at least what one of them may.
        let messages = |per_second: f64, burst: f64| match per_second {
            0.0 => Rate::FREE,
            _ => Rate {
                per_second: per_second.max(self.messages_per_second),
                burst: burst.max(self.burst),
            },
        };
        Allowances {
            account: Share {
                messages: messages(self.account_messages_per_second, self.account_burst),
                bytes: rate(self.account_bytes_per_second, BYTES_SECONDS),
                joins: rate(self.account_joins_per_second, JOINS_SECONDS),
            },
            address: Share {
                messages: messages(self.address_messages_per_second, self.address_burst),
                bytes: rate(self.address_bytes_per_second, BYTES_SECONDS),
                joins: rate(self.address_joins_per_second, JOINS_SECONDS),
            },
        }
    }
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: vec!["127.0.0.1:8080".into()],
            line_listen: "127.0.0.1:8888".into(),
            admin_listen: "127.0.0.1:9090".into(),
            data_dir: "./chinwag-data".into(),
            threads: 0,
            max_connections: 0,
            max_connections_per_ip: 256,
            trusted_proxies: Vec::new(),
            proxy_protocol: false,
            allow_plaintext: false,
            allow_origin: Vec::new(),
            busy_poll: 0,
            take_over: false,
            drain: 10.0,
            motd: String::new(),
        }
    }
}

impl Default for AccountsConfig {
    fn default() -> Self {
        Self {
            guests: true,
            registration: Registration::Auto,
        }
    }
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            messages_per_second: 10.0,
            burst: 20.0,
            // Five devices that paste at once.
            account_messages_per_second: 20.0,
            account_burst: 100.0,
            account_bytes_per_second: 64.0 * 1024.0,
            account_joins_per_second: 10.0,
            // A school behind one address: a thousand who all speak within five seconds.
            address_messages_per_second: 200.0,
            address_burst: 2_000.0,
            address_bytes_per_second: 1024.0 * 1024.0,
            address_joins_per_second: 100.0,
            max_rooms: 10_000,
        }
    }
}

/// A paste of 20 messages of the longest passes at the default rate.
const BYTES_SECONDS: f64 = 16.0;

/// Some devices that come back to all of their rooms do.
const JOINS_SECONDS: f64 = 60.0;

impl TlsConfig {
    /// Whether TLS is spoken.
    pub fn is_on(&self) -> bool {
        self.self_signed || !self.cert.as_os_str().is_empty()
    }

    /// Says what is wrong with the settings as such, whatever is in the files.
    ///
    /// # Errors
    /// The settings contradict each other.
    pub fn check(&self) -> Result<(), &'static str> {
        let has_cert = !self.cert.as_os_str().is_empty();
        let has_key = !self.key.as_os_str().is_empty();
        if has_cert != has_key {
            return Err("tls.cert and tls.key belong together: one of them is missing");
        }
        if has_cert && self.self_signed {
            return Err("tls.self_signed is for a server without tls.cert and tls.key");
        }
        Ok(())
    }
}

impl ServerConfig {
    /// The window over which a drain spreads the closes.
    pub fn drain_window(&self) -> Duration {
        Duration::try_from_secs_f64(self.drain).unwrap_or_default()
    }

    /// How long a thread with nothing to do looks for events before it sleeps.
    pub fn busy_poll(&self) -> Duration {
        Duration::from_micros(self.busy_poll)
    }

    /// Event-loop threads.
    pub fn thread_count(&self) -> usize {
        match self.threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        }
    }
}

/// Reads a list of texts, or a single one without its brackets.
fn one_or_several<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "expected a string, or a list of them")]
    enum Texts {
        One(String),
        Several(Vec<String>),
    }
    Ok(match Texts::deserialize(deserializer)? {
        Texts::One(text) => vec![text],
        Texts::Several(texts) => texts,
    })
}

/// Reads `true` or `"on"`, `false` or `"off"`; the environment has all of them as texts.
fn on_or_off<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "expected on or off")]
    enum Switch {
        Bool(bool),
        Word(String),
    }
    match Switch::deserialize(deserializer)? {
        Switch::Bool(value) => Ok(value),
        Switch::Word(word) => word_as_switch(&word).ok_or_else(|| {
            serde::de::Error::custom(format_args!("\"{word}\" is neither on nor off"))
        }),
    }
}

/// Whether a word means on; `None` if it means neither on nor off.
fn word_as_switch(word: &str) -> Option<bool> {
    match word {
        "on" | "true" => Some(true),
        "off" | "false" => Some(false),
        _ => None,
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature that serde calls"
)]
fn to_on_or_off<S: Serializer>(value: &bool, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(if *value { "on" } else { "off" })
}
