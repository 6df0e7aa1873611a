//! The HTTP requests that the hub answers: logging in and out, posting, and the first owner's page.

use crate::chat::account::{LoginLabel, LoginToken};
use crate::chat::command::{AccountCommand, Grounds, Registration};
use crate::chat::secret::SecretHash;
use crate::chat::{ChatError, Command, Done, RoomName};
use crate::net::Outbox;
use crate::server::assets::CLAIM_PAGE;
use crate::server::context::Context;
use crate::server::response::{Content, Response};
use crate::server::routes::is_origin_allowed;
use crate::server::shared::{Purpose, Shared};
use crate::server::token;
use crate::server::visitor::Visitor;
use crate::websocket::handshake::http::Request;
use crate::wire::json;

/// A request that is answered by the hub, and what of its head the answer takes.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    wish: Wish,
    body_len: usize,
    /// Whether another request may follow.
    keep_alive: bool,
    is_head: bool,
    /// Whether the client was asked over TLS, by the server or by a trusted proxy.
    is_secure: bool,
    label: LoginLabel,
}

/// What is asked for.
#[derive(Clone, Debug)]
enum Wish {
    LogIn,
    LogOut(LoginToken),
    Post { token: LoginToken, room: RoomName },
    ShowClaim(SecretHash),
    Claim(SecretHash),
}

impl Exchange {
    /// The exchange that a request begins, or why it does not; `None`: it is no such request.
    pub(crate) fn find(
        request: &Request<'_>,
        visitor: &Visitor,
        shared: &Shared,
    ) -> Option<Result<Self, Response<'static>>> {
        let route = Route::find(request.path())?;
        Some(route.wish(request, shared).and_then(|wish| {
            let body_len = usize::try_from(request.content_len()).unwrap_or(usize::MAX);
            if body_len > MAX_BODY_LEN {
                return Err(Response::text(
                    "413 Content Too Large",
                    "a body has at most 64 KiB\n",
                ));
            }
            let agent = request.header("User-Agent").unwrap_or(b"HTTP");
            Ok(Self {
                wish,
                body_len,
                keep_alive: request.is_persistent(),
                is_head: request.method() == "HEAD",
                is_secure: shared.is_tls(Purpose::Web) || visitor.is_forwarded_from_tls(request),
                label: LoginLabel::clean(&String::from_utf8_lossy(agent)),
            })
        }))
    }

    /// How long its body is.
    pub(crate) fn body_len(&self) -> usize {
        self.body_len
    }

    /// What to ask the hub, when the body is complete.
    pub(crate) fn command(
        &self,
        body: &[u8],
        context: &mut Context<'_>,
    ) -> Result<Command, ChatError> {
        let text = str::from_utf8(body).map_err(|_| ChatError::BadRequest("it is not UTF-8"));
        let command = match &self.wish {
            Wish::LogIn => {
                let credentials = json::decode_credentials(text?)?;
                let (login, password) = context.login(credentials, self.label.as_str(), false);
                AccountCommand::LogIn { login, password }
            }
            Wish::LogOut(token) => AccountCommand::LogOut(*token),
            Wish::Post { token, room } => {
                let json::Post {
                    body,
                    key,
                    reply_to,
                } = json::decode_post(text?)?;
                AccountCommand::Post {
                    token: *token,
                    room: room.clone(),
                    body,
                    key,
                    reply_to,
                }
            }
            Wish::ShowClaim(secret) => AccountCommand::Claimable(*secret),
            Wish::Claim(secret) => {
                let json::Claim { name, password } = json::decode_claim(text?)?;
                AccountCommand::Register(Box::new(Registration {
                    name,
                    password,
                    grounds: Grounds::Claim(*secret),
                    opening: context.opening(self.label.clone(), false),
                }))
            }
        };
        Ok(Command::Account(command))
    }

    /// Writes what the hub says; whether another request may follow.
    pub(crate) fn answer(
        &self,
        answer: &Result<Done, ChatError>,
        shared: &Shared,
        outbox: &mut Outbox,
    ) -> bool {
        let json = match answer {
            Err(error) => json::encode_refusal(None, *error),
            Ok(_) => json::encode_answer(None, answer, None),
        };
        let no_content = Response::text("204 No Content", "");
        let response = match (answer, &self.wish) {
            (Ok(Done::LoggedIn(token)), _) => {
                no_content.with_header("Set-Cookie", &self.set_cookie(Some(token), shared))
            }
            // Whose login is over has what they want.
            (Ok(_) | Err(ChatError::BadToken), Wish::LogOut(_)) => {
                no_content.with_header("Set-Cookie", &self.set_cookie(None, shared))
            }
            (Ok(_), Wish::ShowClaim(_)) => Response {
                content_type: "text/html; charset=utf-8",
                body: Content::Brief(CLAIM_PAGE),
                ..Response::text("200 OK", "").for_page()
            },
            (Ok(_), _) => Response {
                content_type: JSON,
                ..Response::text("200 OK", &json)
            },
            (Err(error), _) => refused(*error, &json),
        };
        if matches!(answer, Err(ChatError::BadPassword)) {
            shared.metrics.auth_failed("password");
        }
        let response = response.with_header("Cache-Control", "no-store");
        response.write(self.is_head, self.keep_alive, outbox);
        self.keep_alive
    }

    /// Has a browser keep a token where no script reads it, or forget it.
    fn set_cookie(&self, token: Option<&LoginToken>, shared: &Shared) -> String {
        let (value, max_age) = match token {
            Some(token) => (token::write_login(token), COOKIE_SECONDS),
            None => (String::new(), 0),
        };
        let name = cookie_name(shared);
        let secure = if self.is_secure { "; Secure" } else { "" };
        format!("{name}={value}; Path=/; Max-Age={max_age}; HttpOnly; SameSite=Strict{secure}")
    }
}

