//! All accounts in memory: their names, their logins, and who may register.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::chat::account::{
    AccountRecord, InviteRecord, LoginId, LoginRecord, Roll, TotpRecord, UsedFactor,
};
use crate::chat::event::Role;
use crate::chat::message::Timestamp;
use crate::chat::name::UserName;
use crate::chat::network::{ClientAddress, Network};
use crate::chat::order::{MAX_ADDRESSES, Party};
use crate::chat::password::PasswordHash;
use crate::chat::secret::SecretHash;
use crate::chat::totp::SecondFactor;
use crate::chat::{AccountId, PersonId};

/// Every account there is.
///
/// Invariants: `by_name` and `by_look` hold exactly the names of `by_id`; each login in `logins` is
/// in its account's list.
#[derive(Debug, Default)]
pub(crate) struct Accounts {
    by_id: BTreeMap<AccountId, Account>,
    by_name: BTreeMap<UserName, AccountId>,
    by_look: BTreeMap<Arc<str>, AccountId>,
    logins: BTreeMap<SecretHash, LoginRecord>,
    invites: BTreeMap<SecretHash, Timestamp>,
}

/// An account, and the logins to it.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) record: AccountRecord,
    logins: BTreeMap<LoginId, SecretHash>,
    /// From where an owner of the server came of late, the newest last.
    came_from: VecDeque<ClientAddress>,
}

impl Accounts {
    pub(crate) fn new(roll: Roll) -> Self {
        let mut accounts = Self::default();
        for record in roll.accounts {
            accounts.insert(record);
        }
        for login in roll.logins {
            accounts.insert_login(login);
        }
        for invite in roll.invites {
            accounts.invites.insert(invite.code, invite.until);
        }
        accounts
    }

    pub(crate) fn insert(&mut self, record: AccountRecord) {
        self.by_name.insert(record.name.clone(), record.id);
        self.by_look
            .insert(Arc::clone(record.name.look()), record.id);
        let account = Account {
            record,
            logins: BTreeMap::new(),
            came_from: VecDeque::new(),
        };
        self.by_id.insert(account.record.id, account);
    }

    pub(crate) fn get(&self, id: AccountId) -> Option<&Account> {
        self.by_id.get(&id)
    }

    pub(crate) fn get_mut(&mut self, id: AccountId) -> Option<&mut AccountRecord> {
        self.by_id.get_mut(&id).map(|account| &mut account.record)
    }

    pub(crate) fn by_name(&self, name: &UserName) -> Option<&Account> {
        self.get(*self.by_name.get(name)?)
    }

    /// Takes note of from where an owner of the server came.
    pub(crate) fn came_from(&mut self, id: AccountId, from: ClientAddress) {
        let account = self.by_id.get_mut(&id);
        if let Some(account) = account.filter(|it| it.record.server_role == Role::Owner) {
            account.came_from.retain(|known| *known != from);
            if account.came_from.len() >= MAX_ADDRESSES {
                account.came_from.pop_front();
            }
            account.came_from.push_back(from);
        }
    }

    /// Whether an owner of the server came from there of late.
    pub(crate) fn owner_came_from(&self, network: Network) -> bool {
        let mut addresses = self.iter().flat_map(|account| &account.came_from);
        addresses.any(|from| network.holds(*from))
    }

