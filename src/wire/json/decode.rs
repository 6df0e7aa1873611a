//! Reads requests.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::chat::account::LoginLabel;
use crate::chat::log::{Span, Visibility};
use crate::chat::order::{self, InviteCode};
use crate::chat::password::{NewPassword, Password};
use crate::chat::search::Query;
use crate::chat::secret::SecretHash;
use crate::chat::totp::{SecondFactor, TotpCode};
use crate::chat::{
    Body, ChatError, Command, Emoji, MessageKey, RequestId, RoomName, Seq, Topic, UserName, hub,
};

mod accounts;
mod keeping;

/// A request as it came: what it is called, and what it wants.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Incoming {
    /// The client's own name for it.
    pub id: Option<RequestId>,
    /// What is asked for.
    pub wanted: Wanted,
}

/// What a request asks for, before the server added what it makes up itself: tokens, codes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Wanted {
    /// To be somebody.
    Hello(Greeting),
    /// A code with which others may enter a room.
    Invite {
        /// Which.
        room: RoomName,
        /// For how long it is good.
        lasting: Duration,
    },
    /// To have an account.
    Register {
        /// Its name.
        name: UserName,
        /// Its password.
        password: NewPassword,
        /// The invite to the server.
        invite: Option<SecretHash>,
        /// What to know the login by.
        label: Option<LoginLabel>,
    },
    /// To set up a second factor.
    TotpBegin(Password),
    /// To have it from now on.
    TotpConfirm(TotpCode),
    /// To invite somebody to the server.
    InviteToServer,
    /// Anything else.
    Command(Command),
}

/// Who a client says it is, before anyone checked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Greeting {
    /// A guest of that name.
    Guest(UserName),
    /// Whoever the token was made for.
    Token(String),
    /// Somebody with an account.
    Password(Credentials),
}

/// With what somebody logs in.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Credentials {
    /// The account's name.
    pub name: UserName,
    /// Its password.
    pub password: Password,
    /// The second factor.
    pub factor: Option<SecondFactor>,
    /// What to know the login by.
    pub label: Option<LoginLabel>,
}

/// A request that could not be read, and what it is called if that much could be.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refused {
    /// The client's own name for it.
    pub id: Option<RequestId>,
    /// What is wrong.
    pub error: ChatError,
}

/// Reads a request.
///
/// # Errors
/// What is not a JSON object, or has an `id` that is none, is [`ChatError::BadRequest`] without an
/// id; everything else carries the id that it came with.
pub fn decode(text: &str) -> Result<Incoming, Refused> {
    let refused = |error| Refused { id: None, error };
    let object = object(text).map_err(refused)?;
    let fields = Fields(&object);
    let id = fields.id().map_err(refused)?;
    match fields.wanted() {
        Ok(wanted) => Ok(Incoming { id, wanted }),
        Err(error) => Err(Refused { id, error }),
    }
}

/// Reads the body of a request to log in by HTTP.
///
/// # Errors
/// [`ChatError::BadRequest`], and what is wrong with a field.
pub fn decode_credentials(text: &str) -> Result<Credentials, ChatError> {
    Fields(&object(text)?).credentials()
}

/// What somebody wants to be called, and by which password to be known.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Claim {
    /// The account's name.
    pub name: UserName,
    /// Its password.
    pub password: NewPassword,
}

/// Reads the body of a request by which the server's first owner gets an account.
///
/// # Errors
/// [`ChatError::BadRequest`], and what is wrong with a field.
pub fn decode_claim(text: &str) -> Result<Claim, ChatError> {
    let object = object(text)?;
    let fields = Fields(&object);
    Ok(Claim {
        name: fields.user_name()?,
        password: fields.new_password("password")?,
    })
}

/// A message that a program posts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Post {
    /// What.
    pub body: Body,
    /// The sender's own name for it.
    pub key: Option<MessageKey>,
    /// The message that it answers.
    pub reply_to: Option<Seq>,
}

/// Reads the body of a request by which a program posts.
///
/// # Errors
/// [`ChatError::BadRequest`], and what is wrong with a field.
pub fn decode_post(text: &str) -> Result<Post, ChatError> {
    Fields(&object(text)?).post()
}

fn object(text: &str) -> Result<Map<String, Value>, ChatError> {
    match serde_json::from_str(text) {
        Ok(Value::Object(object)) => Ok(object),
        _ => Err(ChatError::BadRequest("it is not a JSON object")),
    }
}

/// The fields of a request; `null` counts as absent.
struct Fields<'a>(&'a Map<String, Value>);

