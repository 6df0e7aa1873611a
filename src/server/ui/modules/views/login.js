/** The first page: a name, and in. */
import { byId, setText } from '../dom.js';
import { ServerError } from '../protocol.js';

/** @param {import('../store.js').Store} store @param {import('../session.js').Session} session */
export function loginView(store, session) {
  const name = byId('name');
  const password = byId('password');
  const error = byId('login-error');
  const enter = byId('enter');

  byId('login-form').addEventListener('submit', async (event) => {
    event.preventDefault();
    if (enter.ariaDisabled === 'true') return;
    show('');
    if (!name.value.trim()) {
      fail(name, 'Please choose a name.');
      return;
    }
    enter.ariaDisabled = 'true';
    try {
      await session.enter(name.value.trim(), password.value);
      password.value = '';
    } catch (refusal) {
      const isAboutPassword = password.value !== '' && refusal instanceof ServerError && !/^name_/u.test(refusal.code);
      fail(isAboutPassword ? password : name, refusal.message);
    } finally {
      enter.ariaDisabled = null;
    }
  });

  for (const field of [name, password]) field.addEventListener('input', () => (field.ariaInvalid = null));

  store.subscribe(() => {
    const isOut = store.you === null;
    if (byId('login').hidden === isOut) showPage(isOut);
  });

  /** @param {boolean} isOut */
  function showPage(isOut) {
    byId('login').hidden = !isOut;
    byId('chat').hidden = isOut;
    if (isOut) name.focus();
  }

  function show(text) {
    setText(error, text);
    name.ariaInvalid = null;
    password.ariaInvalid = null;
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
