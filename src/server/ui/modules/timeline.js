/** Turns a room into the rows of its log: days, messages in groups, quiet lines, marks. Pure. */
import { mentions } from './mention.js';
import { isSameDay } from './text.js';

/**
 * @typedef {{kind: 'day' | 'new' | 'gap', id: string, at: string}} Mark
 * @typedef {{kind: 'notice', id: string, notice: import('./room.js').Notice, text: string}} NoticeRow
 * @typedef {object} MessageRow
 * @property {'message'} kind
 * @property {string} id the same while a message goes from sending to saved
 * @property {import('./protocol.js').Message} message
 * @property {boolean} isOwn
 * @property {boolean} isMention it speaks to us by name
 * @property {number} replyCount how many of the messages that are loaded answer it
 * @property {boolean} isContinued the message above is by the same person, just before
 * @property {'' | 'sending' | 'saved' | 'failed'} state of own messages
 * @property {string} reason why it failed
 * @typedef {Mark | NoticeRow | MessageRow} Row
 */

/** @param {import('./store.js').Store} store @returns {Row[]} */
export function timeline(store) {
  const { room } = store;
  if (!room) return [];
  const { messages } = room;
  const builder = new Builder(room, store.you?.name);
  if (room.gap) builder.mark('gap', room.messages[0]?.at ?? '');
  let noticeIndex = room.notices.findIndex((notice) => notice.after >= (messages[0]?.seq ?? 0) - 1);
  if (noticeIndex < 0 || room.later) noticeIndex = room.notices.length;
  const noticesUpTo = (seq) => {
    while (room.notices[noticeIndex]?.after < seq) builder.notice(room.notices[noticeIndex++]);
  };
  for (const message of messages) {
    noticesUpTo(message.seq);
    if (message.seq === room.divider) builder.mark('new', message.at);
    builder.message(message, message.from === store.you?.name ? 'saved' : '');
  }
  noticesUpTo(Infinity);
  if (!room.later) {
    for (const pending of store.pending) if (pending.room === room.name) builder.pending(pending);
  }
  return builder.rows;
}

/** The rows of the thread that is open. @param {import('./store.js').Store} store @returns {Row[]} */
export function threadRows(store) {
  const { thread, you, pending } = store;
  const builder = new Builder({ name: thread.room }, you?.name);
  for (const message of thread.messages) builder.message({ ...message, reply_to: undefined }, message.from === you?.name ? 'saved' : '');
  for (const unsent of pending) {
    if (unsent.room === thread.room && unsent.replyTo === thread.seq) builder.pending({ ...unsent, replyTo: undefined });
  }
  return builder.rows;
}

class Builder {
  /** @type {Row[]} */
  rows = [];
  /** The message right above, if nothing stands between. */
  #above = null;
  #day = '';
  #noticeCount = 0;
  /** By the number of what they answer. @type {Map<number, number>} */
  #replies = new Map();

  constructor(room, you) {
    this.room = room;
    this.you = you;
    for (const { reply_to: seq } of room.messages ?? []) if (seq) this.#replies.set(seq, (this.#replies.get(seq) ?? 0) + 1);
  }

  mark(kind, at) {
    this.rows.push({ kind, id: `${this.room.name}/${kind}/${at}`, at });
    this.#above = null;
  }

  notice(notice) {
    this.#startDay(notice.at);
    const text = notice.text || [...notice.people].flat().join('\n');
    this.rows.push({ kind: 'notice', id: `${this.room.name}/notice/${notice.at}/${this.#noticeCount++}`, notice, text });
    this.#above = null;
  }

  message(message, state, reason = '') {
    this.#startDay(message.at);
    const isOwn = state !== '';
    const above = this.#above;
    this.rows.push({
      kind: 'message',
      id: `${this.room.name}/${isOwn && message.key ? `key/${message.key}` : message.seq}`,
      message,
      isOwn,
      replyCount: message.deleted ? 0 : (this.#replies.get(message.seq) ?? 0),
      isMention: !isOwn && this.#isMention(message),
      isContinued: above?.from === message.from && Date.parse(message.at) - Date.parse(above.at) < GROUP_TIME,
      state,
      reason,
    });
    this.#above = message;
  }

  pending({ key, body, replyTo, at, state, reason }) {
    this.message({ seq: 0, key, body, reply_to: replyTo, at, from: this.you }, state, reason);
  }

  /** Asked at each drawing; the answer stays, as long as the message and our name do. */
  #isMention(message) {
    const known = mentioned.get(message);
    if (known?.you === this.you) return known.answer;
    const answer = Boolean(this.you && message.body) && mentions(message.body, this.you);
    mentioned.set(message, { you: this.you, answer });
    return answer;
  }

  #startDay(at) {
    if (this.#day && isSameDay(this.#day, at)) return;
    this.#day = at;
    this.mark('day', at);
  }
}

/** @type {WeakMap<object, {you: string, answer: boolean}>} */
const mentioned = new WeakMap();
/** Milliseconds within which messages of one person stand together. */
const GROUP_TIME = 5 * 60_000;
