//! Chooses the proxy for a server, by settings or by the environment.

use std::ffi::OsString;

use crate::websocket::blocking::proxy::no_proxy::NoProxy;
use crate::websocket::blocking::proxy::{Proxy, ProxyAddressError};

/// Which proxy leads to which server. By default there is none.
///
/// # Examples
///
/// ```
/// use chinwag::websocket::blocking::{Connector, Proxies};
///
/// let proxies = Proxies::all("socks5://127.0.0.1:1080".parse()?).except("localhost,10.0.0.0/8");
/// let connector = Connector::new().with_proxies(proxies);
/// # Ok::<(), chinwag::websocket::blocking::ProxyAddressError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    /// For `ws`.
    plain: Option<Proxy>,
    /// For `wss`.
    secure: Option<Proxy>,
    exceptions: NoProxy,
}

impl Proxies {
    /// Makes the choice of no proxy at all.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Makes the choice of `proxy` for every server.
    #[must_use]
    pub fn all(proxy: Proxy) -> Self {
        Self {
            plain: Some(proxy.clone()),
            secure: Some(proxy),
            exceptions: NoProxy::default(),
        }
    }

    /// Adds servers that are reached directly: a list as in `NO_PROXY`.
    ///
    /// Its entries, between commas, are names (which stand for what is below them, too), addresses,
    /// networks as `10.0.0.0/8`, or `*`; each may have a port.
    #[must_use]
    pub fn except(mut self, servers: &str) -> Self {
        self.exceptions.add(servers);
        self
    }

    /// Makes the choice that the environment asks for: `http_proxy` for `ws`, `https_proxy` for
    /// `wss`, `all_proxy` for both where these are missing, `no_proxy` for exceptions. Upper case
    /// counts where lower case is missing.
    ///
    /// # Errors
    ///
    /// What is wrong with the first proxy that can't be understood;
    /// [`NotUnicode`](ProxyAddressError::NotUnicode) for any of the variables.
    pub fn from_environment() -> Result<Self, ProxyAddressError> {
        Self::from_os_variables(|name| std::env::var_os(name))
    }

