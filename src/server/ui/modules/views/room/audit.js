/** Who did what to keep order. */
import { h, setText } from '../../dom.js';
import { mediumTime } from '../../text.js';
import { section } from '../section.js';

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
  const words = [
    role && `as ${role}`,
    seconds !== undefined && `${seconds} s`,
    days !== undefined && (days === 0 ? 'for ever' : `${days} days`),
    until && `until ${mediumTime(until)}`,
    reason && `“${reason}”`,
  ];
  const target = name ?? address;
  return h(
    'li',
    { class: 'entry' },
    h(
      'span',
      { class: 'entry-text' },
      h('span', {}, h('bdi', { class: 'strong' }, by), ` ${action.replaceAll('_', ' ')} `, target && h('bdi', { class: 'strong' }, target), target && ' ', `${words.filter(Boolean).join(', ')}`),
      h('small', {}, mediumTime(at)),
    ),
  );
}

const PAGE = 20;
