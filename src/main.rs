//! The `chinwag` program: subcommands, each handed to the module that does it.

use std::fmt;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use chinwag::bench::{BenchArgs, bench};
use chinwag::client::{ConnectOptions, connect};
use chinwag::server::config::{self, Config, Flags, TlsConfig};
use chinwag::server::{EchoConfig, UserCommand, check_certificates, echo, serve, user};
use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand};
use toml::Value;

/// A secure, self-hosted group chat: browsers, terminals and plain nc in the same rooms.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the chat server.
    Serve(ServeArgs),
    /// Run a WebSocket echo server: for conformance, benchmarks and trying out clients.
    Echo(EchoArgs),
    /// Talk to a WebSocket server: lines of standard input go, lines of text come.
    Connect(ConnectArgs),
    /// Load a WebSocket server, check every reply, and tell how fast they came.
    Bench(BenchArgs),
    /// Add, list and change accounts, beside a running server or without one.
    User(UserArgs),
    /// Check the configuration, and say nothing if it is fine.
    CheckConfig(ServeArgs),
    /// Print the effective configuration, with comments.
    PrintConfig(ServeArgs),
}

#[derive(Args, Debug)]
struct ServeArgs {
    /// Read the configuration from this TOML file; flags and environment go before it.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Listen for browsers and programs: IP:PORT or unix:PATH; may be given several times
    /// [default: 127.0.0.1:8080].
    #[arg(long, value_name = "ADDR")]
    listen: Vec<String>,
    /// Listen for terminals: IP:PORT or off [default: 127.0.0.1:8888].
    #[arg(long, value_name = "ADDR")]
    line_listen: Option<String>,
    /// Listen for /metrics, /healthz and /readyz: IP:PORT or off [default: 127.0.0.1:9090].
    #[arg(long, value_name = "ADDR")]
    admin_listen: Option<String>,
    /// Keep the database and generated keys here [default: ./chinwag-data].
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Believe proxies in this network (CIDR; or unix) when they say for whom they ask, by
    /// X-Forwarded-For or a PROXY header; may be given several times.
    #[arg(long, value_name = "NETWORK")]
    trusted_proxy: Vec<String>,
    /// Expect connections for browsers and terminals to begin with a PROXY header, and let nobody
    /// else in.
    #[arg(long)]
    proxy_protocol: bool,
    #[command(flatten)]
    tls: TlsArgs,
    /// Listen beyond loopback although there is no TLS.
    #[arg(long)]
    allow_plaintext: bool,
    /// Let pages of this origin connect, beside the server's own; may be given several times.
    #[arg(long, value_name = "ORIGIN")]
    allow_origin: Vec<String>,
    /// Admit names without an account [default: on].
    #[arg(long, value_name = "on/off", value_parser = ["on", "off"])]
    guests: Option<String>,
    /// Let everybody register, those with an invite, or nobody [default: open if only this machine
    /// can connect, else closed].
    #[arg(long, value_name = "open/invite/closed", value_parser = ["open", "invite", "closed"])]
    registration: Option<String>,
    /// Run this many event-loop threads [default: one a core].
    #[arg(long, value_name = "N")]
    threads: Option<u32>,
    /// Take at most this many connections [default: what the limit of open files allows].
    #[arg(long, value_name = "N")]
    max_connections: Option<u32>,
    /// Take at most this many from one address; loopback has no limit [default: 256].
    #[arg(long, value_name = "N")]
    max_connections_per_ip: Option<u32>,
    /// Let threads with nothing to do look for events for this long before they sleep: answers come
    /// some microseconds sooner, for a core of the processor [default: 0].
    #[arg(long, value_name = "MICROSECONDS")]
    busy_poll: Option<u32>,
    /// Take over sockets and data from a server that runs on the same data directory, instead of
    /// refusing to start; nobody who connects is refused.
    #[arg(long)]
    take_over: bool,
    /// Spread the closes over this many seconds on SIGTERM [default: 10].
    #[arg(long, value_name = "SECONDS")]
    drain: Option<f64>,
}

#[derive(Args, Debug)]
struct UserArgs {
    /// Read the configuration from this TOML file.
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// The data directory [default: ./chinwag-data].
    #[arg(long, value_name = "DIR", global = true)]
    data_dir: Option<PathBuf>,
    #[command(subcommand)]
    command: UserArgsCommand,
}

#[derive(Debug, Subcommand)]
enum UserArgsCommand {
    /// Add an account; the password comes from standard input, or is asked for.
    Add {
        /// Its name.
        name: String,
        /// Make it an owner of the server.
        #[arg(long)]
        admin: bool,
    },
    /// Add an account for a program, or another token for one; the token is printed.
    Bot {
        /// Its name.
        name: String,
    },
    /// List all accounts.
    List,
    /// Set another password; all sessions of the account end.
    Passwd {
        /// Whose.
        name: String,
    },
    /// Have nobody log in any more; all sessions of the account end.
    Disable {
        /// To which account.
        name: String,
    },
    /// Let somebody log in again.
    Enable {
        /// To which account.
        name: String,
    },
    /// Let somebody in again who is banned from the server.
    Unban {
        /// A name, an address, or a range of addresses as it was banned.
        #[arg(value_name = "NAME|ADDRESS")]
        whom: String,
    },
    /// Who is banned from the server, by whom, until when, and why.
    Bans,
}

