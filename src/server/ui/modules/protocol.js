/**
 * The words of `chinwag.v1` as the page uses them: shapes for the reader, texts for error codes.
 *
 * @typedef {{name: string, guest: boolean, role: string, server_role?: string, online?: boolean}} Member
 * @typedef {object} Message
 * @property {number} seq the room's number of this message, from 1 without holes
 * @property {string} at RFC 3339, UTC
 * @property {string} from a name
 * @property {string} [body]
 * @property {string} [key] the sender's own id of the message
 * @property {string} [edited_at]
 * @property {number} [reply_to] the number of the message that it answers
 * @property {{emoji: string, names: string[], count: number}[]} [reactions]
 * @property {boolean} [deleted]
 *
 * @typedef {object} Joined the answer to `join` and `create`
 * @property {string} room
 * @property {string} topic
 * @property {string} visibility
 * @property {number} [retention_days] for how long messages are kept; without: for ever
 * @property {number} [slow_mode_s] how many seconds a member waits between two messages; without: none
 * @property {number} seq
 * @property {number} rev
 * @property {Member[]} members
 * @property {number} [member_count] larger than the list when the list was capped
 * @property {Message[]} messages
 * @property {object[]} [changes]
 * @property {boolean} recovered
 * @property {boolean} more
 *
 * @typedef {object} RoomSummary
 * @property {string} name
 * @property {string} topic
 * @property {string} visibility
 * @property {number} members
 * @property {number} unread
 * @property {string} [with] the other one of a direct conversation
 * @property {number} [seq] the newest message that `unread` counts, where that is known
 *
 * @typedef {{type: string, [field: string]: any}} Push
 */

import { mediumTime } from './text.js';

export const SUBPROTOCOL = 'chinwag.v1';

/** The room that always exists. */
export const LOBBY = 'lobby';

/** Whether a room is a conversation of two, by its name. */
export function isDirect(room) {
  return room.startsWith('@');
}

/** What the server promises at least, until its `welcome` says more. */
export const DEFAULT_LIMITS = Object.freeze({ max_body_len: 8000 });

/** A request that the server answered with `error`. */
export class ServerError extends Error {
  /** @param {{code?: string, message?: string, needs?: string, retry_after_ms?: number}} answer */
  constructor(answer) {
    super(sentence(withEnd(answer) || TEXTS[answer.code] || `The server said “${answer.code}”`));
    this.name = 'ServerError';
    this.code = String(answer.code ?? 'bad_request');
    /** What the same request lacks: `totp`. @type {string | undefined} */
    this.needs = answer.needs;
    /** Milliseconds to wait before the same request may succeed. */
    this.retryAfter = Number.isFinite(answer.retry_after_ms) ? Math.max(0, answer.retry_after_ms) : null;
  }

  /** Milliseconds to wait before sending it again. */
  get patience() {
    return Math.min(this.retryAfter ?? DEFAULT_RETRY_AFTER, MAX_TIMER);
  }

  /** The same request may well succeed later. */
  get isTemporary() {
    return this.code === 'rate_limited' || this.code === 'busy';
  }
}

/** A request whose answer can no longer come; it may or may not have been carried out. */
export class ConnectionLost extends Error {
  constructor() {
    super('The connection was lost before the server answered.');
    this.name = 'ConnectionLost';
  }
}

/** Milliseconds where the server names none, and as many as a timer can take: 24 days. */
const DEFAULT_RETRY_AFTER = 1_000;
const MAX_TIMER = 2 ** 31 - 1_000;

/** Shown only where the server's own message is missing. */
const TEXTS = {
  not_authenticated: 'Enter a name first',
  forbidden: 'That is not allowed here',
  not_found: 'There is no such room or person',
  name_taken: 'That name is in use; please choose another',
  name_invalid: 'That name has characters that cannot be used',
  room_invalid: 'Room names are 1 to 64 letters, digits, “-”, “_” or “.”',
  room_exists: 'A room of that name exists already',
  too_long: 'That is too long',
  empty: 'There is nothing in it',
  rate_limited: 'That was a little fast',
  busy: 'The server is busy',
  banned: 'You are banned here',
  muted: 'You are muted here',
  already: 'That is done already',
  read_only: 'This room is read-only',
};

/** What is over in so many seconds is so at a time of day. */
function withEnd({ message, retry_after_ms: left }) {
  return message?.replace(/ for \d+ more seconds$/u, () => ` until ${mediumTime(new Date(Date.now() + left).toISOString())}`);
}

/** Server messages are clauses; people read sentences. */
function sentence(text) {
  const trimmed = text.trim();
  const first = trimmed.charAt(0).toLocaleUpperCase() + trimmed.slice(1);
  return /[.!?…]$/u.test(first) ? first : `${first}.`;
}