    /// As [`from_environment`](Self::from_environment), with the environment as an argument.
    ///
    /// # Errors
    ///
    /// What is wrong with the first proxy that can't be understood.
    pub fn from_variables(
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, ProxyAddressError> {
        Self::from_os_variables(|name| variable(name).map(OsString::from))
    }

    /// A variable that can't be understood is not one that is missing: who sets a proxy wants no
    /// direct way.
    fn from_os_variables(
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, ProxyAddressError> {
        let variable = |name: &str| {
            let value = variable(name).map(OsString::into_string).transpose();
            let value = value.map_err(|_| ProxyAddressError::NotUnicode)?;
            Ok(value.filter(|value| !value.trim().is_empty()))
        };
        // A CGI program has the request's `Proxy` header as HTTP_PROXY: anybody's choice.
        let is_cgi = variable("REQUEST_METHOD")?.is_some();
        let either = |lower: &str, upper: &str| match variable(lower)? {
            None if !(is_cgi && upper == "HTTP_PROXY") => variable(upper),
            value => Ok(value),
        };
        let parse = |value: Option<String>| value.map(|it| it.trim().parse()).transpose();
        let all = either("all_proxy", "ALL_PROXY")?;
        let plain = either("http_proxy", "HTTP_PROXY")?.or_else(|| all.clone());
        let secure = either("https_proxy", "HTTPS_PROXY")?.or(all);
        let exceptions = either("no_proxy", "NO_PROXY")?.unwrap_or_default();
        Ok(Self {
            plain: parse(plain)?,
            secure: parse(secure)?,
            exceptions: NoProxy::parse(&exceptions),
        })
    }

    /// Returns the proxy for a server; `host` is without brackets.
    pub(crate) fn choose(&self, host: &str, port: u16, is_secure: bool) -> Option<&Proxy> {
        let proxy = if is_secure { &self.secure } else { &self.plain };
        proxy
            .as_ref()
            .filter(|_| !self.exceptions.matches(host, port))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hosts of the proxies for `ws://a`, `wss://a`, and `ws://direct`.
    fn check(variables: &[(&str, &str)], expected: [Option<&str>; 3]) {
        let proxies = Proxies::from_variables(|name| {
            let found = variables.iter().find(|(it, _)| *it == name);
            found.map(|(_, value)| (*value).to_owned())
        })
        .unwrap();
        let chosen = [("a", false), ("a", true), ("direct", false)]
            .map(|(host, is_secure)| proxies.choose(host, 80, is_secure).map(Proxy::host));
        assert_eq!(chosen, expected, "{variables:?}");
    }

    #[test]
    fn the_scheme_chooses_the_variable() {
        check(&[], [None, None, None]);
        check(&[("http_proxy", "http://p")], [Some("p"), None, Some("p")]);
        check(&[("HTTPS_PROXY", "p:1")], [None, Some("p"), None]);
        check(
            &[("ALL_PROXY", "socks5://s"), ("https_proxy", "p")],
            [Some("s"), Some("p"), Some("s")],
        );
    }

    #[test]
    fn lower_case_goes_before_upper_case_and_empty_is_missing() {
        check(
            &[("http_proxy", "low"), ("HTTP_PROXY", "up")],
            [Some("low"), None, Some("low")],
        );
        check(
            &[("http_proxy", ""), ("HTTP_PROXY", "up")],
            [Some("up"), None, Some("up")],
        );
    }

    #[test]
    fn exceptions_are_reached_directly() {
        check(
            &[("all_proxy", "p"), ("NO_PROXY", "other, direct")],
            [Some("p"), Some("p"), None],
        );
        let proxies = Proxies::all("p".parse().unwrap()).except("direct:80");
        assert!(proxies.choose("direct", 80, true).is_none());
        assert!(proxies.choose("direct", 443, true).is_some());
    }

    #[test]
    fn exceptions_are_added_to_those_of_the_environment() {
        let variable = |name: &str| match name {
            "http_proxy" => Some("p".to_owned()),
            "no_proxy" => Some("intern".to_owned()),
            _ => None,
        };
        let proxies = Proxies::from_variables(variable).unwrap();
        let proxies = proxies.except("direct").except("other");
        for host in ["intern", "direct", "other"] {
            assert_eq!(proxies.choose(host, 80, false), None, "{host}");
        }
        assert!(proxies.choose("a", 80, false).is_some());
    }

    #[test]
    fn a_request_header_of_a_cgi_program_chooses_no_proxy() {
        check(
            &[("REQUEST_METHOD", "GET"), ("HTTP_PROXY", "evil")],
            [None, None, None],
        );
        check(
            &[("REQUEST_METHOD", "GET"), ("http_proxy", "p")],
            [Some("p"), None, Some("p")],
        );
    }

    #[test]
    fn a_proxy_that_is_not_understood_is_an_error_not_a_direct_way() {
        let proxies =
            Proxies::from_variables(|name| (name == "https_proxy").then(|| "ftp://p".to_owned()));
        assert_eq!(proxies, Err(ProxyAddressError::UnsupportedScheme));
    }

    #[cfg(unix)]
    #[test]
    fn a_variable_that_is_not_unicode_is_an_error_not_a_direct_way() {
        use std::os::unix::ffi::OsStringExt as _;

        for variable in ["http_proxy", "ALL_PROXY", "no_proxy", "REQUEST_METHOD"] {
            let proxies = Proxies::from_os_variables(|name| {
                (name == variable).then(|| OsString::from_vec(b"http://p\xff".to_vec()))
            });
            assert_eq!(proxies, Err(ProxyAddressError::NotUnicode), "{variable}");
        }
    }
}
