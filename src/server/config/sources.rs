//! Where the configuration comes from: flag > environment > file > default.
//!
//! Each source is a TOML table; later ones are laid over earlier ones, and the result is read into
//! [`Config`] once, which refuses keys that it does not know.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use crate::net::TrustedPeers;
use crate::server::config::{Config, word_as_switch};
use crate::websocket::handshake::Origin;

/// What the command line says; `None`: nothing.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// The file to read.
    pub config: Option<PathBuf>,
    /// Settings by section and key, in the form of their TOML values.
    pub settings: Vec<(&'static str, &'static str, Value)>,
}

/// Why there is no configuration.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be read.
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why, as the system says.
        reason: String,
    },
    /// The file is no TOML.
    Malformed {
        /// Which.
        path: PathBuf,
        /// Where and why.
        reason: String,
    },
    /// An environment variable is not of the form `CHINWAG__SECTION__KEY`, or its value of no use.
    Environment {
        /// Which.
        name: String,
        /// Why.
        reason: &'static str,
    },
    /// A key is unknown, or a value of the wrong kind.
    Invalid {
        /// Which and why.
        reason: String,
    },
}

/// Puts the configuration together; `environment` is all of it, other variables are passed over.
///
/// # Errors
/// The first thing that is wrong.
pub fn load(
    flags: &Flags,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Config, ConfigError> {
    let mut table = Table::new();
    if let Some(path) = &flags.config {
        table = read_file(path)?;
    }
    let defaults = Table::try_from(Config::default()).expect("the defaults are TOML");
    for (name, value) in environment {
        // Names and values of other programs need not be UTF-8.
        let Some((name, path)) = name
            .to_str()
            .and_then(|name| Some((name, name.strip_prefix(PREFIX)?)))
        else {
            continue;
        };
        let error = |reason| ConfigError::Environment {
            name: name.into(),
            reason,
        };
        let value = value.to_str().ok_or(error("the value is not UTF-8"))?;
        let path = path.to_ascii_lowercase();
        let (section, key) = path
            .split_once("__")
            .ok_or(error("it must be SECTION__KEY"))?;
        let example = defaults.get(section).and_then(|section| section.get(key));
        let example = example.ok_or(error("there is no such setting"))?;
        let value = parse_like(example, value).ok_or(error("the value is of another kind"))?;
        set(&mut table, section, key, value);
    }
    for (section, key, value) in &flags.settings {
        set(&mut table, section, key, value.clone());
    }
    let invalid = |reason: String| ConfigError::Invalid { reason };
    let config: Config = table.try_into().map_err(|error: toml::de::Error| {
        invalid(error.message().trim_end().replace('\n', ", "))
    })?;
    check(&config).map_err(|reason| invalid(reason.into()))?;
    let trusted = config.server.trusted_proxies.iter().map(String::as_str);
    TrustedPeers::parse(trusted)
        .map_err(|(text, error)| invalid(format!("server.trusted_proxies has {text}: {error}")))?;
    Ok(config)
}

fn read_file(path: &Path) -> Result<Table, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|error| ConfigError::Unreadable {
        path: path.into(),
        reason: error.to_string(),
    })?;
    let table: Table = text
        .parse()
        .map_err(|error: toml::de::Error| ConfigError::Malformed {
            path: path.into(),
            reason: error.to_string().trim_end().replace('\n', " "),
        })?;
    // Read once alone, so that an unknown key is blamed on the file.
    table
        .clone()
        .try_into::<Config>()
        .map_err(|error| ConfigError::Malformed {
            path: path.into(),
            reason: error.message().trim_end().replace('\n', ", "),
        })?;
    Ok(table)
}

