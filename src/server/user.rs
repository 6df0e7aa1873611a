//! `chinwag user`: accounts, by a running server or in the data directory of one that does not run.

use std::fmt;
use std::io::{self, BufRead as _, IsTerminal as _, Read as _, Write as _};
use std::path::{Path, PathBuf};

use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use crate::chat::account::LoginToken;
use crate::chat::command::{AccountCommand, Command, Order, Request, Whom};
use crate::chat::entrance::Registration;
use crate::chat::hub::{Input, Output, Policy};
use crate::chat::password::{NewPassword, PasswordHash};
use crate::chat::shares::Allowances;
use crate::chat::{ChatError, Done, Hub, Network, SessionId, UserName};
use crate::server::context::fresh;
use crate::server::operator::{self, ASK_INTERVAL, MAX_ASKED, Outcome, is_nobody};
use crate::server::{clock, hashers, token};
use crate::storage::{DataDir, Log, StorageError};

/// What the operator wants.
#[derive(Clone, Debug)]
pub enum UserCommand {
    /// Another account.
    Add {
        /// Its name.
        name: String,
        /// Whether it owns the server.
        is_admin: bool,
    },
    /// An account for a program, or another token for it.
    AddBot {
        /// Its name.
        name: String,
    },
    /// The list of all.
    List,
    /// Another password.
    SetPassword {
        /// Whose.
        name: String,
    },
    /// That nobody logs in any more.
    Disable {
        /// To which account.
        name: String,
    },
    /// That somebody can log in again.
    Enable {
        /// To which account.
        name: String,
    },
    /// That somebody is let in again who is banned from the server.
    Unban {
        /// Who, or from where.
        whom: String,
    },
    /// The list of those who are.
    Bans,
}

/// Why nothing was done.
#[derive(Debug)]
#[non_exhaustive]
pub enum UserError {
    /// The name or the password breaks a rule.
    Invalid {
        /// What was attempted, on whom.
        attempt: String,
        /// The rule.
        error: ChatError,
    },
    /// There is no password.
    Password {
        /// Why, as the system says.
        source: io::Error,
    },
    /// The two passwords that were typed are not the same.
    Mistyped,
    /// The server, or the hub in its place, refused.
    Refused {
        /// What was attempted, on whom.
        attempt: String,
        /// Why.
        reason: String,
    },
    /// The running server cannot be asked.
    Control {
        /// Its data directory.
        path: PathBuf,
        /// Why, as the system says.
        source: io::Error,
    },
    /// The data directory or the database in it cannot be used.
    Storage(StorageError),
}

/// Carries it out; what is to be printed.
///
/// # Errors
/// What kept it from being done; nothing was changed.
pub fn user(data_dir: &Path, command: &UserCommand) -> Result<String, UserError> {
    let attempt = command.attempt();
    let invalid = |error| UserError::Invalid {
        attempt: attempt.clone(),
        error,
    };
    let name = |name: &str| UserName::parse(name).map_err(invalid);
    let password = || -> Result<PasswordHash, UserError> {
        let typed = read_password()?;
        let password = NewPassword::parse(&typed).map_err(invalid)?;
        Ok(hashers::make(&password))
    };
    let mut printed = None;
    let order = match command {
        UserCommand::Add {
            name: text,
            is_admin,
        } => Order::Add {
            name: name(text)?,
            password: password()?,
            is_admin: *is_admin,
        },
        UserCommand::AddBot { name: text } => {
            let token = LoginToken(fresh(&mut rand::rng()));
            printed = Some(format!("{}\n", token::write_login(&token)));
            Order::AddBot {
                name: name(text)?,
                token,
            }
        }
        UserCommand::List => Order::List,
        UserCommand::SetPassword { name: text } => Order::SetPassword {
            name: name(text)?,
            password: password()?,
        },
        UserCommand::Disable { name: text } => Order::Disable {
            name: name(text)?,
            is_disabled: true,
        },
        UserCommand::Enable { name: text } => Order::Disable {
            name: name(text)?,
            is_disabled: false,
        },
        // A name that is an address, too, is that of a ban by address sooner.
        UserCommand::Unban { whom } => Order::Unban(match Network::parse(whom) {
            Ok(network) => Whom::Network(network),
            Err(_) => Whom::Name(name(whom)?),
        }),
        UserCommand::Bans => Order::Bans,
    };
    match carry_out(data_dir, &order)? {
        Ok(text) => Ok(printed.unwrap_or(text)),
        Err(reason) => Err(UserError::Refused { attempt, reason }),
    }
}

