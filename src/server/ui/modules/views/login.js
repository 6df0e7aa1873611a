/** The first page: a name, with a password for accounts, and in; or a new account. */
import { byId, setText } from '../dom.js';
import { ServerError } from '../protocol.js';
import { closeAllModals } from './modal.js';

/** @param {import('../store.js').Store} store @param {import('../session.js').Session} session */
export function loginView(store, session) {
  const name = byId('name');
  const password = byId('password');
  const code = byId('code');
  const invite = byId('invite');
  const stay = byId('stay');
  const error = byId('login-error');
  const enter = byId('enter');
  const fields = [name, password, code, invite];
  let isNew = false;

  byId('login-form').addEventListener('submit', async (event) => {
    event.preventDefault();
    if (enter.ariaDisabled === 'true') return;
    show('');
    const lack = missing();
    if (lack) {
      fail(...lack);
      return;
    }
    enter.ariaDisabled = 'true';
    try {
      await session.enter(credentials(), { isNew, stays: !isNew && password.value !== '' && stay.checked });
      clear();
    } catch (refusal) {
      refused(refusal);
    } finally {
      enter.ariaDisabled = null;
    }
  });
  byId('other-way').addEventListener('click', () => {
    choose(!isNew);
    show('');
    name.focus();
    if (isNew) offerWhatThereIs();
  });
  password.addEventListener('input', drawStay);
  for (const field of fields) field.addEventListener('input', () => (field.ariaInvalid = null));

  store.subscribe(() => {
    const isOut = store.you === null;
    if (byId('login').hidden === isOut) showPage(isOut);
  });

  /** Accounts are made by whoever wants one, by invitation, or by nobody: the server says. */
  async function offerWhatThereIs() {
    const entrance = await session.entrance();
    if (!isNew) return;
    if (entrance?.registration === 'closed') {
      choose(false);
      fail(name, 'On this server only its owner creates accounts.');
    } else if (entrance?.registration !== 'open') {
      byId('invite-field').hidden = false;
    }
  }

  function missing() {
    if (!name.value.trim()) return [name, 'Please choose a name.'];
    if (isNew && !password.value) return [password, 'Please choose a password.'];
    if (!byId('invite-field').hidden && !invite.value.trim()) return [invite, 'This server asks for an invitation code.'];
    return null;
  }

  function credentials() {
    return {
      name: name.value.trim(),
      ...(password.value && { password: password.value }),
      ...(!byId('code-field').hidden && { totp: code.value.trim() }),
      ...(isNew && invite.value.trim() && { invite: invite.value.trim() }),
    };
  }

  function refused(refusal) {
    if (refusal.needs === 'totp' && byId('code-field').hidden) {
      byId('code-field').hidden = false;
      fail(code, 'This account has a second factor: please type the code that your app shows.');
      return;
    }
    const isAboutName = !(refusal instanceof ServerError) || /^name_/u.test(refusal.code) || !password.value;
    fail(isAboutName ? name : byId('code-field').hidden ? password : code, refusal.message);
  }

  /** @param {boolean} asNew whether an account is made */
  function choose(asNew) {
    isNew = asNew;
    byId('invite-field').hidden = true;
    byId('code-field').hidden = true;
    password.autocomplete = asNew ? 'new-password' : 'current-password';
    setText(byId('password-hint'), asNew ? '8 characters or more' : 'optional, for accounts');
    setText(enter, asNew ? 'Create account' : 'Enter');
    setText(byId('other-way'), asNew ? 'Back: log in, or enter as a guest' : 'Create an account');
    drawStay();
  }

  function drawStay() {
    byId('stay-field').hidden = isNew || password.value === '';
  }

  /** What was secret does not stay in the fields. */
  function clear() {
    for (const field of [password, code, invite]) field.value = '';
    choose(false);
  }

  /** @param {boolean} isOut */
  function showPage(isOut) {
    byId('loading').hidden = true;
    byId('login').hidden = !isOut;
    byId('chat').hidden = isOut;
    if (isOut) closeAllModals();
    if (isOut) name.focus();
  }

  function show(text) {
    setText(error, text);
    for (const field of fields) field.ariaInvalid = null;
  }

  function fail(field, text) {
    show(text);
    field.ariaInvalid = 'true';
    field.focus();
    field.select();
  }

  return {
    /** Shows the page from scratch, with the reason for being here. */
    open(reason) {
      show(reason);
      showPage(true);
    },
    /** A tab that was in the chat goes straight back there. */
    skip: () => showPage(false),
  };
}