/// A variable's text as a value of the kind that the default has.
fn parse_like(example: &Value, text: &str) -> Option<Value> {
    match example {
        Value::String(_) => Some(Value::String(text.into())),
        Value::Integer(_) => text.parse().ok().map(Value::Integer),
        Value::Float(_) => text.parse().ok().map(Value::Float),
        Value::Boolean(_) => word_as_switch(text).map(Value::Boolean),
        Value::Array(_) => {
            let items = text
                .split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty());
            Some(Value::Array(
                items.map(|item| Value::String(item.into())).collect(),
            ))
        }
        Value::Datetime(_) | Value::Table(_) => None,
    }
}

fn set(table: &mut Table, section: &str, key: &str, value: Value) {
    let section = table
        .entry(section)
        .or_insert_with(|| Value::Table(Table::new()));
    if let Value::Table(section) = section {
        section.insert(key.into(), value);
    }
}

/// What the kinds of the values do not say.
fn check(config: &Config) -> Result<(), &'static str> {
    let is_count = |value: f64| value.is_finite() && value >= 0.0;
    let server = &config.server;
    let limits = &config.limits;
    if server.listen.is_empty() {
        return Err("server.listen names no address");
    }
    if !is_count(server.drain) || server.drain > MAX_DRAIN_SECONDS {
        return Err("server.drain must be a number of seconds up to 3600");
    }
    if server.threads > MAX_THREADS {
        return Err("server.threads must be at most 1024");
    }
    if server.proxy_protocol && server.trusted_proxies.is_empty() {
        return Err("server.proxy_protocol lets nobody in without server.trusted_proxies");
    }
    if server.busy_poll > MAX_BUSY_POLL_MICROS {
        return Err("server.busy_poll must be at most 1000000 microseconds");
    }
    if !server
        .allow_origin
        .iter()
        .all(|origin| Origin::parse(origin.as_bytes()).is_some())
    {
        return Err("server.allow_origin must be origins such as https://chat.example.org");
    }
    config.tls.check()?;
    if !is_count(limits.messages_per_second) || !is_count(limits.burst) {
        return Err("limits.messages_per_second and limits.burst must be numbers from 0");
    }
    if limits.messages_per_second > 0.0 && limits.burst < 1.0 {
        return Err("limits.burst must be at least 1, or no message ever passes");
    }
    let shares = [
        limits.account_messages_per_second,
        limits.account_burst,
        limits.account_bytes_per_second,
        limits.account_joins_per_second,
        limits.address_messages_per_second,
        limits.address_burst,
        limits.address_bytes_per_second,
        limits.address_joins_per_second,
    ];
    if !shares.into_iter().all(is_count) {
        return Err("limits.account_… and limits.address_… must be numbers from 0");
    }
    if limits.max_rooms == 0 || u32::try_from(limits.max_rooms).is_err() {
        return Err("limits.max_rooms must be from 1 to 4294967295");
    }
    Ok(())
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { path, reason } => {
                write!(
                    f,
                    "cannot read the configuration {}: {reason}",
                    path.display()
                )
            }
            Self::Malformed { path, reason } => {
                write!(
                    f,
                    "cannot use the configuration {}: {reason}",
                    path.display()
                )
            }
            Self::Environment { name, reason } => {
                write!(f, "cannot use the environment variable {name}: {reason}")
            }
            Self::Invalid { reason } => write!(f, "cannot use the configuration: {reason}"),
        }
    }
}

impl std::error::Error for ConfigError {}

const PREFIX: &str = "CHINWAG__";

/// Longer than any service manager waits.
const MAX_DRAIN_SECONDS: f64 = 3_600.0;

/// A second awake for nothing is no waiting any more, it is a fault.
const MAX_BUSY_POLL_MICROS: u64 = 1_000_000;

