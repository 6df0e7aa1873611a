//! The server as a process on a data directory of its own.

use std::io::{BufRead as _, BufReader};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::{Http, Line, PATIENCE, Response, Ws, assert_clean, now, tls};

/// A running server; dropping it kills it.
#[derive(Debug)]
pub(crate) struct Server {
    process: Process,
    flags: Vec<String>,
    environment: Vec<(String, String)>,
    dir: TempDir,
}

/// One run of a server.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    /// What it says, line by line, until it has ended.
    said: Receiver<String>,
    web: SocketAddr,
    lines: SocketAddr,
    admin: SocketAddr,
}

impl Server {
    /// Starts a server on ports that the system chooses.
    pub(crate) fn start(flags: &[&str]) -> Self {
        Self::start_with(flags, &[])
    }

    /// Starts a server that does not limit how fast one asks.
    pub(crate) fn start_unlimited(flags: &[&str]) -> Self {
        Self::start_with(flags, &[("CHINWAG__LIMITS__MESSAGES_PER_SECOND", "0")])
    }

    /// Starts a server with something in its environment.
    pub(crate) fn start_with(flags: &[&str], environment: &[(&str, &str)]) -> Self {
        let dir = TempDir::new().unwrap();
        let flags: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let environment: Vec<_> = environment.iter().map(owned).collect();
        Self {
            process: Process::start(dir.path(), ANY, &flags, &environment),
            flags,
            environment,
            dir,
        }
    }

    /// Starts it again on the same data; it has ended before.
    pub(crate) fn restart(&mut self) {
        self.process = Process::start(self.dir.path(), ANY, &self.flags, &self.environment);
    }

    /// Starts another one that takes over from it; what remains of the first is returned.
    pub(crate) fn succeed(&mut self) -> Process {
        let Process {
            web, lines, admin, ..
        } = self.process;
        let flags = [&self.flags[..], &["--take-over".to_owned()]].concat();
        let addresses = [web, lines, admin];
        let successor = Process::start(self.dir.path(), addresses, &flags, &self.environment);
        std::mem::replace(&mut self.process, successor)
    }

    /// Ends it with SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.process.child.kill().unwrap();
        self.wait();
    }

    /// Sends it SIGTERM.
    pub(crate) fn terminate(&self) {
        kill_process(self.pid(), Signal::TERM).unwrap();
    }

    /// Sends it SIGHUP.
    pub(crate) fn hang_up(&self) {
        kill_process(self.pid(), Signal::HUP).unwrap();
    }

    /// The next line it says that has this in it.
    pub(crate) fn says(&self, what: &str) -> String {
        loop {
            let line = self.process.said.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|_| panic!("the server does not say {what}"));
            assert_clean(&line, "");
            if line.contains(what) {
                break line;
            }
        }
    }

    /// Waits until it has ended, and says how.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.process.wait()
    }

    /// Waits until it has ended; returns what it said since it was started.
    pub(crate) fn said_until_the_end(&mut self) -> Vec<String> {
        let until = now() + PATIENCE;
        let mut said = Vec::new();
        loop {
            let left = until.saturating_duration_since(now());
            match self.process.said.recv_timeout(left) {
                Ok(line) => {
                    assert_clean(&line, "");
                    said.push(line);
                }
                Err(RecvTimeoutError::Disconnected) => return said,
                Err(RecvTimeoutError::Timeout) => panic!("the server does not end"),
            }
        }
    }

    pub(crate) fn process_id(&self) -> u32 {
        self.process.child.id()
    }

    pub(crate) fn data_dir(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn web(&self) -> SocketAddr {
        self.process.web
    }

    pub(crate) fn lines(&self) -> SocketAddr {
        self.process.lines
    }

    /// Whether web and lines are for TLS only, with a certificate of its own.
    pub(crate) fn speaks_tls(&self) -> bool {
        self.flags.iter().any(|flag| flag == tls::SELF_SIGNED)
    }

    /// What it was given in its environment under that name.
    pub(crate) fn variable(&self, name: &str) -> Option<&str> {
        let mut variables = self.environment.iter();
        variables.find_map(|(found, value)| (found == name).then_some(value.as_str()))
    }

    /// A WebSocket that has seen the welcome.
    pub(crate) fn ws(&self) -> Ws {
        Ws::connect(self.web())
    }

    /// A WebSocket of a guest of that name.
    pub(crate) fn guest(&self, name: &str) -> Ws {
        let mut ws = self.ws();
        ws.hello(name);
        ws
    }

    /// A WebSocket of a guest of that name, in the lobby.
    pub(crate) fn member(&self, name: &str) -> Ws {
        let mut ws = self.guest(name);
        ws.join("lobby");
        ws
    }

    /// A terminal that has entered the lobby.
    pub(crate) fn line(&self) -> Line {
        let mut line = Line::connect(self.lines());
        line.wait_for("* in lobby: ");
        line
    }

    pub(crate) fn http(&self) -> Http {
        Http::connect(self.web())
    }

    /// The answer to a GET on the listener for metrics and health.
    pub(crate) fn admin(&self, path: &str) -> Response {
        Http::connect(self.process.admin).get(path)
    }

    /// The value of a metric, with its labels as they are written; 0 if it is not there.
    pub(crate) fn metric(&self, name: &str) -> f64 {
        let text = self.admin("/metrics").text();
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map_or(0.0, |value| value.parse().unwrap())
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.process.child)
    }
}

impl Process {
    /// Waits until it has ended, and says how.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let until = now() + PATIENCE;
        loop {
            let left = until.saturating_duration_since(now());
            match self.said.recv_timeout(left) {
                Ok(_) => {}
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("the server does not end"),
            }
        }
        self.child.wait().unwrap()
    }

    fn start(
        dir: &Path,
        addresses: [SocketAddr; 3],
        flags: &[String],
        environment: &[(String, String)],
    ) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_chinwag"));
        command.args(["serve", "--threads", "2"]);
        for (flag, address) in ["--listen", "--line-listen", "--admin-listen"]
            .iter()
            .zip(addresses)
        {
            command.args([flag, &*address.to_string()]);
        }
        let mut child = command
            .arg("--data-dir")
            .arg(dir.join("data"))
            .args(flags)
            .envs(environment.iter().cloned())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (sender, said) = mpsc::channel();
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                // The receiver is gone when the test is over.
                let _ = sender.send(line);
            }
        });
        let announced = |what: &str| loop {
            let line = said.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|_| panic!("the server announces no {what}"));
            if let Some((_, address)) = line.split_once(&format!("chinwag: {what} on ")) {
                let address = address.trim_end_matches(" (TLS)");
                let address = address.strip_prefix("https://").unwrap_or(address);
                break address.trim_start_matches("http://").parse().unwrap();
            }
        };
        let (web, lines, admin) = (announced("web"), announced("lines"), announced("admin"));
        Self {
            child,
            said,
            web,
            lines,
            admin,
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Ports that the system chooses, for web, lines and admin.
const ANY: [SocketAddr; 3] = [SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0); 3];

/// Runs the program until it ends by itself.
pub(crate) fn run(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_chinwag"))
        .args(arguments)
        .envs(environment.iter().copied())
        .output()
        .unwrap()
}