    /// All of them, by their numbers.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Account> {
        self.by_id.values()
    }

    pub(crate) fn count(&self) -> usize {
        self.by_id.len()
    }

    /// Whether an account has the name, or one that looks like it; or the server's operator, for whom
    /// somebody else would pass in the audit log.
    pub(crate) fn is_taken(&self, name: &UserName) -> bool {
        self.by_name.contains_key(name)
            || self.by_look.contains_key(name.look())
            || name.look() == operator().name.look()
    }

    /// Whether somebody owns the server.
    pub(crate) fn has_admin(&self) -> bool {
        self.iter()
            .any(|account| account.record.server_role == Role::Owner)
    }

    /// The login with that token, if it has not ended by then, and its account.
    pub(crate) fn login(
        &self,
        token: SecretHash,
        now: Timestamp,
    ) -> Option<(&LoginRecord, &Account)> {
        let login = self.logins.get(&token)?;
        let account = self.get(login.account)?;
        let is_open = !account.record.is_disabled && !is_over(login, account, now);
        is_open.then_some((login, account))
    }

    /// When a login ends by itself, however much it is used; those of programs do not.
    pub(crate) fn ends_at(&self, token: SecretHash) -> Option<Timestamp> {
        let login = self.logins.get(&token)?;
        let account = self.get(login.account)?;
        let ends_at = Timestamp(login.opened_at.0.saturating_add(MAX_AGE_MS));
        Some(ends_at).filter(|_| !account.is_bot())
    }

    pub(crate) fn insert_login(&mut self, login: LoginRecord) {
        if let Some(account) = self.by_id.get_mut(&login.account) {
            account.logins.insert(login.id, login.token);
            self.logins.insert(login.token, login);
        }
    }

    /// Forgets a login; the hash of its token.
    pub(crate) fn remove_login(&mut self, account: AccountId, id: LoginId) -> Option<SecretHash> {
        let token = self.by_id.get_mut(&account)?.logins.remove(&id)?;
        self.logins.remove(&token);
        Some(token)
    }

    /// Notes that the owner of a login is there; whether that is worth writing down.
    pub(crate) fn see(&mut self, token: SecretHash, now: Timestamp) -> Option<LoginId> {
        let login = self.logins.get_mut(&token)?;
        let is_news = now.0 - login.seen_at.0 >= SEEN_INTERVAL_MS;
        is_news.then(|| {
            login.seen_at = now;
            login.id
        })
    }

    /// The logins to an account that have not ended by then, by their numbers.
    pub(crate) fn logins(&self, id: AccountId, now: Timestamp) -> Vec<&LoginRecord> {
        let Some(account) = self.get(id) else {
            return Vec::new();
        };
        let logins = account.logins.values();
        logins
            .filter_map(|token| self.logins.get(token))
            .filter(|login| !is_over(login, account, now))
            .collect()
    }

    /// The logins to an account other than one, ended or not.
    pub(crate) fn logins_but(&self, id: AccountId, kept: Option<LoginId>) -> Vec<LoginId> {
        let logins = self.get(id).into_iter().flat_map(|it| it.logins.keys());
        logins.filter(|id| Some(**id) != kept).copied().collect()
    }

    /// The logins that end when one more is opened: those that are over, and the one that was not
    /// used for longest if there are too many.
    pub(crate) fn make_room(&self, id: AccountId, now: Timestamp) -> Vec<LoginId> {
        let open = self.logins(id, now);
        let mut ended = self.logins_but(id, None);
        ended.retain(|id| open.iter().all(|login| login.id != *id));
        if open.len() >= MAX_LOGINS {
            let oldest = open.iter().min_by_key(|login| login.seen_at);
            ended.extend(oldest.map(|login| login.id));
        }
        ended
    }

    pub(crate) fn invite(&mut self, invite: InviteRecord) {
        self.invites.insert(invite.code, invite.until);
    }

    /// Until when an invite is good, if it is.
    pub(crate) fn invited_until(&self, code: SecretHash, now: Timestamp) -> Option<Timestamp> {
        let until = self.invites.get(&code).copied();
        until.filter(|until| *until > now)
    }

    /// Takes an invite, which nobody else can take then.
    pub(crate) fn take_invite(&mut self, code: SecretHash, now: Timestamp) -> Option<InviteRecord> {
        let until = self.invited_until(code, now)?;
        self.invites.remove(&code);
        Some(InviteRecord { code, until })
    }
}

impl Account {
    /// Whether it is a program's.
    pub(crate) fn is_bot(&self) -> bool {
        self.record.password.is_none()
    }

    /// What a password is compared with; `None` if nobody can log in.
    pub(crate) fn password(&self) -> Option<PasswordHash> {
        let password = self.record.password.clone();
        password.filter(|_| !self.record.is_disabled)
    }

    pub(crate) fn login_count(&self) -> usize {
        self.logins.len()
    }
}

impl TotpRecord {
    /// Uses a second factor up; `None` if it proves nothing. It is refused from here on, even if
    /// what it was used for fails.
    pub(crate) fn use_up(&mut self, factor: SecondFactor, now: Timestamp) -> Option<UsedFactor> {
        match factor {
            SecondFactor::Code(code) => {
                let step = self.secret.verify(code, now, Some(self.step))?;
                self.step = step;
                Some(UsedFactor::Step(step))
            }
            SecondFactor::Recovery(code) => {
                let nth = self.codes.iter().position(|kept| *kept == code)?;
                self.codes.swap_remove(nth);
                Some(UsedFactor::Recovery(code))
            }
        }
    }
}

/// The operator, as the log knows who did something: no account has this number.
pub(crate) fn operator() -> Party {
    Party {
        person: PersonId::Account(AccountId(0)),
        name: UserName::parse("operator").expect("one ASCII word is a user name"),
    }
}

/// Whether nobody can come back to a login any more. Programs keep theirs until it is taken away.
fn is_over(login: &LoginRecord, account: &Account, now: Timestamp) -> bool {
    let is_idle = now.0 - login.seen_at.0 >= MAX_IDLE_MS;
    let is_old = now.0 - login.opened_at.0 >= MAX_AGE_MS;
    (is_idle || is_old) && !account.is_bot()
}

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// A month's holiday is survived; a device that was given away is not.
const MAX_IDLE_MS: i64 = 30 * DAY_MS;

/// Once a year whoever uses a device every day shows that they know the password.
const MAX_AGE_MS: i64 = 365 * DAY_MS;

/// How exactly it is known when somebody was there last: one small write an hour.
const SEEN_INTERVAL_MS: i64 = 60 * 60 * 1_000;

