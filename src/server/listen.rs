//! The addresses that a server listens on: bound, passed by a service manager, or taken over.

use std::net::{SocketAddr, ToSocketAddrs as _};

use crate::net::{ListenAddress, Listener};
use crate::server::activation::Passed;
use crate::server::config::Config;
use crate::server::error::StartError;
use crate::server::shared::Purpose;

/// What a server listens on.
#[derive(Debug)]
pub(crate) struct Listening {
    pub(crate) listeners: Vec<Listener>,
    /// What each of them is for.
    pub(crate) purposes: Vec<Purpose>,
    /// Those that are a service manager's, by their index: it keeps them when the server ends.
    pub(crate) managed: Vec<usize>,
}

/// Sockets that listened before the server started.
#[derive(Debug)]
pub(crate) struct Inherited {
    /// By a service manager. They are used instead of the addresses that are configured for the
    /// same purpose.
    pub(crate) passed: Vec<Passed>,
    /// By the server before this one. Those are used whose addresses are configured.
    pub(crate) taken_over: Vec<(Purpose, Listener)>,
}

impl Listening {
    /// Listens on what is configured, with the sockets that there are.
    pub(crate) fn open(config: &Config, inherited: Inherited) -> Result<Self, StartError> {
        let mut listening = Self {
            listeners: Vec::new(),
            purposes: Vec::new(),
            managed: Vec::new(),
        };
        let configured = configured(config);
        let may_listen = |address: &ListenAddress, purpose: Purpose| {
            let is_tls = config.tls.is_on() && purpose.may_be_tls();
            check_plaintext(address, is_tls || config.server.allow_plaintext)
        };
        let Inherited {
            passed,
            mut taken_over,
        } = inherited;
        for passed in passed {
            let purpose = purpose_of(&passed, &configured)?;
            may_listen(passed.listener.address(), purpose)?;
            listening.managed.push(listening.listeners.len());
            listening.add(purpose, passed.listener, config);
        }
        let managed: Vec<_> = listening.purposes.clone();
        for (text, purpose) in configured {
            if managed.contains(&purpose) {
                continue;
            }
            let address = parse(text)?;
            may_listen(&address, purpose)?;
            let same = taken_over
                .iter()
                .position(|(its, listener)| *its == purpose && *listener.address() == address);
            let listener = match same {
                Some(nth) => taken_over.swap_remove(nth).1,
                None => Listener::bind(&address).map_err(|source| StartError::Listen {
                    address: text.into(),
                    source,
                })?,
            };
            listening.add(purpose, listener, config);
        }
        Ok(listening)
    }

    fn add(&mut self, purpose: Purpose, listener: Listener, config: &Config) {
        // Who watches over the server is next to it, and asks it directly.
        let is_proxied = config.server.proxy_protocol && purpose != Purpose::Admin;
        self.purposes.push(purpose);
        self.listeners.push(if is_proxied {
            listener.with_proxy_header()
        } else {
            listener
        });
    }
}

/// The addresses that are configured, and what for.
fn configured(config: &Config) -> Vec<(&str, Purpose)> {
    let config = &config.server;
    let web = config.listen.iter().map(|it| (it.as_str(), Purpose::Web));
    let others = [
        (config.line_listen.as_str(), Purpose::Line),
        (config.admin_listen.as_str(), Purpose::Admin),
    ];
    let others = others.into_iter().filter(|(address, _)| *address != "off");
    web.chain(others).collect()
}

/// What a passed socket is for: by its name, or else by its address.
fn purpose_of(passed: &Passed, configured: &[(&str, Purpose)]) -> Result<Purpose, StartError> {
    match passed.name.as_str() {
        "web" => return Ok(Purpose::Web),
        "line" => return Ok(Purpose::Line),
        "admin" => return Ok(Purpose::Admin),
        _ => {}
    }
    let address = passed.listener.address();
    configured
        .iter()
        .find(|(text, _)| parse(text).is_ok_and(|parsed| parsed == *address))
        .map(|(_, purpose)| *purpose)
        .ok_or_else(|| StartError::UnknownSocket {
            name: passed.name.clone(),
            address: address.to_string(),
        })
}

/// Binds an address, which beyond loopback takes leave to speak without TLS.
pub(crate) fn bind(text: &str, allow_plaintext: bool) -> Result<Listener, StartError> {
    let address = parse(text)?;
    check_plaintext(&address, allow_plaintext)?;
    Listener::bind(&address).map_err(|source| StartError::Listen {
        address: text.into(),
        source,
    })
}

fn check_plaintext(address: &ListenAddress, allow_plaintext: bool) -> Result<(), StartError> {
    match address {
        ListenAddress::Tcp(address)
            if !address.ip().to_canonical().is_loopback() && !allow_plaintext =>
        {
            Err(StartError::Plaintext {
                address: address.to_string(),
            })
        }
        _ => Ok(()),
    }
}

