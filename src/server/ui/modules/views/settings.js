/** The dialog in which one looks after one's account and this browser. */
import { byId, h } from '../dom.js';
import { openModal } from './modal.js';
import { guestSections } from './settings/guest.js';
import { notifyingSection } from './settings/notifying.js';
import { passwordSection } from './settings/password.js';
import { secondFactorSection } from './settings/second_factor.js';
import { serverSections } from './settings/server.js';
import { sessionsSection } from './settings/sessions.js';

/**
 * @param {import('../store.js').Store} store @param {import('../session.js').Session} session
 * @param {import('../notifier.js').Notifier} notifier
 */
export function settingsView(store, session, notifier) {
  byId('settings-button').addEventListener('click', () => {
    openModal('Settings', (close) => [who(store.you), ...sections(close)], { wide: true });
  });

  function sections(close) {
    if (store.you.guest) return [...guestSections(store, session, close), notifyingSection(notifier)];
    return [notifyingSection(notifier), passwordSection(session), secondFactorSection(session), sessionsSection(session), ...serverSections(store, session)];
  }
}

function who(you) {
  const kind = you.guest ? 'a guest' : you.role === 'owner' ? 'owner of this server' : you.role === 'op' ? 'operator of this server' : 'with an account';
  return h('p', { class: 'dialog-lead' }, 'You are ', h('bdi', { class: 'strong' }, you.name), `, ${kind}.`);
}