/// Has the running server do it, or does it in its place. A server that starts or ends has the data,
/// and hears nobody: it is asked until it does, or the data is free.
fn carry_out(path: &Path, order: &Order) -> Result<Outcome, UserError> {
    let mut asked_count = 0;
    loop {
        match operator::send(path, order) {
            Err(error) if is_nobody(&error) => asked_count += 1,
            sent => {
                let path = path.into();
                return sent.map_err(|source| UserError::Control { path, source });
            }
        }
        match DataDir::open_within(path, ASK_INTERVAL) {
            Err(StorageError::InUse { .. }) if asked_count < MAX_ASKED => {}
            opened => {
                let carried_out = opened.and_then(|data_dir| carry_out_alone(&data_dir, order));
                return carried_out.map_err(UserError::Storage);
            }
        }
    }
}

/// Has a hub judge it that serves nobody, over the log itself.
fn carry_out_alone(data_dir: &DataDir, order: &Order) -> Result<Outcome, StorageError> {
    let mut log = Log::open(data_dir)?;
    let policy = Policy {
        guests: false,
        registration: Registration::Closed,
        claim: None,
        max_rooms: 0,
        retention_days: 0,
        allowances: Allowances::FREE,
    };
    let mut hub = Hub::new(policy, []).with_accounts(log.accounts()?);
    let request = Request {
        id: None,
        command: Command::Account(AccountCommand::Order(order.clone())),
    };
    let session = SessionId::operator(0);
    let mut inputs = vec![Input::Request {
        session,
        from: None,
        request,
    }];
    let mut answer: Result<Done, ChatError> = Err(ChatError::Busy("there was no answer"));
    while let Some(input) = inputs.pop() {
        let mut outputs = Vec::new();
        hub.step(input, clock::now(), &mut outputs);
        for output in outputs {
            match output {
                Output::Answer { answer: told, .. } => answer = told,
                Output::Append(append) => {
                    let committed = log.append(vec![append]).into_iter();
                    inputs.extend(committed.map(Input::Committed));
                }
                // Nobody is connected.
                _ => {}
            }
        }
    }
    log.close();
    Ok(operator::describe(answer))
}

/// Reads a password: twice from a terminal, which does not show it, or the first line of what is
/// piped in.
fn read_password() -> Result<Zeroizing<String>, UserError> {
    let stdin = io::stdin();
    let failed = |source| UserError::Password { source };
    if !stdin.is_terminal() {
        return read_line().map_err(failed);
    }
    let ask = |prompt: &str| -> io::Result<Zeroizing<String>> {
        let mut stderr = io::stderr();
        stderr.write_all(prompt.as_bytes())?;
        let shown = tcgetattr(&stdin)?;
        let mut hidden = shown.clone();
        hidden.local_modes.remove(LocalModes::ECHO);
        tcsetattr(&stdin, OptionalActions::Flush, &hidden)?;
        let line = read_line();
        tcsetattr(&stdin, OptionalActions::Now, &shown)?;
        stderr.write_all(b"\n")?;
        line
    };
    let password = ask("Password: ").map_err(failed)?;
    if *ask("Again: ").map_err(failed)? == *password {
        Ok(password)
    } else {
        Err(UserError::Mistyped)
    }
}

fn read_line() -> io::Result<Zeroizing<String>> {
    let mut line = Zeroizing::new(String::with_capacity(MAX_LINE_LEN));
    let mut limited = io::stdin().lock().take(MAX_LINE_LEN_READ);
    if limited.read_line(&mut line)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let len = line.trim_end_matches(['\r', '\n']).len();
    line.truncate(len);
    Ok(line)
}

impl UserCommand {
    fn attempt(&self) -> String {
        match self {
            Self::Add { name, .. } | Self::AddBot { name } => format!("cannot add {name}"),
            Self::List => "cannot list the accounts".to_owned(),
            Self::SetPassword { name } => format!("cannot set the password of {name}"),
            Self::Disable { name } => format!("cannot disable {name}"),
            Self::Enable { name } => format!("cannot enable {name}"),
            Self::Unban { whom } => format!("cannot lift the ban of {whom}"),
            Self::Bans => "cannot list the bans".to_owned(),
        }
    }
}

impl fmt::Display for UserError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid { attempt, error } => write!(f, "{attempt}: {error}"),
            Self::Password { source } => write!(f, "cannot read a password: {source}"),
            Self::Mistyped => f.write_str("cannot take the password: it was typed in two ways"),
            Self::Refused { attempt, reason } => write!(f, "{attempt}: {reason}"),
            Self::Control { path, source } => write!(
                f,
                "cannot ask the server that runs on {}: {source}",
                path.display()
            ),
            Self::Storage(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for UserError {}

/// A password of 1,024 bytes, and enough to see that one is longer.
const MAX_LINE_LEN: usize = 2 * 1024;
const MAX_LINE_LEN_READ: u64 = 2 * 1024;
