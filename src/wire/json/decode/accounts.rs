//! Reads requests about accounts.

use crate::chat::account::{LoginId, LoginLabel};
use crate::chat::command::AccountCommand;
use crate::chat::password::{NewPassword, Password};
use crate::chat::secret::SecretHash;
use crate::chat::totp::{RecoveryCode, TotpCode};
use crate::chat::{ChatError, Command};
use crate::wire::json::decode::{Fields, Wanted};

impl Fields<'_> {
    pub(super) fn account_wanted(&self, kind: &str) -> Result<Option<Wanted>, ChatError> {
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

    pub(super) fn password(&self, field: &str) -> Result<Password, ChatError> {
        Password::read(self.required(field, PASSWORD_RULE)?)
    }

    pub(super) fn new_password(&self, field: &str) -> Result<NewPassword, ChatError> {
        NewPassword::parse(self.required(field, PASSWORD_RULE)?)
    }

    pub(super) fn invite(&self) -> Result<Option<SecretHash>, ChatError> {
        let rule = "invite must be a code of 16 letters and digits";
        let code = self.text("invite", rule)?;
        code.map(|code| RecoveryCode::hash_of(code).ok_or(ChatError::BadRequest(rule)))
            .transpose()
    }

    pub(super) fn label(&self) -> Result<Option<LoginLabel>, ChatError> {
        let label = self.text("label", "label must be a string")?;
        Ok(label.map(LoginLabel::clean))
    }
}

const PASSWORD_RULE: &str = "a password is missing, or not a string";
