/** What a room is about, and how fast people speak there. */
import { SLOW_MODES, withChoice } from '../durations.js';
import { createForm } from '../form.js';
import { section } from '../section.js';

/** @param {import('../../session.js').Session} session @param {import('../../room.js').Room} room */
export function topicSection(session, room) {
  const save = async ({ topic }) => {
    await session.request('topic', { room: room.name, topic });
    return 'The topic is saved.';
  };
  return section('Topic', createForm([{ name: 'topic', label: 'What the room is about', value: room.topic, maxlength: 250, autocomplete: 'off' }], [{ text: 'Save', act: save }]));
}

/** @param {import('../../session.js').Session} session @param {import('../../room.js').Room} room */
export function slowModeSection(session, room) {
  const value = String(room.slowModeSeconds);
  const options = withChoice(SLOW_MODES, value, `${value} seconds`);
  const set = async ({ seconds }) => {
    await session.request('slow_mode', { room: room.name, seconds: Number(seconds) });
    return seconds === '0' ? 'Slow mode is off.' : 'Slow mode is on.';
  };
  return section(
    'Slow mode',
    createForm([{ name: 'seconds', label: 'Members wait between two messages', type: 'select', options, value }], [{ text: 'Save', act: set }]),
  );
}