#[derive(Args, Debug)]
struct EchoArgs {
    /// Listen here: IP:PORT or unix:PATH; may be given several times.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9001")]
    listen: Vec<String>,
    /// Run this many event-loop threads [default: one a core].
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Send everything that comes in on /broadcast to everyone there, the sender too.
    #[arg(long)]
    broadcast: bool,
    /// Send back each part of a message as it comes, in a frame of its own: messages of any length.
    #[arg(long)]
    stream: bool,
    /// Do not compress messages, even for clients that offer it.
    #[arg(long)]
    no_deflate: bool,
    /// Let threads with nothing to do look for events for this long before they sleep.
    #[arg(long, value_name = "MICROSECONDS", default_value_t = 0)]
    busy_poll: u32,
    #[command(flatten)]
    tls: TlsArgs,
    /// Listen beyond loopback although there is no TLS.
    #[arg(long)]
    allow_plaintext: bool,
}

#[derive(Args, Debug)]
struct TlsArgs {
    /// Speak TLS as the certificate in this PEM file, followed by those that lead to its authority.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The certificate's private key, a PEM file.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Speak TLS with a certificate of the server's own making; its fingerprint is printed.
    #[arg(long, conflicts_with_all = ["tls_cert", "tls_key"])]
    tls_self_signed: bool,
}

#[derive(Args, Debug)]
struct ConnectArgs {
    /// Connect to this resource: ws://HOST[:PORT]/PATH, or wss:// for TLS.
    #[arg(value_name = "URL")]
    uri: String,
    /// Send what is read as binary messages, unchanged, and print what comes unchanged.
    #[arg(long)]
    binary: bool,
    /// Send this header; @FILE sends each line of a file, for what is secret. May be given several
    /// times.
    #[arg(long, value_name = "NAME: VALUE")]
    header: Vec<String>,
    /// Send this Origin, as a page of that site would.
    #[arg(long)]
    origin: Option<String>,
    /// Offer this subprotocol; may be given several times, the best one first.
    #[arg(long, value_name = "NAME")]
    subprotocol: Vec<String>,
    /// Take any certificate: encrypted, but nothing is known about who is at the other end.
    #[arg(long, conflicts_with = "ca")]
    insecure: bool,
    /// Trust the certificates in this PEM file, and no others.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return wrong_usage(&error),
    };
    log_to_stderr();
    let result = match cli.command {
        Command::Serve(args) => run_serve(&args),
        Command::Echo(args) => run_echo(args),
        Command::Connect(args) => return run_connect(args),
        Command::Bench(args) => return run_bench(&args),
        Command::User(args) => run_user(args),
        Command::CheckConfig(args) => {
            load(&args).and_then(|config| check_certificates(&config.tls).map_err(describe))
        }
        Command::PrintConfig(args) => load(&args).and_then(|config| {
            io::stdout()
                .write_all(config::print(&config).as_bytes())
                .map_err(describe)
        }),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&error);
            ExitCode::FAILURE
        }
    }
}

/// Says in one line what is wrong with the arguments, or shows the help that was asked for.
fn wrong_usage(error: &clap::Error) -> ExitCode {
    let is_help = error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
    if !error.use_stderr() || is_help {
        // Without a terminal there is nobody to show it to.
        let _ = error.print();
        return if is_help {
            ExitCode::from(USAGE)
        } else {
            ExitCode::SUCCESS
        };
    }
    let text = error.to_string();
    let lines = text
        .lines()
        .take_while(|line| !line.is_empty())
        .map(str::trim);
    let what = lines.collect::<Vec<_>>().join(" ");
    say(&format!(
        "{}; see --help",
        what.trim_start_matches("error: ")
    ));
    ExitCode::from(USAGE)
}

fn run_serve(args: &ServeArgs) -> Result<(), String> {
    serve(&load(args)?, say).map_err(describe)
}

fn run_user(args: UserArgs) -> Result<(), String> {
    let data_dir = args.data_dir.as_ref().map(|path| {
        let path = Value::String(path.display().to_string());
        ("server", "data_dir", path)
    });
    let flags = Flags {
        config: args.config,
        settings: data_dir.into_iter().collect(),
    };
    let config = config::load(&flags, std::env::vars_os()).map_err(describe)?;
    let command = match args.command {
        UserArgsCommand::Add { name, admin } => UserCommand::Add {
            name,
            is_admin: admin,
        },
        UserArgsCommand::Bot { name } => UserCommand::AddBot { name },
        UserArgsCommand::List => UserCommand::List,
        UserArgsCommand::Passwd { name } => UserCommand::SetPassword { name },
        UserArgsCommand::Disable { name } => UserCommand::Disable { name },
        UserArgsCommand::Enable { name } => UserCommand::Enable { name },
        UserArgsCommand::Unban { whom } => UserCommand::Unban { whom },
        UserArgsCommand::Bans => UserCommand::Bans,
    };
    let text = user(&config.server.data_dir, &command).map_err(describe)?;
    io::stdout().write_all(text.as_bytes()).map_err(describe)
}

