/** For how long what is said in a room is kept. */
import { RETENTIONS } from '../durations.js';
import { createForm } from '../form.js';
import { section } from '../section.js';

/** @param {import('../../session.js').Session} session @param {import('../../room.js').Room} room */
export function retentionSection(session, room) {
  const value = String(room.retentionDays);
  const options = RETENTIONS.some(([days]) => days === value) ? RETENTIONS : [[value, keptFor(room.retentionDays)], ...RETENTIONS];
  const set = async ({ days }) => {
    await session.request('retention', { room: room.name, days: Number(days) });
    room.retentionDays = Number(days);
    return days === '0' ? 'Messages are kept for ever.' : `Messages are kept ${keptFor(days)}; what is older goes.`;
  };
  return section('Keeping', createForm([{ name: 'days', label: 'Messages are kept', type: 'select', options, value }], [{ text: 'Keep so long', act: set }]));
}

/** @param {number | string} days */
export function keptFor(days) {
  return RETENTIONS.find(([known]) => known === String(days))?.[1] ?? `for ${days} days`;
}
