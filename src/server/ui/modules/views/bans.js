/** Who is kept out, of a room or of the whole server, or silent; and how that is lifted. */
import { h, setText } from '../dom.js';
import { mediumTime } from '../text.js';
import { section } from './section.js';

/**
 * @param {import('../session.js').Session} session
 * @param {string} [room] none: the whole server
 * @param {Kind} [kind]
 * @returns {{element: HTMLElement, draw: () => Promise<void>}} `draw` asks for them anew
 */
export function bansSection(session, room, kind = room ? BANS : SERVER_BANS) {
  const { request, title, none, lifting, liftText } = kind;
  const list = h('ul', { class: 'entries', 'aria-label': title, tabindex: -1 });
  const note = h('p', { class: 'hint', role: 'status' });
  const error = h('p', { class: 'error', role: 'alert' });
  const further = h('button', { class: 'quiet', type: 'button', hidden: true, onclick: () => draw(oldestAt) }, 'Show more');
  let oldestAt;

  /** Shows the newest, or adds the page before some time. @param {string} [before] */
  async function draw(before) {
    setText(error, '');
    try {
      const { [request]: page, more } = await session.request(request, { ...(room && { room }), ...(before && { before }) });
      const entries = page.map(entry);
      if (before) list.append(...entries);
      else list.replaceChildren(...entries);
      oldestAt = page.at(-1)?.at;
      further.hidden = !more;
      setText(note, list.childElementCount ? '' : none);
      if (before) entries[0]?.querySelector('button').focus();
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
      h('button', { class: 'quiet', type: 'button', 'aria-label': `${liftText} ${whom}`, onclick: () => lift(name ? { name } : { address }) }, liftText),
    );
  }

  async function lift(whom) {
    try {
      await session.request(lifting, { ...(room && { room }), ...whom });
      await draw();
      list.focus();
    } catch (refusal) {
      setText(error, refusal.message);
    }
  }

  draw();
  return { element: section(title, note, list, further, error), draw };
}

/** @typedef {{request: string, title: string, none: string, lifting: string, liftText: string}} Kind */

/** @type {Kind} */
const BANS = { request: 'bans', title: 'Bans', none: 'Nobody is banned.', lifting: 'unban', liftText: 'Unban' };
const SERVER_BANS = { ...BANS, title: 'Bans from the server', lifting: 'server_unban' };
export const MUTES = { request: 'mutes', title: 'Mutes', none: 'Nobody is muted.', lifting: 'unmute', liftText: 'Unmute' };