/// More than any machine has cores.
const MAX_THREADS: usize = 1_024;

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt as _;

    use super::*;

    fn with(file: &str, environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let file_on_disk = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file_on_disk.path(), file).unwrap();
        let config = Some(file_on_disk.path().into());
        let environment = environment.iter().map(|(k, v)| ((*k).into(), (*v).into()));
        load(
            &Flags {
                config,
                settings: Vec::new(),
            },
            environment,
        )
    }

    #[test]
    fn flag_beats_environment_beats_file_beats_default() {
        let file = "[server]\ndata_dir = \"file\"\nthreads = 3\ndrain = 4";
        let environment = [("CHINWAG__SERVER__DATA_DIR", "env"), ("HOME", "/")];
        let config = with(file, &environment).unwrap();
        assert_eq!(config.server.data_dir, PathBuf::from("env"));
        assert_eq!((config.server.threads, config.server.drain), (3, 4.0));
        assert_eq!(config.limits, Config::default().limits);
        let settings = vec![("server", "data_dir", Value::String("flag".into()))];
        let environment = environment.map(|(k, v)| (k.into(), v.into()));
        let config = load(
            &Flags {
                config: None,
                settings,
            },
            environment,
        )
        .unwrap();
        assert_eq!(config.server.data_dir, PathBuf::from("flag"));
    }

    #[test]
    fn environment_speaks_every_kind() {
        let config = with(
            "",
            &[
                ("CHINWAG__SERVER__LISTEN", "127.0.0.1:1, unix:/tmp/x"),
                ("CHINWAG__SERVER__ALLOW_PLAINTEXT", "true"),
                ("CHINWAG__LIMITS__BURST", "7"),
                ("CHINWAG__ACCOUNTS__GUESTS", "off"),
            ],
        );
        let config = config.unwrap();
        assert_eq!(config.server.listen, ["127.0.0.1:1", "unix:/tmp/x"]);
        assert!(config.server.allow_plaintext && !config.accounts.guests);
        assert_eq!(config.limits.burst, 7.0);
        let config = with(
            "",
            &[
                ("CHINWAG__SERVER__ALLOW_PLAINTEXT", "on"),
                ("CHINWAG__ACCOUNTS__GUESTS", "false"),
            ],
        );
        let config = config.unwrap();
        assert!(config.server.allow_plaintext && !config.accounts.guests);
    }

    #[test]
    fn single_address_needs_no_brackets() {
        let config = with("[server]\nlisten = \"127.0.0.1:1\"", &[]).unwrap();
        assert_eq!(config.server.listen, ["127.0.0.1:1"]);
        let error = with("[server]\nlisten = [1]", &[]).unwrap_err().to_string();
        assert!(error.contains("expected a string, or a list"), "{error}");
    }

    #[test]
    fn only_its_own_variables_must_be_utf8() {
        let broken = || OsString::from_vec(vec![0xff]);
        let load = |name| {
            let environment = [(broken(), broken()), (name, broken())];
            load(&Flags::default(), environment)
        };
        assert!(load("PATH".into()).is_ok());
        assert!(load("CHINWAG__SERVER__DATA_DIR".into()).is_err());
    }

    #[test]
    fn unknown_keys_and_bad_values_are_refused() {
        for file in [
            "[server]\nport = 1",
            "[serve]\n",
            "x = 1",
            "[server]\ndrain = -1",
            "[server]\nlisten = []",
            "[server]\nallow_origin = [\"example.org\"]",
            "[server]\ntrusted_proxies = [\"10.0.0.1/8\"]",
            "[server]\nproxy_protocol = true",
            "[server]\nbusy_poll = 1000001",
            "[server\n",
            "[tls]\ncert = \"a.pem\"",
            "[tls]\nkey = \"a.pem\"",
            "[tls]\ncert = \"a.pem\"\nkey = \"b.pem\"\nself_signed = true",
            "[limits]\nburst = 0",
            "[accounts]\nguests = \"maybe\"",
        ] {
            let error = with(file, &[]).expect_err(file).to_string();
            assert!(!error.contains('\n'), "{error}");
        }
        for name in [
            "CHINWAG__SERVER",
            "CHINWAG__SERVER__PORT",
            "CHINWAG__SERVER__THREADS",
        ] {
            assert!(with("", &[(name, "x")]).is_err(), "{name}");
        }
    }
}
