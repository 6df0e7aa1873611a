//! Prints the effective configuration, as a file that says the same.

use crate::server::config::Config;

/// The configuration as TOML with a comment above each setting.
pub fn print(config: &Config) -> String {
    let Config {
        server,
        tls,
        accounts,
        chat,
        limits,
    } = config;
    let mut text = String::from("# chinwag: the effective configuration\n");
    let mut section = |name: &str, settings: &[(&str, &str, toml::Value)]| {
        text.push_str(&format!("\n[{name}]\n"));
        for (comment, key, value) in settings {
            text.push_str(&format!("# {comment}\n{key} = {value}\n"));
        }
    };
    let string = |value: &str| toml::Value::String(value.into());
    let strings = |values: &[String]| {
        toml::Value::Array(values.iter().cloned().map(toml::Value::String).collect())
    };
    let integer = |value: usize| toml::Value::Integer(i64::try_from(value).unwrap_or(i64::MAX));
    section(
        "server",
        &[
            (
                "Web page and WebSocket: IP:PORT or unix:PATH.",
                "listen",
                strings(&server.listen),
            ),
            (
                "Line mode for nc: IP:PORT or off.",
                "line_listen",
                string(&server.line_listen),
            ),
            (
                "/metrics, /healthz, /readyz, or off.",
                "admin_listen",
                string(&server.admin_listen),
            ),
            (
                "Database and generated keys.",
                "data_dir",
                string(&server.data_dir.display().to_string()),
            ),
            (
                "Event-loop threads; 0: one a core.",
                "threads",
                integer(server.threads),
            ),
            (
                "Most connections; 0: what the limit of open files allows.",
                "max_connections",
                integer(server.max_connections),
            ),
            (
                "Most connections from one address (IPv6: one /64); 0: no limit. Not for loopback.",
                "max_connections_per_ip",
                toml::Value::Integer(server.max_connections_per_ip.into()),
            ),
            (
                "Proxies (10.0.0.0/8, or unix for those on Unix sockets) that may say for whom they ask.",
                "trusted_proxies",
                strings(&server.trusted_proxies),
            ),
            (
                "Connections for browsers and terminals begin with a PROXY header.",
                "proxy_protocol",
                toml::Value::Boolean(server.proxy_protocol),
            ),
            (
                "Listen beyond loopback although there is no TLS.",
                "allow_plaintext",
                toml::Value::Boolean(server.allow_plaintext),
            ),
            (
                "Origins of pages that may connect, beside the server's own.",
                "allow_origin",
                strings(&server.allow_origin),
            ),
            (
                "Microseconds that idle threads look for events before they sleep; 0: none.",
                "busy_poll",
                toml::Value::Integer(i64::try_from(server.busy_poll).unwrap_or(i64::MAX)),
            ),
            (
                "Take over from a server that runs on the same data, instead of refusing to start.",
                "take_over",
                toml::Value::Boolean(server.take_over),
            ),
            (
                "Seconds over which connections are closed on SIGTERM.",
                "drain",
                toml::Value::Float(server.drain),
            ),
            (
                "Shown to everyone who connects.",
                "motd",
                string(&server.motd),
            ),
        ],
    );
    section(
        "tls",
        &[
            (
                "PEM file: the certificate, and those that lead to its authority. Read again on SIGHUP.",
                "cert",
                string(&tls.cert.display().to_string()),
            ),
            (
                "PEM file: the certificate's private key.",
                "key",
                string(&tls.key.display().to_string()),
            ),
            (
                "Without them: make a certificate of one's own, and keep it in data_dir.",
                "self_signed",
                toml::Value::Boolean(tls.self_signed),
            ),
        ],
    );
    let guests = if accounts.guests { "on" } else { "off" };
    section(
        "accounts",
        &[
            ("Admit names without an account.", "guests", string(guests)),
            (
                "Who may register: open, invite or closed; auto: open if only this machine can connect.",
                "registration",
                string(accounts.registration.as_str()),
            ),
        ],
    );
    section(
        "chat",
        &[(
            "Days for which messages are kept where a room's owner decided nothing; 0: for ever.",
            "retention_days",
            toml::Value::Integer(chat.retention_days.into()),
        )],
    );
    section(
        "limits",
        &[
            (
                "Messages a second of one connection in the long run; 0: no limit, of these below neither.",
                "messages_per_second",
                toml::Value::Float(limits.messages_per_second),
            ),
            (
                "Messages of one connection that pass at once.",
                "burst",
                toml::Value::Float(limits.burst),
            ),
            (
                "Messages a second of one account over all of its connections; 0: no limit.",
                "account_messages_per_second",
                toml::Value::Float(limits.account_messages_per_second),
            ),
            (
                "Messages of one account that pass at once.",
                "account_burst",
                toml::Value::Float(limits.account_burst),
            ),
            (
                "Bytes a second of what one account says (16 seconds' worth at once); 0: no limit.",
                "account_bytes_per_second",
                toml::Value::Float(limits.account_bytes_per_second),
            ),
            (
                "Rooms entered a second by one account (a minute's worth at once); 0: no limit.",
                "account_joins_per_second",
                toml::Value::Float(limits.account_joins_per_second),
            ),
            (
                "The same for all from one address (IPv6: one /64), but for loopback.",
                "address_messages_per_second",
                toml::Value::Float(limits.address_messages_per_second),
            ),
            (
                "Messages from one address that pass at once.",
                "address_burst",
                toml::Value::Float(limits.address_burst),
            ),
            (
                "Bytes a second of what is said from one address; 0: no limit.",
                "address_bytes_per_second",
                toml::Value::Float(limits.address_bytes_per_second),
            ),
            (
                "Rooms entered a second from one address; 0: no limit.",
                "address_joins_per_second",
                toml::Value::Float(limits.address_joins_per_second),
            ),
            ("Most rooms.", "max_rooms", integer(limits.max_rooms)),
        ],
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_means_the_same_and_misses_nothing() {
        let mut config = Config::default();
        config.server.motd = "a \"quoted\"\nline".into();
        config.server.allow_origin = vec!["https://chat.example.org".into()];
        config.accounts.guests = false;
        let printed = print(&config);
        assert_eq!(toml::from_str::<Config>(&printed).unwrap(), config);
        let all = toml::Table::try_from(Config::default()).unwrap();
        for (section, settings) in &all {
            assert!(printed.contains(&format!("[{section}]")));
            for (key, _) in settings.as_table().unwrap() {
                assert!(printed.contains(&format!("\n{key} = ")), "{key}");
            }
        }
    }
}
