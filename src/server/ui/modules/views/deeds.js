/** What can be done about somebody in the room, as items of a menu and the dialogs that some of them open. */
import { mayBanFromServer, mayOwn, mayStepDown, outranks } from '../permissions.js';
import { isDirect } from '../protocol.js';
import { BAN_LENGTHS } from './durations.js';
import { createForm } from './form.js';
import { openModal } from './modal.js';

/**
 * @param {import('../store.js').Store} store @param {import('../session.js').Session} session
 * @param {import('../protocol.js').Member} member
 * @param {{announce: (text: string) => void, closeDrawers: () => void}} page
 * @param {boolean} isMuted
 * @returns {import('./menu.js').Item[]}
 */
export function deedsFor(store, session, member, page, isMuted) {
  const room = store.current;
  const isYou = member.name === store.you?.name;
  const ask = (type, fields = {}) => session.request(type, { room, name: member.name, ...fields });
  const tried = (done) => done.catch((error) => page.announce(error.message));
  const items = [];
  if (!isYou && !isDirect(room)) {
    items.push({ text: 'Talk alone', act: () => tried(session.direct(member.name).then(page.closeDrawers)) });
  }
  if (outranks(store, member)) {
    items.push(
      { text: 'Mute…', act: () => openDeed(MUTE, member, ask) },
      ...(isMuted ? [{ text: 'Unmute', act: () => tried(ask('unmute')) }] : []),
      { text: 'Kick…', act: () => openDeed(KICK, member, ask), danger: true },
      { text: 'Ban…', act: () => openDeed(BAN, member, ask), danger: true },
    );
  }
  if (mayBanFromServer(store, member)) {
    const banFromServer = (type, fields) => session.request(type, { name: member.name, ...fields });
    items.push({ text: 'Ban from the server…', act: () => openDeed(SERVER_BAN, member, banFromServer), danger: true });
  }
  if (isYou ? mayStepDown(store, member) : mayOwn(store) && outranks(store, member)) items.push(...roles(member, isYou, (role) => tried(ask('role', { role }))));
  return items;
}

/**
 * Whether somebody in the room on screen is muted, if that concerns us.
 * @returns {Promise<boolean>} where the server does not say: `false`
 */
export async function isMuted(store, session, member) {
  if (!outranks(store, member)) return false;
  try {
    const { mutes, more } = await session.request('mutes', { room: store.current });
    return more || mutes.some(({ name }) => name === member.name);
  } catch {
    return false;
  }
}

/** The roles that somebody has not; oneself can only step down. */
function roles(member, isYou, give) {
  const held = ROLES.findIndex(({ role }) => role === member.role);
  return ROLES.filter((_, place) => (isYou ? place > held : place !== held)).map(({ role, text }) => ({ text: isYou ? `Step down to ${role === 'op' ? 'operator' : role}` : text, act: () => give(role) }));
}

function openDeed({ type, title, lead, action }, member, ask) {
  openModal(title(member.name), (close) => [
    createForm(
      [
        ...(type === 'kick' ? [] : [{ name: 'for_s', label: 'How long', type: 'select', options: BAN_LENGTHS, value: '3600' }]),
        { name: 'reason', label: 'Reason', hint: REASON_HINTS[type] ?? 'optional; everybody in the room sees it', maxlength: 250, autocomplete: 'off' },
        ...(type === 'ban' ? [{ name: 'address', label: 'Also ban the address they are connected from', type: 'checkbox' }] : []),
      ],
      [
        {
          text: action,
          danger: true,
          act: async ({ reason, for_s: seconds, address }) => {
            await ask(type, { ...(reason && { reason }), ...(seconds && { for_s: Number(seconds) }), ...(address && { address }) });
            close();
          },
        },
        { text: 'Cancel', act: async () => close() },
      ],
      { 'aria-label': lead },
    ),
  ]);
}

const REASON_HINTS = { server_ban: 'optional; told to them, and to the server’s operators' };
const KICK = { type: 'kick', title: (name) => `Kick ${name}`, lead: 'They have to leave the room, and may come back.', action: 'Kick' };
const MUTE = { type: 'mute', title: (name) => `Mute ${name}`, lead: 'They can read in the room, but not write for that long.', action: 'Mute' };
const BAN = { type: 'ban', title: (name) => `Ban ${name}`, lead: 'They have to leave the room, and can’t come back for that long.', action: 'Ban' };
const SERVER_BAN = { type: 'server_ban', title: (name) => `Ban ${name} from the server`, lead: 'They have to leave this server, and can’t come back for that long.', action: 'Ban from the server' };
const ROLES = [
  { role: 'owner', text: 'Make owner' },
  { role: 'op', text: 'Make operator' },
  { role: 'member', text: 'Make member' },
];
