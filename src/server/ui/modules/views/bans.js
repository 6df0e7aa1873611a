/** Who is banned, from a room or from the whole server, and how to let them in again. */
import { h, setText } from '../dom.js';
import { mediumTime } from '../text.js';
import { section } from './section.js';

/**
 * @param {import('../session.js').Session} session
 * @param {string} [room] none: the whole server
 * @returns {{element: HTMLElement, draw: () => Promise<void>}} `draw` asks for them anew
 */
export function bansSection(session, room) {
  const list = h('ul', { class: 'entries', 'aria-label': 'Bans', tabindex: -1 });
  const note = h('p', { class: 'hint', role: 'status' });
  const error = h('p', { class: 'error', role: 'alert' });

  async function draw() {
    setText(error, '');
    try {
      const { bans, more } = await session.request('bans', { ...(room && { room }) });
      list.replaceChildren(...bans.map(entry));
      setText(note, more ? `These are the newest ${bans.length}.` : bans.length ? '' : 'Nobody is banned.');
    } catch (refusal) {
      setText(error, refusal.message);
    }
  }

  function entry({ name, address, by, at, until, reason }) {
    const whom = name ?? address;
    const words = [`by ${by}, ${mediumTime(at)}`, until && `until ${mediumTime(until)}`, reason && `“${reason}”`];
    return h(
      'li',
      { class: 'entry' },
      h('span', { class: 'entry-text' }, h('bdi', { class: 'strong' }, whom), h('small', { dir: 'auto' }, words.filter(Boolean).join(' · '))),
      h('button', { class: 'quiet', type: 'button', 'aria-label': `Unban ${whom}`, onclick: () => lift(name ? { name } : { address }) }, 'Unban'),
    );
  }

  async function lift(whom) {
    try {
      await session.request(room ? 'unban' : 'server_unban', { ...(room && { room }), ...whom });
      await draw();
      list.focus();
    } catch (refusal) {
      setText(error, refusal.message);
    }
  }

  draw();
  return { element: section(room ? 'Bans' : 'Bans from the server', note, list, error), draw };
}
