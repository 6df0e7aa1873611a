/**
 * What one may do in the room on screen, as the server will judge: so that nothing is offered that would be refused.
 */
import { isDirect } from './protocol.js';

/** @typedef {import('./store.js').Store} Store */

/** Topic, others' messages, slow mode, who is kept out. @param {Store} store */
export function mayKeepOrder(store) {
  return rankOf(store) >= OP;
}

/** Roles, how long messages are kept, the room itself. @param {Store} store */
export function mayOwn(store) {
  return rankOf(store) >= OWNER;
}

/** Inviting takes an account. @param {Store} store */
export function mayInvite({ you, room }) {
  return Boolean(room) && !you?.guest && !isDirect(room.name);
}

/** Keeping the whole server in order. @param {Store} store */
export function mayKeepServer({ you }) {
  return (RANKS[you?.role] ?? 0) >= OP;
}

/** The server itself. @param {Store} store */
export function mayOwnServer({ you }) {
  return you?.role === 'owner';
}

/** Whether somebody in the room can be kicked and the like. @param {Store} store */
export function outranks(store, member) {
  return mayKeepOrder(store) && member.name !== store.you?.name && rankOf(store) > rank(member.server_role, member.role);
}

/** Whether somebody can be kept out of the whole server. @param {Store} store */
export function mayBanFromServer(store, member) {
  const { you } = store;
  return mayKeepServer(store) && member.name !== you.name && rank(you.role) > rank(member.server_role);
}

/** Whether one can give up a role in the room: an owner decides on roles, and leaves the room to another. @param {Store} store */
export function mayStepDown(store, member) {
  const isOther = ({ name, role }) => role === 'owner' && name !== member.name;
  return mayOwn(store) && member.role !== 'member' && store.room.members.some(isOther);
}

/** Nobody keeps a conversation of two in order. */
function rankOf({ you, room }) {
  if (!you || !room || isDirect(room.name)) return 0;
  return rank(you.role, room.member(you.name)?.role);
}

function rank(serverRole, role) {
  return serverRole === 'owner' ? SERVER_OWNER : Math.max(RANKS[serverRole] ?? 0, RANKS[role] ?? 0);
}

const OP = 1;
const OWNER = 2;
const SERVER_OWNER = 3;
const RANKS = { op: OP, owner: OWNER };
