/** Looking after the whole server: who is kept out, who keeps order, who may register. */
import { h } from '../../dom.js';
import { mayKeepServer, mayOwnServer } from '../../permissions.js';
import { mediumTime } from '../../text.js';
import { bansSection } from '../bans.js';
import { BAN_LENGTHS } from '../durations.js';
import { createCopy, createForm } from '../form.js';
import { auditSection } from '../room/audit.js';
import { section } from '../section.js';

/** @param {import('../../store.js').Store} store @param {import('../../session.js').Session} session */
export function serverSections(store, session) {
  if (!mayKeepServer(store)) return [];
  const bans = bansSection(session);
  bans.element.append(banForm(session, bans.draw));
  return [...(mayOwnServer(store) ? [operatorSection(session), invitationSection(session)] : []), bans.element, auditSection(session)];
}

function banForm(session, draw) {
  const ban = async ({ whom, for_s: seconds, reason }) => {
    // A name may look like an address, too; then it is the address that is meant.
    const kind = ADDRESS.test(whom) ? 'address' : 'name';
    await session.request('server_ban', { [kind]: whom, ...(seconds && { for_s: Number(seconds) }), ...(reason && { reason }) });
    await draw();
    return `${whom} is banned.`;
  };
  return createForm(
    [
      { name: 'whom', label: 'Name, address or range', hint: 'for example 203.0.113.0/24', autocomplete: 'off', autocapitalize: 'off', spellcheck: 'false', 'data-once': true },
      { name: 'for_s', label: 'How long', type: 'select', options: BAN_LENGTHS, value: '86400' },
      { name: 'reason', label: 'Reason', hint: 'optional; told to them, and to the server’s operators', maxlength: 250, autocomplete: 'off', 'data-once': true },
    ],
    [{ text: 'Ban from the server', act: ban, danger: true }],
  );
}

/** What is written like an address or a range of them; whether it is one, the server judges. */
const ADDRESS = /^(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-f]*:[0-9a-f:.]*)(?:\/\d{1,3})?$/iu;

function operatorSection(session) {
  const set = async ({ name, role }) => {
    await session.request('server_role', { name, role });
    return role === 'op' ? `${name} is now an operator of the server.` : `${name} is no longer an operator of the server.`;
  };
  return section(
    'Operators of the server',
    createForm(
      [{ name: 'name', label: 'Account', maxlength: 64, autocomplete: 'off', autocapitalize: 'off', spellcheck: 'false', 'data-once': true }],
      [
        { text: 'Make operator', act: ({ name }) => set({ name, role: 'op' }) },
        { text: 'Remove operator', act: ({ name }) => set({ name, role: 'member' }) },
      ],
    ),
  );
}

function invitationSection(session) {
  const place = h('div', { role: 'status' });
  const invite = async () => {
    const { invite: code, until } = await session.request('invite', {});
    place.replaceChildren(createCopy(`Code for one account, works until ${mediumTime(until)}`, code));
  };
  return section('Invite to the server', h('p', { class: 'hint' }, 'Whoever has the code can create one account here.'), createForm([], [{ text: 'Create code', act: invite }]), place);
}
