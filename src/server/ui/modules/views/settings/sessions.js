/** Where else one is signed in. */
import { h, setText } from '../../dom.js';
import { fullTime, shortDate } from '../../text.js';
import { section } from '../section.js';

/** @param {import('../../session.js').Session} session */
export function sessionsSection(session) {
  const list = h('ul', { class: 'entries', 'aria-label': 'Where you are signed in' });
  const error = h('p', { class: 'error', role: 'alert' });

  async function draw() {
    try {
      const { sessions } = await session.request('sessions');
      list.replaceChildren(...sessions.map(entry));
    } catch (refusal) {
      setText(error, refusal.message);
    }
  }

  function entry({ session: id, label, created_at: created, last_seen_at: seen, current }) {
    return h(
      'li',
      { class: 'entry' },
      h('span', { class: 'entry-text' }, h('bdi', { class: 'strong' }, label || 'Unnamed'), h('small', { title: fullTime(created) }, `since ${shortDate(created)}, last used ${shortDate(seen)}`)),
      current ? h('small', { class: 'mark' }, 'this device') : h('button', { class: 'quiet', type: 'button', 'aria-label': `Sign out ${label}`, onclick: () => end(id) }, 'Sign out'),
    );
  }

  async function end(id) {
    setText(error, '');
    try {
      await session.request('revoke', { session: id });
      await draw();
      list.tabIndex = -1;
      list.focus();
    } catch (refusal) {
      setText(error, refusal.message);
    }
  }

  draw();
  return section('Where you are signed in', list, error);
}
