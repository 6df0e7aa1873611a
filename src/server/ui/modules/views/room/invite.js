/** Codes with which others come into the room. */
import { h } from '../../dom.js';
import { linkFor } from '../../invitation.js';
import { mediumTime } from '../../text.js';
import { INVITE_LENGTHS } from '../durations.js';
import { createCopy, createForm } from '../form.js';
import { section } from '../section.js';

/** @param {import('../../session.js').Session} session @param {import('../../room.js').Room} room */
export function inviteSection(session, room) {
  const place = h('div', { role: 'status' });
  const make = async ({ for_s: seconds }) => {
    const { invite, until } = await session.request('invite', { room: room.name, for_s: Number(seconds) });
    place.replaceChildren(createCopy(`Link, works until ${mediumTime(until)}`, linkFor(room.name, invite)));
  };
  const field = { name: 'for_s', label: 'The link works for', type: 'select', options: INVITE_LENGTHS, value: '604800' };
  return section('Invite people', createForm([field], [{ text: 'Create link', act: make }]), place);
}
