/** Who did what to keep order. */
import { h, setText } from '../../dom.js';
import { mediumTime } from '../../text.js';
import { section } from '../section.js';
import { keptFor } from './retention.js';

/** @param {import('../../session.js').Session} session @param {string} [room] none: the whole server */
export function auditSection(session, room) {
  const list = h('ul', { class: 'entries', 'aria-label': 'Who did what' });
  const error = h('p', { class: 'error', role: 'alert' });
  const button = h('button', { class: 'quiet', type: 'button' }, 'Show the log');
  let oldest;

  button.addEventListener('click', async () => {
    setText(error, '');
    try {
      const { entries, more } = await session.request('audit', { ...(room && { room }), limit: PAGE, ...(oldest && { before: oldest }) });
      list.append(...entries.map(entry));
      oldest = entries.at(-1)?.id;
      if (!list.childElementCount) setText(button, 'Nothing yet');
      else if (more) setText(button, 'Show more');
      else button.hidden = true;
    } catch (refusal) {
      setText(error, refusal.message);
    }
  });
  return section('Who did what', list, error, button);
}

function entry({ at, by, action, name, address, role, until, reason, seconds, days }) {
  const [verb, rest] = wordsOf(action, { role, seconds, days });
  const target = name ?? address;
  const more = [until && `until ${mediumTime(until)}`, reason && `“${reason}”`].filter(Boolean).join(', ');
  return h(
    'li',
    { class: 'entry' },
    h(
      'span',
      { class: 'entry-text' },
      h('span', {}, h('bdi', { class: 'strong' }, by), ` ${verb} `, target && h('bdi', { class: 'strong' }, target), ` ${[rest, more].filter(Boolean).join(' ')}`),
      h('small', {}, mediumTime(at)),
    ),
  );
}

/** What was done, before and behind the name of whom it was done to. @returns {[string, string]} */
function wordsOf(action, { role, seconds, days }) {
  switch (action) {
    case 'role':
      return ['made', ROLES[role] ?? role];
    case 'server_role':
      return role === 'op' ? ['made', 'an operator of the server'] : ['took from', 'the role of an operator of the server'];
    case 'server_ban':
      return ['banned', 'from the server'];
    case 'server_unban':
      return ['unbanned', 'from the server'];
    case 'slow_mode':
      return seconds === 0 ? ['ended slow mode', ''] : [`set slow mode to ${seconds} s`, ''];
    case 'retention':
      return [`has messages kept ${keptFor(days)}`, ''];
    default:
      return [VERBS[action] ?? action.replaceAll('_', ' '), ''];
  }
}

const ROLES = { owner: 'an owner', op: 'an operator', member: 'a member' };
const VERBS = { kick: 'kicked', ban: 'banned', unban: 'unbanned', mute: 'muted', unmute: 'unmuted', invite: 'made an invitation', uninvite: 'ended all invitations' };
const PAGE = 20;
