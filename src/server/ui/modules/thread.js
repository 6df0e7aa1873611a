/**
 * The replies to one message, and that message: gathered from what is said while the thread is open and from pages of
 * history. Invariant: nothing is missing from `seq` up to `upTo`, and nothing at all once `isComplete`.
 */
import { changedMessage } from './room.js';

/** @typedef {import('./protocol.js').Message} Message */

export class Thread {
  /** @type {Map<number, Message>} */
  #messages = new Map();

  /** @param {string} room its name @param {number} seq of the message that is answered */
  constructor(room, seq) {
    this.room = room;
    this.seq = seq;
    this.upTo = seq;
    this.isComplete = false;
  }

  /** The message itself first, then the replies in their order. @returns {Message[]} */
  get messages() {
    return [...this.#messages.values()].sort((a, b) => a.seq - b.seq);
  }

  /** Something was said in some room. */
  said(room, message) {
    if (room === this.room) this.#take(message);
  }

  /** Takes over messages that follow each other without holes. @param {boolean} moreAfter there are newer ones */
  taken(messages, moreAfter) {
    for (const message of messages) this.#take(message);
    this.upTo = Math.max(this.upTo, messages.at(-1)?.seq ?? 0);
    this.isComplete = !moreAfter;
  }

  /** An edit, a deletion or a reaction in some room. */
  changed(change) {
    const message = change.room === this.room && this.#messages.get(change.seq);
    if (message) this.#messages.set(change.seq, changedMessage(change, message));
  }

  #take(message) {
    if (message.seq === this.seq || message.reply_to === this.seq) this.#messages.set(message.seq, message);
  }
}