impl<'a> Fields<'a> {
    fn wanted(&self) -> Result<Wanted, ChatError> {
        let Some(Value::String(kind)) = self.value("type") else {
            return Err(ChatError::BadRequest("type must be a string"));
        };
        let command = match kind.as_str() {
            "hello" => return Ok(Wanted::Hello(self.greeting()?)),
            "join" => Command::Join {
                room: self.room()?,
                since: self.integer("since", "since must be a number from 0")?,
                rev: self.integer("rev", "rev must be a number from 0")?,
                create: self.boolean("create", "create must be true or false")?,
                invite: self
                    .text("invite", "invite must be a string")?
                    .map(InviteCode::parse)
                    .transpose()?,
                glance: false,
            },
            "leave" => Command::Leave { room: self.room()? },
            "create" => Command::Create {
                room: self.room()?,
                visibility: self.visibility()?,
                topic: self.optional_topic()?.unwrap_or_default(),
            },
            "send" => {
                let room = self.room()?;
                let Post {
                    body,
                    key,
                    reply_to,
                } = self.post()?;
                Command::Send {
                    room,
                    body,
                    key,
                    reply_to,
                }
            }
            "typing" => Command::Typing { room: self.room()? },
            "edit" => Command::Edit {
                room: self.room()?,
                seq: self.seq()?,
                body: Body::parse(self.required("body", "body must be a string")?)?,
            },
            "delete" => Command::Delete {
                room: self.room()?,
                seq: self.seq()?,
            },
            "react" => Command::React {
                room: self.room()?,
                seq: self.seq()?,
                emoji: Emoji::parse(self.required("emoji", "emoji must be a string")?)?,
                on: self.on()?,
            },
            "history" => Command::History {
                room: self.room()?,
                span: self.span()?,
                limit: self
                    .limit(hub::MAX_HISTORY, HISTORY_RULE)?
                    .unwrap_or(DEFAULT_HISTORY),
            },
            "search" => Command::Search {
                query: Query::parse(self.required("query", "query must be a string")?)?,
                room: self
                    .text("room", "room must be a string")?
                    .map(RoomName::parse)
                    .transpose()?,
                before: self.integer("before", "before must be the next of an earlier answer")?,
                limit: self
                    .limit(hub::MAX_FOUND, FOUND_RULE)?
                    .unwrap_or(DEFAULT_FOUND),
            },
            "rooms" => Command::Rooms,
            "who" => Command::Who { room: self.room()? },
            "topic" => Command::Topic {
                room: self.room()?,
                topic: self
                    .optional_topic()?
                    .ok_or(ChatError::BadRequest("topic is missing"))?,
            },
            "direct" => Command::Direct {
                to: UserName::parse(self.required("to", "to must be a name")?)?,
            },
            "invite" if self.value("room").is_some() => {
                return Ok(Wanted::Invite {
                    room: self.room()?,
                    lasting: self
                        .duration("for_s", order::MAX_INVITE)?
                        .unwrap_or(order::DEFAULT_INVITE),
                });
            }
            kind => match self.account_wanted(kind)? {
                Some(wanted) => return Ok(wanted),
                None => match self.server_command(kind)? {
                    Some(command) => Command::Server(command),
                    None => {
                        let command = self.room_command(kind)?;
                        let room = self.room()?;
                        Command::Room { room, command }
                    }
                },
            },
        };
        Ok(Wanted::Command(command))
    }

    fn greeting(&self) -> Result<Greeting, ChatError> {
        if let Some(token) = self.text("token", "token must be a string")? {
            return Ok(Greeting::Token(token.to_owned()));
        }
        if self.value("password").is_some() {
            return Ok(Greeting::Password(self.credentials()?));
        }
        let name = self.required("name", "hello needs a name or a token, as a string")?;
        Ok(Greeting::Guest(UserName::parse(name)?))
    }

    fn credentials(&self) -> Result<Credentials, ChatError> {
        let factor = self.text("totp", "totp must be a string")?;
        Ok(Credentials {
            name: self.user_name()?,
            password: self.password("password")?,
            factor: factor.map(SecondFactor::parse).transpose()?,
            label: self.label()?,
        })
    }

    fn post(&self) -> Result<Post, ChatError> {
        let key = self.text("key", "key must be a string")?;
        Ok(Post {
            body: Body::parse(self.required("body", "body must be a string")?)?,
            key: key.map(MessageKey::parse).transpose()?,
            reply_to: self.integer("reply_to", "reply_to must be a message's number")?,
        })
    }

    fn user_name(&self) -> Result<UserName, ChatError> {
        UserName::parse(self.required("name", "name must be a string")?)
    }

