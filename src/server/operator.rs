//! The socket in the data directory by which the operator has accounts changed beside a running
//! server: the one writer of the log stays the one.
//!
//! ```text
//! operator: version, order and its fields, a line each; end of input
//! server:   "ok" and lines to print, or "error" and the reason; nothing, if it ends or has handed over
//! ```

use std::io::{self, Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use crate::chat::bans::{BanRecord, Banned};
use crate::chat::command::{Order, Whom};
use crate::chat::event::{AccountSummary, Role};
use crate::chat::password::PasswordHash;
use crate::chat::{ChatError, Done, Network, UserName};
use crate::server::hub_queue::HubSender;
use crate::server::local_socket::LocalSocket;
use crate::server::shared::Shared;
use crate::server::token;
use crate::wire::json::rfc3339;

/// What is to be printed, or why nothing was done.
pub(crate) type Outcome = Result<String, String>;

/// Takes orders on a thread of its own, one after the other.
///
/// # Errors
/// Those of the system.
pub(crate) fn await_operator(
    data_dir: &Path,
    hub: HubSender,
    shared: Arc<Shared>,
) -> io::Result<()> {
    let socket = LocalSocket::bind(&data_dir.join(SOCKET_NAME))?;
    let wait = move || {
        loop {
            if let Err(error) = serve(socket.next(), &hub, &shared) {
                tracing::warn!(%error, "an order of the operator was not carried out");
            }
        }
    };
    std::thread::Builder::new()
        .name("chinwag-operator".into())
        .spawn(wait)?;
    Ok(())
}

/// Has a running server carry out an order.
///
/// # Errors
/// Those of the system; [`is_nobody`] tells which are no answer.
pub(crate) fn send(data_dir: &Path, order: &Order) -> io::Result<Outcome> {
    let mut stream = UnixStream::connect(data_dir.join(SOCKET_NAME))?;
    stream.set_read_timeout(Some(2 * ANSWER_TIMEOUT))?;
    stream.set_write_timeout(Some(ANSWER_TIMEOUT))?;
    stream.write_all(write(order).as_bytes())?;
    stream.shutdown(Shutdown::Write)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    match answer.split_once('\n') {
        Some(("ok", text)) => Ok(Ok(text.to_owned())),
        Some(("error", reason)) => Ok(Err(reason.trim_end().to_owned())),
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// What the operator is told.
pub(crate) fn describe(answer: Result<Done, ChatError>) -> Outcome {
    match answer {
        Ok(Done::Accounts(accounts)) => Ok(accounts.iter().map(describe_account).collect()),
        Ok(Done::Bans { bans, more, .. }) => {
            let mut text: String = bans.iter().map(describe_ban).collect();
            if more {
                text.push_str("and more\n");
            }
            Ok(text)
        }
        Ok(_) => Ok(String::new()),
        Err(error) => Err(error.to_string()),
    }
}

/// A line: the name, and what is to be known about it.
fn describe_account(account: &AccountSummary) -> String {
    let notes = [
        (account.server_role == Role::Owner, "owner"),
        (account.server_role == Role::Op, "operator"),
        (account.is_bot, "bot"),
        (account.has_totp, "second factor"),
        (account.is_disabled, "disabled"),
    ];
    let mut line = account.name.as_str().to_owned();
    for (_, note) in notes.iter().filter(|(is_so, _)| *is_so) {
        line.push_str(&format!("\t{note}"));
    }
    match account.login_count {
        0 => line.push('\n'),
        1 => line.push_str("\t1 session\n"),
        count => line.push_str(&format!("\t{count} sessions\n")),
    }
    line
}

/// A line: who or what, by whom, and as the case is until when and why.
fn describe_ban(ban: &BanRecord) -> String {
    let whom = match &ban.whom {
        Banned::Person(party) => party.name.to_string(),
        Banned::Network(network) => network.to_string(),
    };
    let mut line = format!("{whom}\tby {}", ban.by);
    if let Some(until) = ban.until {
        line.push_str(&format!("\tuntil {}", rfc3339(until)));
    }
    if !ban.reason.as_str().is_empty() {
        line.push_str(&format!("\t{}", ban.reason.as_str()));
    }
    line.push('\n');
    line
}

/// Whether nobody answers at a socket in the data directory: no server runs, it is about to start, or
/// ends.
pub(crate) fn is_nobody(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::UnexpectedEof
    )
}

fn serve(mut stream: UnixStream, hub: &HubSender, shared: &Shared) -> io::Result<()> {
    stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
    stream.set_write_timeout(Some(ANSWER_TIMEOUT))?;
    let mut text = String::new();
    (&stream).take(MAX_ORDER_LEN).read_to_string(&mut text)?;
    let outcome = match read(&text) {
        None => Err("this order is of another version of chinwag".to_owned()),
        Some(order) => match hub.order(order).recv_timeout(ANSWER_TIMEOUT) {
            // Whoever has the data next is to be asked.
            Ok(Err(ChatError::Busy(_))) if shared.is_handed_over() => return Ok(()),
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
            Ok(answer) => describe(answer),
            Err(RecvTimeoutError::Timeout) => Err("the server does not answer".to_owned()),
        },
    };
    let answer = match outcome {
        Ok(text) => format!("ok\n{text}"),
        Err(reason) => format!("error\n{reason}\n"),
    };
    stream.write_all(answer.as_bytes())
}

/// An order in lines: neither names, nor hashes, nor tokens have line breaks.
fn write(order: &Order) -> String {
    let fields: Vec<&str>;
    let written;
    match order {
        Order::Add {
            name,
            password,
            is_admin,
        } => {
            let role = if *is_admin { "owner" } else { "member" };
            fields = vec!["add", name.as_str(), password.as_str(), role];
        }
        Order::AddBot { name, token } => {
            written = token::write_login(token);
            fields = vec!["add bot", name.as_str(), &written];
        }
        Order::SetPassword { name, password } => {
            fields = vec!["set password", name.as_str(), password.as_str()];
        }
        Order::Disable { name, is_disabled } => {
            let kind = if *is_disabled { "disable" } else { "enable" };
            fields = vec![kind, name.as_str()];
        }
        Order::List => fields = vec!["list"],
        Order::Unban(Whom::Name(name)) => fields = vec!["unban", name.as_str()],
        Order::Unban(Whom::Network(network)) => {
            written = network.to_string();
            fields = vec!["unban address", &written];
        }
        Order::Bans => fields = vec!["bans"],
    }
    format!("{VERSION}\n{}\n", fields.join("\n"))
}

fn read(text: &str) -> Option<Order> {
    let mut lines = text.strip_suffix('\n')?.split('\n');
    if lines.next() != Some(VERSION) {
        return None;
    }
    let fields: Vec<&str> = lines.collect();
    let name = |text: &str| UserName::parse(text).ok();
    Some(match fields[..] {
        ["add", text, hash, role @ ("owner" | "member")] => Order::Add {
            name: name(text)?,
            password: PasswordHash::new(hash),
            is_admin: role == "owner",
        },
        ["add bot", text, token] => Order::AddBot {
            name: name(text)?,
            token: token::read_login(token)?,
        },
        ["set password", text, hash] => Order::SetPassword {
            name: name(text)?,
            password: PasswordHash::new(hash),
        },
        [kind @ ("disable" | "enable"), text] => Order::Disable {
            name: name(text)?,
            is_disabled: kind == "disable",
        },
        ["list"] => Order::List,
        ["unban", text] => Order::Unban(Whom::Name(name(text)?)),
        ["unban address", text] => Order::Unban(Whom::Network(Network::parse(text).ok()?)),
        ["bans"] => Order::Bans,
        _ => return None,
    })
}

/// How often whoever has the data is asked anew that does not answer, and how long apart: two seconds
/// together.
pub(crate) const MAX_ASKED: u32 = 20;
pub(crate) const ASK_INTERVAL: Duration = Duration::from_millis(100);

/// In the data directory, mode 0700.
const SOCKET_NAME: &str = "control.sock";

/// What the lines mean, so that programs of different age don't misunderstand.
const VERSION: &str = "chinwag order 1";

/// A name, a hash, and what goes with them.
const MAX_ORDER_LEN: u64 = 4 * 1024;

/// Whoever asks is a program that asks at once; the log answers within a second.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::account::LoginToken;

    fn name() -> UserName {
        UserName::parse("ada \"the\" countess").unwrap()
    }

    #[test]
    fn orders_are_read_as_they_were_written() {
        let password = PasswordHash::new("$argon2id$v=19$x");
        for order in [
            Order::Add {
                name: name(),
                password: password.clone(),
                is_admin: true,
            },
            Order::Add {
                name: name(),
                password: password.clone(),
                is_admin: false,
            },
            Order::AddBot {
                name: name(),
                token: LoginToken([7; 32]),
            },
            Order::SetPassword {
                name: name(),
                password,
            },
            Order::Disable {
                name: name(),
                is_disabled: true,
            },
            Order::Disable {
                name: name(),
                is_disabled: false,
            },
            Order::List,
            Order::Unban(Whom::Name(name())),
            Order::Unban(Whom::Network(Network::parse("2001:db8::/32").unwrap())),
            Order::Unban(Whom::Network(Network::parse("203.0.113.7").unwrap())),
            Order::Bans,
        ] {
            assert_eq!(read(&write(&order)), Some(order.clone()), "{order:?}");
        }
        for text in ["", "list\n", "chinwag order 2\nlist\n", "chinwag order 1\n"] {
            assert_eq!(read(text), None, "{text:?}");
        }
    }

    #[test]
    fn accounts_are_listed_a_line_each() {
        let account = AccountSummary {
            name: name(),
            server_role: Role::Owner,
            is_bot: false,
            is_disabled: true,
            has_totp: false,
            login_count: 2,
        };
        assert_eq!(
            describe(Ok(Done::Accounts(vec![account]))).as_deref(),
            Ok("ada \"the\" countess\towner\tdisabled\t2 sessions\n")
        );
    }
}
