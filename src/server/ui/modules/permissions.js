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
  return mayKeepOrder(store) && member.name !== store.you?.name && rankOf(store) > (RANKS[member.role] ?? 0);
}

/** Nobody keeps a conversation of two in order. */
function rankOf({ you, room }) {
  if (!you || !room || isDirect(room.name)) return 0;
  if (you.role === 'owner') return SERVER_OWNER;
  return Math.max(RANKS[you.role] ?? 0, RANKS[room.member(you.name)?.role] ?? 0);
}

const OP = 1;
const OWNER = 2;
const SERVER_OWNER = 3;
const RANKS = { op: OP, owner: OWNER };