/// More devices than anybody has.
pub(crate) const MAX_LOGINS: usize = 100;

/// The most accounts there can be: each has some hundred bytes in memory.
pub(crate) const MAX_ACCOUNTS: usize = 100_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::account::LoginLabel;
    use crate::chat::totp::{RecoveryCode, TotpSecret};

    const ADA: AccountId = AccountId(7);

    fn accounts(password: Option<&str>) -> Accounts {
        let record = AccountRecord {
            id: ADA,
            name: UserName::parse("ada").unwrap(),
            password: password.map(PasswordHash::new),
            server_role: Role::Member,
            is_disabled: false,
            totp: None,
        };
        Accounts::new(Roll {
            accounts: vec![record],
            ..Roll::default()
        })
    }

    fn login(id: i64, at: i64) -> LoginRecord {
        LoginRecord {
            id: LoginId(id),
            account: ADA,
            token: SecretHash::of(&id.to_be_bytes()),
            label: LoginLabel::default(),
            opened_at: Timestamp(at),
            seen_at: Timestamp(at),
        }
    }

    #[test]
    fn login_ends_when_it_is_not_used_and_when_it_is_old() {
        let mut accounts = accounts(Some("x"));
        let record = login(1, 0);
        accounts.insert_login(record.clone());
        let is_open =
            |accounts: &Accounts, at| accounts.login(record.token, Timestamp(at)).is_some();
        assert!(is_open(&accounts, MAX_IDLE_MS - 1));
        assert!(!is_open(&accounts, MAX_IDLE_MS));
        for day in 1..365 {
            accounts.see(record.token, Timestamp(day * DAY_MS));
        }
        assert!(is_open(&accounts, MAX_AGE_MS - 1));
        assert!(!is_open(&accounts, MAX_AGE_MS));
    }

    #[test]
    fn login_of_a_program_does_not_end() {
        let mut accounts = accounts(None);
        accounts.insert_login(login(1, 0));
        let token = login(1, 0).token;
        assert!(accounts.login(token, Timestamp(10 * MAX_AGE_MS)).is_some());
    }

    #[test]
    fn disabled_account_has_no_login() {
        let mut accounts = accounts(Some("x"));
        accounts.insert_login(login(1, 0));
        accounts.get_mut(ADA).unwrap().is_disabled = true;
        assert!(accounts.login(login(1, 0).token, Timestamp(0)).is_none());
        assert_eq!(accounts.get(ADA).unwrap().password(), None);
    }

    #[test]
    fn hundred_logins_fit_and_the_next_takes_the_place_of_the_one_not_used_for_longest() {
        let mut accounts = accounts(Some("x"));
        let now = Timestamp(1_000);
        for id in 1..=100 {
            assert_eq!(accounts.make_room(ADA, now), []);
            accounts.insert_login(login(id, 1_000 - id));
        }
        assert_eq!(accounts.make_room(ADA, now), [LoginId(100)]);
        // Those that are over go first, and then nobody else has to.
        let later = Timestamp(MAX_IDLE_MS + 950);
        let ended = accounts.make_room(ADA, later);
        assert_eq!(ended.len(), 51);
        assert!(ended.iter().all(|id| id.0 >= 50), "{ended:?}");
    }

    #[test]
    fn being_seen_is_news_once_an_hour() {
        let mut accounts = accounts(Some("x"));
        accounts.insert_login(login(1, 0));
        let token = login(1, 0).token;
        assert_eq!(accounts.see(token, Timestamp(SEEN_INTERVAL_MS - 1)), None);
        let hour = Timestamp(SEEN_INTERVAL_MS);
        assert_eq!(accounts.see(token, hour), Some(LoginId(1)));
        assert_eq!(accounts.see(token, hour), None);
    }

    #[test]
    fn second_factors_are_good_once() {
        let secret = TotpSecret([7; 20]);
        let code = RecoveryCode::new([1; 10]);
        let mut totp = TotpRecord {
            secret,
            step: 99,
            codes: vec![code.hash()],
        };
        let now = Timestamp(100 * 30_000);
        let typed = SecondFactor::Code(secret.code(100));
        assert_eq!(totp.use_up(typed, now), Some(UsedFactor::Step(100)));
        assert_eq!(totp.use_up(typed, now), None);
        let typed = SecondFactor::Recovery(code.hash());
        assert_eq!(
            totp.use_up(typed, now),
            Some(UsedFactor::Recovery(code.hash()))
        );
        assert_eq!(totp.use_up(typed, now), None);
    }

    #[test]
    fn invites_are_good_once_and_for_a_time() {
        let mut accounts = accounts(None);
        let (code, until) = (SecretHash::of(b"x"), Timestamp(10));
        accounts.invite(InviteRecord { code, until });
        assert_eq!(accounts.take_invite(code, Timestamp(10)), None);
        assert!(accounts.take_invite(code, Timestamp(9)).is_some());
        assert_eq!(accounts.take_invite(code, Timestamp(9)), None);
    }
}