/// A path that the hub answers on, and what of it matters.
#[derive(Clone, Copy, Debug)]
enum Route<'a> {
    Session,
    Messages { room: &'a str },
    Claim { secret: &'a str },
}

impl<'a> Route<'a> {
    fn find(path: &'a str) -> Option<Self> {
        if path == "/api/v1/session" {
            return Some(Self::Session);
        }
        if let Some(secret) = path.strip_prefix("/claim/") {
            return Some(Self::Claim { secret });
        }
        let room = path.strip_prefix("/api/v1/rooms/")?;
        let room = room.strip_suffix("/messages")?;
        Some(Self::Messages { room })
    }

    /// What a request on this path wants, or why it gets nothing.
    fn wish(self, request: &Request<'_>, shared: &Shared) -> Result<Wish, Response<'static>> {
        let (allowed, is_read) = match self {
            Self::Session => ("POST, DELETE", false),
            Self::Messages { .. } => ("POST", false),
            Self::Claim { .. } => ("GET, HEAD, POST", request.method() != "POST"),
        };
        if !allowed.split(", ").any(|method| method == request.method()) {
            return Err(Response::text(
                "405 Method Not Allowed",
                "this method is not allowed here\n",
            )
            .with_header("Allow", allowed));
        }
        let is_foreign = |origin| !is_origin_allowed(origin, request, shared);
        if !is_read && request.header("Origin").is_some_and(is_foreign) {
            shared.metrics.refused("origin");
            return Err(Response::text(
                "403 Forbidden",
                "pages of this origin may not ask here\n",
            ));
        }
        match (self, request.method()) {
            (Self::Session, "DELETE") => {
                let token = cookie(request, shared).ok_or_else(unauthorized)?;
                Ok(Wish::LogOut(token))
            }
            (Self::Session, _) => Ok(Wish::LogIn),
            (Self::Messages { room }, _) => {
                let token = bearer(request).ok_or_else(unauthorized)?;
                let room = percent_decode(room).and_then(|room| RoomName::parse(&room).ok());
                let room = room.ok_or_else(not_found)?;
                Ok(Wish::Post { token, room })
            }
            (Self::Claim { secret }, method) => {
                let secret = token::read_login(secret).ok_or_else(not_found)?.hash();
                Ok(match method {
                    "POST" => Wish::Claim(secret),
                    _ => Wish::ShowClaim(secret),
                })
            }
        }
    }
}

/// The token in the session cookie.
pub(crate) fn cookie(request: &Request<'_>, shared: &Shared) -> Option<LoginToken> {
    let value = request.cookie(cookie_name(shared))?;
    token::read_login(str::from_utf8(value).ok()?)
}

/// The token of a program (RFC 6750 §2.1).
fn bearer(request: &Request<'_>) -> Option<LoginToken> {
    let value = str::from_utf8(request.header("Authorization")?).ok()?;
    let (scheme, token) = value.split_once(' ')?;
    let is_bearer = scheme.eq_ignore_ascii_case("bearer");
    token::read_login(token.trim()).filter(|_| is_bearer)
}

/// Over TLS the prefix keeps other names of this site from setting it (RFC 6265bis §4.1.3.2).
fn cookie_name(shared: &Shared) -> &'static str {
    if shared.is_tls(Purpose::Web) {
        "__Host-chinwag_session"
    } else {
        "chinwag_session"
    }
}

/// A refusal in the form of the chat's errors, with the status that says as much.
fn refused(error: ChatError, json: &str) -> Response<'_> {
    let status = match error.code() {
        "not_authenticated" => "401 Unauthorized",
        "forbidden" | "banned" | "muted" | "read_only" => "403 Forbidden",
        "not_found" => "404 Not Found",
        "name_taken" | "already" | "room_exists" => "409 Conflict",
        "rate_limited" => "429 Too Many Requests",
        "busy" => "503 Service Unavailable",
        _ => "400 Bad Request",
    };
    let mut response = Response {
        content_type: JSON,
        ..Response::text(status, json)
    };
    if let Some(millis) = error.retry_after_ms() {
        // Rounded up, so that waiting so long is enough.
        let seconds = millis.div_ceil(1_000).to_string();
        response = response.with_header("Retry-After", &seconds);
    }
    if status.starts_with("401") {
        response = response.with_header("WWW-Authenticate", "Bearer");
    }
    response
}