/// Raises the limit of open files as far as it goes, and returns it.
pub(crate) fn raise_open_file_limit() -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: maximum,
            maximum,
        },
    );
    let limit = if raised.is_ok() { maximum } else { current };
    limit
        .and_then(|limit| usize::try_from(limit).ok())
        .unwrap_or(usize::MAX)
}

/// Files beside the connections, and how many of them closed connections may use that still have
/// their sockets.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Reserve {
    pub(crate) total: usize,
    pub(crate) lendable: usize,
}

impl Reserve {
    pub(crate) fn of(thread_count: usize, listener_count: usize) -> Self {
        let of_thread = FILES_OF_THREAD + listener_count;
        Self {
            total: SHARED_FILES + thread_count * of_thread,
            lendable: SHARED_FILES / 2,
        }
    }
}

/// Database, listeners, logs, monitors, and what libraries open.
const SHARED_FILES: usize = 128;

/// Of an event loop: poller, bell, and the descriptor that `src/net/doors.rs` gives up when there is no
/// other. Beside them it has its own handle of each listener.
const FILES_OF_THREAD: usize = 3;

fn parse(text: &str) -> Result<ListenAddress, StartError> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    // A name, as in localhost:8080: its first address.
    let address: Option<SocketAddr> = text.to_socket_addrs().ok().and_then(|mut all| all.next());
    let address = address.ok_or_else(|| StartError::BadAddress {
        address: text.into(),
    })?;
    Ok(ListenAddress::Tcp(address))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::config::ServerConfig;

    #[test]
    fn beyond_loopback_takes_leave() {
        for text in ["0.0.0.0:0", "[::]:0"] {
            let refused = bind(text, false);
            assert!(
                matches!(refused, Err(StartError::Plaintext { .. })),
                "{text}"
            );
        }
        assert!(bind("0.0.0.0:0", true).is_ok());
        assert!(bind("127.0.0.1:0", false).is_ok());
    }

    fn on_loopback() -> Config {
        let server = ServerConfig {
            listen: vec!["127.0.0.1:0".into()],
            line_listen: "127.0.0.1:0".into(),
            admin_listen: "off".into(),
            ..ServerConfig::default()
        };
        Config {
            server,
            ..Config::default()
        }
    }

    fn passed(name: &str) -> Passed {
        Passed {
            name: name.into(),
            listener: bind("127.0.0.1:0", false).unwrap(),
        }
    }

    #[test]
    fn passed_sockets_replace_what_is_configured_for_the_same_purpose() {
        let inherited = Inherited {
            passed: vec![passed("web"), passed("web"), passed("admin")],
            taken_over: Vec::new(),
        };
        let addresses: Vec<_> = inherited
            .passed
            .iter()
            .map(|it| it.listener.address().clone())
            .collect();
        let listening = Listening::open(&on_loopback(), inherited).unwrap();
        let expected = [Purpose::Web, Purpose::Web, Purpose::Admin, Purpose::Line];
        assert_eq!(listening.purposes, expected);
        assert_eq!(listening.managed, [0, 1, 2]);
        for (listener, address) in listening.listeners.iter().zip(&addresses) {
            assert_eq!(listener.address(), address);
        }
    }

    #[test]
    fn passed_socket_without_a_name_is_known_by_its_address() {
        let mut config = on_loopback();
        let socket = passed("chinwag.socket");
        config.server.line_listen = socket.listener.address().to_string();
        let inherited = |passed| Inherited {
            passed: vec![passed],
            taken_over: Vec::new(),
        };
        let listening = Listening::open(&config, inherited(socket)).unwrap();
        assert_eq!(listening.purposes, [Purpose::Line, Purpose::Web]);
        let error = Listening::open(&config, inherited(passed("what"))).unwrap_err();
        assert!(matches!(error, StartError::UnknownSocket { .. }), "{error}");
    }

    #[test]
    fn sockets_that_are_taken_over_are_used_where_they_are_configured() {
        let mut config = on_loopback();
        let (web, other) = (passed("").listener, passed("").listener);
        let address = web.address().clone();
        config.server.listen = vec![address.to_string()];
        let inherited = Inherited {
            passed: Vec::new(),
            taken_over: vec![(Purpose::Web, other), (Purpose::Web, web)],
        };
        let listening = Listening::open(&config, inherited).unwrap();
        assert_eq!(listening.purposes, [Purpose::Web, Purpose::Line]);
        assert_eq!(*listening.listeners[0].address(), address);
        assert!(listening.managed.is_empty());
    }

    #[test]
    fn reserve_grows_with_the_event_loops_and_lends_none_of_theirs() {
        let (total, lendable) = (128, 64);
        assert_eq!(Reserve::of(0, 3), Reserve { total, lendable });
        let total = 128 + 64 * 6;
        assert_eq!(Reserve::of(64, 3), Reserve { total, lendable });
    }

    #[test]
    fn what_is_no_address_is_named() {
        let error = bind("somewhere", false).unwrap_err().to_string();
        assert!(error.contains("somewhere"), "{error}");
    }
}
