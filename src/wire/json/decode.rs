//! Reads requests.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::chat::account::{LoginId, LoginLabel};
use crate::chat::command::{AccountCommand, RoomCommand};
use crate::chat::event::Role;
use crate::chat::log::{Span, Visibility};
use crate::chat::order::{self, InviteCode, Reason, RestraintKind};
use crate::chat::password::{NewPassword, Password};
use crate::chat::search::Query;
use crate::chat::secret::SecretHash;
use crate::chat::totp::{RecoveryCode, SecondFactor, TotpCode};
use crate::chat::{
    Body, ChatError, Command, Emoji, MessageKey, RequestId, RoomName, Seq, Topic, UserName, hub,
};

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
                None => {
                    let command = self.room_command(kind)?;
                    let room = self.room()?;
                    Command::Room { room, command }
                }
            },
        };
        Ok(Wanted::Command(command))
    }

    /// What is asked about how a room is kept.
    fn room_command(&self, kind: &str) -> Result<RoomCommand, ChatError> {
        use RestraintKind::{Ban, Mute};
        Ok(match kind {
            "read" => RoomCommand::Read { seq: self.seq()? },
            "kick" => RoomCommand::Kick {
                name: self.name()?,
                reason: self.reason()?,
            },
            "ban" => self.restrain(Ban)?,
            "mute" => self.restrain(Mute)?,
            "unban" => self.lift(Ban)?,
            "unmute" => self.lift(Mute)?,
            "role" => RoomCommand::Role {
                name: self.name()?,
                role: self.role()?,
            },
            "slow_mode" => RoomCommand::SlowMode {
                interval: self
                    .duration("seconds", order::MAX_SLOW_MODE)?
                    .ok_or(ChatError::BadRequest("seconds is missing"))?,
            },
            "remove_room" => RoomCommand::Remove,
            "audit" => RoomCommand::Audit {
                before: self.integer("before", "before must be an entry's number")?,
                limit: self
                    .limit(hub::MAX_HISTORY, HISTORY_RULE)?
                    .unwrap_or(DEFAULT_HISTORY),
            },
            _ => return Err(ChatError::UnknownType),
        })
    }

    fn restrain(&self, kind: RestraintKind) -> Result<RoomCommand, ChatError> {
        let lasting = self.duration("for_s", order::MAX_RESTRAINT)?;
        if lasting.is_some_and(|lasting| lasting.is_zero()) {
            return Err(ChatError::BadRequest("for_s must be at least 1"));
        }
        Ok(RoomCommand::Restrain {
            kind,
            name: self.name()?,
            lasting,
            reason: self.reason()?,
        })
    }

    fn lift(&self, kind: RestraintKind) -> Result<RoomCommand, ChatError> {
        Ok(RoomCommand::Lift {
            kind,
            name: self.name()?,
            reason: self.reason()?,
        })
    }

    fn name(&self) -> Result<UserName, ChatError> {
        UserName::parse(self.required("name", "name must be a string")?)
    }

    fn reason(&self) -> Result<Reason, ChatError> {
        let reason = self.text("reason", "reason must be a string")?;
        Reason::parse(reason.unwrap_or_default())
    }

    fn role(&self) -> Result<Role, ChatError> {
        match self.text("role", ROLE_RULE)? {
            Some("owner") => Ok(Role::Owner),
            Some("op") => Ok(Role::Op),
            Some("member") => Ok(Role::Member),
            _ => Err(ChatError::BadRequest(ROLE_RULE)),
        }
    }

    /// A number of seconds, up to `max`.
    fn duration(&self, name: &str, max: Duration) -> Result<Option<Duration>, ChatError> {
        let rule = if name == "for_s" {
            "for_s must be a number of seconds that is not too large"
        } else {
            "seconds must be a number from 0 to 21600"
        };
        let duration = self.integer(name, rule)?.map(Duration::from_secs);
        match duration {
            Some(duration) if duration > max => Err(ChatError::BadRequest(rule)),
            duration => Ok(duration),
        }
    }

    fn account_wanted(&self, kind: &str) -> Result<Option<Wanted>, ChatError> {
        let command = match kind {
            "register" => {
                return Ok(Some(Wanted::Register {
                    name: self.user_name()?,
                    password: self.new_password("password")?,
                    invite: self.invite()?,
                    label: self.label()?,
                }));
            }
            "totp_begin" => return Ok(Some(Wanted::TotpBegin(self.password("password")?))),
            "totp_confirm" => {
                let rule = "totp must be the six digits that the device shows";
                let code = TotpCode::parse(self.required("totp", rule)?);
                return Ok(Some(Wanted::TotpConfirm(
                    code.ok_or(ChatError::BadRequest(rule))?,
                )));
            }
            "invite" => return Ok(Some(Wanted::InviteToServer)),
            "sessions" => AccountCommand::Sessions,
            "revoke" => {
                let rule = "session must be a number from the list of sessions";
                let session = self.integer("session", rule)?;
                let id = session.and_then(|session| i64::try_from(session).ok());
                AccountCommand::Revoke(LoginId(id.ok_or(ChatError::BadRequest(rule))?))
            }
            "password" => AccountCommand::SetPassword {
                current: self.password("password")?,
                new: self.new_password("new")?,
            },
            "totp_disable" => AccountCommand::TotpDisable {
                password: self.password("password")?,
            },
            _ => return Ok(None),
        };
        Ok(Some(Wanted::Command(Command::Account(command))))
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

    fn password(&self, field: &str) -> Result<Password, ChatError> {
        Password::read(self.required(field, PASSWORD_RULE)?)
    }

    fn new_password(&self, field: &str) -> Result<NewPassword, ChatError> {
        NewPassword::parse(self.required(field, PASSWORD_RULE)?)
    }

    fn invite(&self) -> Result<Option<SecretHash>, ChatError> {
        let rule = "invite must be a code of 16 letters and digits";
        let code = self.text("invite", rule)?;
        code.map(|code| RecoveryCode::hash_of(code).ok_or(ChatError::BadRequest(rule)))
            .transpose()
    }

    fn label(&self) -> Result<Option<LoginLabel>, ChatError> {
        let label = self.text("label", "label must be a string")?;
        Ok(label.map(LoginLabel::clean))
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

const ROLE_RULE: &str = "role must be owner, op or member";
const PASSWORD_RULE: &str = "a password is missing, or not a string";

const VISIBILITY_RULE: &str = "visibility must be public or private";

const HISTORY_RULE: &str = "limit must be a number from 1 to 200";

const FOUND_RULE: &str = "limit must be a number from 1 to 50";

/// Messages of a `history` answer where the request sets no limit.
const DEFAULT_HISTORY: usize = 50;

/// Messages of a `search` answer where the request sets no limit.
const DEFAULT_FOUND: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> (Option<RequestId>, &'static str) {
        let refused = decode(text).expect_err(text);
        (refused.id, refused.error.code())
    }

    #[test]
    fn what_is_no_object_is_refused_without_id() {
        for text in [
            "",
            "x",
            "1",
            "[]",
            "null",
            "\"a\"",
            "{",
            "{\"type\":\"rooms\"}x",
        ] {
            assert_eq!(refused(text), (None, "bad_request"), "{text}");
        }
        let deep = format!("{{\"a\":{}", "[".repeat(100_000));
        assert_eq!(refused(&deep), (None, "bad_request"));
    }

    #[test]
    fn ids_are_short_texts_or_integers() {
        let rooms = |id: &str| decode(&format!("{{\"type\":\"rooms\",\"id\":{id}}}"));
        let text = "ä".repeat(64);
        assert_eq!(rooms("-7").unwrap().id, Some(RequestId::Integer(-7)));
        let digits = "9".repeat(64);
        assert_eq!(
            rooms(&digits).unwrap().id,
            Some(RequestId::BigInteger(digits.as_str().into()))
        );
        assert_eq!(rooms("null").unwrap().id, None);
        assert_eq!(
            rooms(&format!("\"{text}\"")).unwrap().id,
            Some(RequestId::Text(text.as_str().into()))
        );
        for id in [
            "1.5",
            "true",
            "{}",
            &format!("\"{text}x\""),
            &"9".repeat(65),
        ] {
            assert_eq!(rooms(id).unwrap_err().id, None, "{id}");
        }
    }

    #[test]
    fn wrong_fields_are_refused_with_the_id() {
        let cases = [
            (r#"{"id":1}"#, "bad_request"),
            (r#"{"id":1,"type":"fly"}"#, "unknown_type"),
            (r#"{"id":1,"type":"join"}"#, "bad_request"),
            (r#"{"id":1,"type":"join","room":7}"#, "bad_request"),
            (r#"{"id":1,"type":"join","room":"a b"}"#, "room_invalid"),
            (
                r#"{"id":1,"type":"join","room":"a","since":-1}"#,
                "bad_request",
            ),
            (
                r#"{"id":1,"type":"join","room":"a","since":9223372036854775808}"#,
                "bad_request",
            ),
            (
                r#"{"id":1,"type":"join","room":"a","create":1}"#,
                "bad_request",
            ),
            (r#"{"id":1,"type":"send","room":"a","body":""}"#, "empty"),
            (
                r#"{"id":1,"type":"send","room":"a","body":"x","key":""}"#,
                "empty",
            ),
            (
                r#"{"id":1,"type":"history","room":"a","limit":201}"#,
                "bad_request",
            ),
            (
                r#"{"id":1,"type":"history","room":"a","limit":0}"#,
                "bad_request",
            ),
            (
                r#"{"id":1,"type":"create","room":"a","visibility":"secret"}"#,
                "bad_request",
            ),
            (
                r#"{"id":1,"type":"history","room":"a","before":3,"after":1}"#,
                "bad_request",
            ),
            (
                r#"{"id":1,"type":"edit","room":"a","body":"x"}"#,
                "bad_request",
            ),
            (
                r#"{"id":1,"type":"edit","room":"a","seq":1,"body":" "}"#,
                "empty",
            ),
            (
                r#"{"id":1,"type":"delete","room":"a","seq":"1"}"#,
                "bad_request",
            ),
            (
                r#"{"id":1,"type":"react","room":"a","seq":1,"emoji":"👍"}"#,
                "bad_request",
            ),
            (
                r#"{"id":1,"type":"react","room":"a","seq":1,"emoji":"no","on":true}"#,
                "bad_request",
            ),
            (r#"{"id":1,"type":"search"}"#, "bad_request"),
            (r#"{"id":1,"type":"search","query":"?"}"#, "empty"),
            (
                r#"{"id":1,"type":"search","query":"x","limit":51}"#,
                "bad_request",
            ),
            (r#"{"id":1,"type":"topic","room":"a"}"#, "bad_request"),
            (r#"{"id":1,"type":"hello"}"#, "bad_request"),
            (r#"{"id":1,"type":"hello","name":" "}"#, "name_invalid"),
            (
                r#"{"id":1,"type":"hello","name":"ada","password":7}"#,
                "bad_request",
            ),
            (
                r#"{"id":1,"type":"hello","name":"ada","password":"x","totp":"1"}"#,
                "bad_request",
            ),
            (
                r#"{"id":1,"type":"register","name":"ada","password":"1234567"}"#,
                "bad_request",
            ),
            (
                r#"{"id":1,"type":"password","password":"x"}"#,
                "bad_request",
            ),
            (r#"{"id":1,"type":"revoke"}"#, "bad_request"),
            (r#"{"id":1,"type":"totp_confirm","totp":1}"#, "bad_request"),
        ];
        for (text, code) in cases {
            assert_eq!(refused(text), (Some(RequestId::Integer(1)), code), "{text}");
        }
    }

    #[test]
    fn unknown_fields_are_ignored() {
        let incoming = decode(r#"{"type":"typing","room":"a","color":"red"}"#).unwrap();
        let room = RoomName::parse("a").unwrap();
        assert_eq!(incoming.wanted, Wanted::Command(Command::Typing { room }));
    }
}