fn unauthorized() -> Response<'static> {
    Response::text("401 Unauthorized", "this takes a token\n")
        .with_header("WWW-Authenticate", "Bearer")
}

fn not_found() -> Response<'static> {
    Response::text("404 Not Found", "there is nothing here\n")
}

/// Decodes a segment of a path (RFC 3986 §2.1).
fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (digits, after) = rest.split_first_chunk::<2>()?;
        let digits = str::from_utf8(digits).ok()?;
        let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        bytes.push(u8::from_str_radix(digits, 16).ok().filter(|_| is_hex)?);
        rest = after;
    }
    String::from_utf8(bytes).ok()
}

/// The hub has too many requests.
pub(crate) const BUSY: ChatError = ChatError::Busy("too many requests wait");

const JSON: &str = "application/json";

/// Twice the longest message as JSON may write it.
const MAX_BODY_LEN: usize = 64 * 1024;

/// As long as a login lasts at most; when it ends before is the server's business.
const COOKIE_SECONDS: u32 = 365 * 24 * 60 * 60;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_decoded_or_refused() {
        for (text, decoded) in [
            ("lobby", Some("lobby")),
            ("%E6%97%A5", Some("日")),
            ("a%2fb", Some("a/b")),
            ("a%", None),
            ("a%2", None),
            ("a%+1", None),
            ("%ff", None),
        ] {
            assert_eq!(percent_decode(text).as_deref(), decoded, "{text}");
        }
    }

    #[test]
    fn routes_are_found_by_their_whole_path() {
        assert!(matches!(
            Route::find("/api/v1/session"),
            Some(Route::Session)
        ));
        let room = Route::find("/api/v1/rooms/tea/messages");
        assert!(matches!(room, Some(Route::Messages { room: "tea" })));
        for path in [
            "/",
            "/api/v1/sessions",
            "/api/v1/rooms/tea",
            "/claim",
            "/ws",
        ] {
            assert!(Route::find(path).is_none(), "{path}");
        }
    }
}