fn run_echo(args: EchoArgs) -> Result<(), String> {
    let EchoArgs {
        listen,
        threads,
        broadcast,
        stream,
        no_deflate,
        busy_poll,
        tls,
        allow_plaintext,
    } = args;
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    let threads = threads.unwrap_or_else(cores).max(1);
    echo(
        &EchoConfig {
            listen,
            threads,
            broadcast,
            stream,
            deflate: !no_deflate,
            busy_poll: Duration::from_micros(busy_poll.into()),
            allow_plaintext,
            tls: TlsConfig {
                cert: tls.tls_cert.unwrap_or_default(),
                key: tls.tls_key.unwrap_or_default(),
                self_signed: tls.tls_self_signed,
            },
        },
        say,
    )
    .map_err(describe)
}

fn run_connect(args: ConnectArgs) -> ExitCode {
    let options = ConnectOptions {
        uri: args.uri,
        is_binary: args.binary,
        headers: args.header,
        origin: args.origin,
        subprotocols: args.subprotocol,
        is_insecure: args.insecure,
        ca: args.ca,
    };
    match connect(&options, say) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("connect to {}: {error}", options.uri));
            if error.is_usage() {
                ExitCode::from(USAGE)
            } else {
                ExitCode::FAILURE
            }
        }
    }
}

fn run_bench(args: &BenchArgs) -> ExitCode {
    match bench(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("bench {}: {error}", args.url()));
            if error.is_usage() {
                ExitCode::from(USAGE)
            } else {
                ExitCode::FAILURE
            }
        }
    }
}

fn load(args: &ServeArgs) -> Result<Config, String> {
    let flags = Flags {
        config: args.config.clone(),
        settings: args.settings(),
    };
    config::load(&flags, std::env::vars_os()).map_err(describe)
}

impl ServeArgs {
    /// The flags that were given, as settings.
    fn settings(&self) -> Vec<(&'static str, &'static str, Value)> {
        let text = |value: &String| Value::String(value.clone());
        let switch = |is_on: bool| is_on.then_some(Value::Boolean(true));
        let number = |value: &u32| Value::Integer((*value).into());
        let list = |values: &[String]| {
            (!values.is_empty()).then(|| Value::Array(values.iter().map(text).collect()))
        };
        let path = |path: &PathBuf| Value::String(path.display().to_string());
        let tls = &self.tls;
        let settings = [
            ("server", "listen", list(&self.listen)),
            ("server", "line_listen", self.line_listen.as_ref().map(text)),
            (
                "server",
                "admin_listen",
                self.admin_listen.as_ref().map(text),
            ),
            ("server", "data_dir", self.data_dir.as_ref().map(path)),
            ("tls", "cert", tls.tls_cert.as_ref().map(path)),
            ("tls", "key", tls.tls_key.as_ref().map(path)),
            (
                "tls",
                "self_signed",
                tls.tls_self_signed.then_some(Value::Boolean(true)),
            ),
            ("server", "allow_plaintext", switch(self.allow_plaintext)),
            ("server", "trusted_proxies", list(&self.trusted_proxy)),
            ("server", "proxy_protocol", switch(self.proxy_protocol)),
            ("server", "take_over", switch(self.take_over)),
            ("server", "busy_poll", self.busy_poll.as_ref().map(number)),
            ("server", "allow_origin", list(&self.allow_origin)),
            ("accounts", "guests", self.guests.as_ref().map(text)),
            (
                "accounts",
                "registration",
                self.registration.as_ref().map(text),
            ),
            ("server", "threads", self.threads.as_ref().map(number)),
            (
                "server",
                "max_connections",
                self.max_connections.as_ref().map(number),
            ),
            (
                "server",
                "max_connections_per_ip",
                self.max_connections_per_ip.as_ref().map(number),
            ),
            ("server", "drain", self.drain.map(Value::Float)),
        ];
        let given = settings.into_iter();
        given
            .filter_map(|(section, key, value)| Some((section, key, value?)))
            .collect()
    }
}

/// What happens to the server, or what `RUST_LOG` asks for.
fn log_to_stderr() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    // Files and journals are no place for colours.
    let is_plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(!is_plain && io::stderr().is_terminal())
        .init();
}

fn describe(error: impl fmt::Display) -> String {
    error.to_string()
}

/// A line for whoever started the program.
fn say(line: &str) {
    // In one write: stderr has no buffer, and whoever reads it gets a line, not the pieces of one.
    // Without a stderr there is nobody to tell.
    let _ = io::stderr().write_all(format!("chinwag: {line}\n").as_bytes());
}

/// The exit code of wrong usage.
const USAGE: u8 = 2;
