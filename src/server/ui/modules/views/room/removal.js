/** The end of a room. */
import { h } from '../../dom.js';
import { createForm } from '../form.js';
import { section } from '../section.js';

/** @param {import('../../session.js').Session} session @param {import('../../room.js').Room} room @param {() => void} close */
export function removalSection(session, room, close) {
  const remove = async ({ name }) => {
    if (name !== room.name) throw new Error(`Please type “${room.name}” to delete it.`);
    await session.request('remove_room', { room: room.name });
    close();
  };
  return section(
    'Delete room',
    h('p', { class: 'hint' }, 'This deletes the room and everything said in it. It can’t be undone.'),
    createForm([{ name: 'name', label: 'Type the room’s name to confirm', autocomplete: 'off', autocapitalize: 'off', spellcheck: 'false' }], [{ text: 'Delete for ever', act: remove, danger: true }]),
  );
}
