/** For how long what is said in a room is kept. */
import { RETENTIONS, withChoice } from '../durations.js';
import { createForm } from '../form.js';
import { section } from '../section.js';

/** @param {import('../../session.js').Session} session @param {import('../../room.js').Room} room */
export function retentionSection(session, room) {
  const value = String(room.retentionDays);
  const options = withChoice(RETENTIONS, value, keptFor(value));
  const set = async ({ days }) => {
    await session.request('retention', { room: room.name, days: Number(days) });
    return days === '0' ? 'Messages are kept for ever.' : `Messages are kept ${keptFor(days)}. Older ones are deleted.`;
  };
  return section('Keeping messages', createForm([{ name: 'days', label: 'Keep messages', type: 'select', options, value }], [{ text: 'Save', act: set }]));
}

/** @param {number | string} days */
export function keptFor(days) {
  return RETENTIONS.find(([known]) => known === String(days))?.[1] ?? `for ${days} days`;
}
