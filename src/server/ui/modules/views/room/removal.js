/** The end of a room. */
import { h } from '../../dom.js';
import { createForm } from '../form.js';
import { section } from '../section.js';

/** @param {import('../../session.js').Session} session @param {import('../../room.js').Room} room @param {() => void} close */
export function removalSection(session, room, close) {
  const remove = async ({ name }) => {
    if (name !== room.name) throw new Error(`Type “${room.name}” to remove it.`);
    await session.request('remove_room', { room: room.name });
    close();
  };
  return section(
    'Removal',
    h('p', { class: 'hint' }, 'The room goes, and all that was said there. There is no way back.'),
    createForm([{ name: 'name', label: 'Name of the room, to be sure', autocomplete: 'off', autocapitalize: 'off', spellcheck: 'false' }], [{ text: 'Remove for ever', act: remove, danger: true }]),
  );
}