    /// An absent id is none; one that is too long or of another kind is refused, not cut.
    fn id(&self) -> Result<Option<RequestId>, ChatError> {
        match self.value("id") {
            None => Ok(None),
            Some(Value::String(text))
                if text.chars().take(RequestId::MAX_CHARACTERS + 1).count()
                    <= RequestId::MAX_CHARACTERS =>
            {
                Ok(Some(RequestId::Text(text.as_str().into())))
            }
            Some(Value::Number(number)) => {
                let digits = number.as_str();
                if let Some(integer) = number.as_i64() {
                    Ok(Some(RequestId::Integer(integer)))
                } else if is_integer(digits) && digits.len() <= RequestId::MAX_CHARACTERS {
                    Ok(Some(RequestId::BigInteger(digits.into())))
                } else {
                    Err(ChatError::BadRequest(ID_RULE))
                }
            }
            Some(_) => Err(ChatError::BadRequest(ID_RULE)),
        }
    }

    fn room(&self) -> Result<RoomName, ChatError> {
        RoomName::parse(self.required("room", "room must be a string")?)
    }

    fn visibility(&self) -> Result<Visibility, ChatError> {
        match self.text("visibility", VISIBILITY_RULE)? {
            None | Some("public") => Ok(Visibility::Public),
            Some("private") => Ok(Visibility::Private),
            Some(_) => Err(ChatError::BadRequest(VISIBILITY_RULE)),
        }
    }

    fn optional_topic(&self) -> Result<Option<Topic>, ChatError> {
        self.text("topic", "topic must be a string")?
            .map(Topic::parse)
            .transpose()
    }

    fn limit(&self, max: usize, rule: &'static str) -> Result<Option<usize>, ChatError> {
        match self.integer("limit", rule)? {
            None => Ok(None),
            Some(limit) => match usize::try_from(limit) {
                Ok(limit) if (1..=max).contains(&limit) => Ok(Some(limit)),
                _ => Err(ChatError::BadRequest(rule)),
            },
        }
    }

    fn seq(&self) -> Result<Seq, ChatError> {
        let rule = "seq must be a message's number";
        self.integer("seq", rule)?
            .ok_or(ChatError::BadRequest(rule))
    }

    fn on(&self) -> Result<bool, ChatError> {
        let rule = "on must be true or false";
        match self.value("on") {
            Some(Value::Bool(on)) => Ok(*on),
            _ => Err(ChatError::BadRequest(rule)),
        }
    }

    fn span(&self) -> Result<Span, ChatError> {
        let before = self.integer("before", "before must be a message's number")?;
        let after = self.integer("after", "after must be a message's number")?;
        let around = self.integer("around", "around must be a message's number")?;
        match (before, after, around) {
            (None, None, None) => Ok(Span::Newest),
            (Some(seq), None, None) => Ok(Span::Before(seq)),
            (None, Some(seq), None) => Ok(Span::After(seq)),
            (None, None, Some(seq)) => Ok(Span::Around(seq)),
            _ => Err(ChatError::BadRequest(
                "only one of before, after and around can be given",
            )),
        }
    }

    fn required(&self, name: &str, rule: &'static str) -> Result<&'a str, ChatError> {
        self.text(name, rule)?.ok_or(ChatError::BadRequest(rule))
    }

    fn text(&self, name: &str, rule: &'static str) -> Result<Option<&'a str>, ChatError> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(ChatError::BadRequest(rule)),
        }
    }

    fn integer(&self, name: &str, rule: &'static str) -> Result<Option<Seq>, ChatError> {
        match self.value(name) {
            None => Ok(None),
            // SQLite's integers have 63 bits beside the sign.
            Some(value) => match value.as_u64() {
                Some(number) if i64::try_from(number).is_ok() => Ok(Some(number)),
                _ => Err(ChatError::BadRequest(rule)),
            },
        }
    }

    fn boolean(&self, name: &str, rule: &'static str) -> Result<bool, ChatError> {
        match self.value(name) {
            None => Ok(false),
            Some(Value::Bool(value)) => Ok(*value),
            Some(_) => Err(ChatError::BadRequest(rule)),
        }
    }

    fn value(&self, name: &str) -> Option<&'a Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }
}

/// Whether a JSON number has neither fraction nor exponent.
fn is_integer(digits: &str) -> bool {
    digits
        .trim_start_matches('-')
        .bytes()
        .all(|byte| byte.is_ascii_digit())
}

const ID_RULE: &str = "id must be an integer or a string up to 64 characters";

const VISIBILITY_RULE: &str = "visibility must be public or private";

const HISTORY_RULE: &str = "limit must be a number from 1 to 200";

const FOUND_RULE: &str = "limit must be a number from 1 to 50";

/// Messages of a `history` answer where the request sets no limit.
const DEFAULT_HISTORY: usize = 50;

/// Messages of a `search` answer where the request sets no limit.
const DEFAULT_FOUND: usize = 20;

#[cfg(test)]
mod tests;
