/**
 * Own messages on their way: each is sent under one `key` until the server answers, over any number of
 * connections, so that it is posted exactly once.
 *
 * One message is in flight at a time. That keeps their order when the server refuses one for the moment
 * (`rate_limited`), at the cost of one round trip each, which nobody who types can notice.
 */
import { ConnectionLost } from './protocol.js';
import { recall, remember } from './memory.js';

export class Outbox {
  #store;
  #connection;
  #isSending = false;

  /** @param {import('./store.js').Store} store @param {import('./connection.js').Connection} connection */
  constructor(store, connection) {
    this.#store = store;
    this.#connection = connection;
  }

  /** Takes back what was unsent when the page was reloaded. */
  restore() {
    this.#store.update((store) => (store.pending = recall('pending', [])));
  }

  /** Queues a message for a room. */
  post(room, body, replyTo) {
    const at = new Date(Date.now()).toISOString();
    this.#change((store) => store.pending.push({ key: newKey(), room, body, replyTo, at, state: 'sending', reason: '' }));
    this.flush();
  }

  /** Sends a failed message once more, under the key it always had. */
  retry(key) {
    this.#change((store) => {
      const message = store.pending.find((pending) => pending.key === key);
      if (message) Object.assign(message, { state: 'sending', reason: '' });
    });
    this.flush();
  }

  discard(key) {
    this.#change((store) => (store.pending = store.pending.filter((pending) => pending.key !== key)));
  }

  /** The message under `key` was seen in the room: it needs no sending. */
  saved(key) {
    if (this.#store.pending.some((pending) => pending.key === key)) this.discard(key);
  }

  /** Sends what waits, as long as there is a connection. */
  async flush() {
    if (this.#isSending) return;
    this.#isSending = true;
    for (let message = this.#next(); message; message = this.#next()) await this.#send(message);
    this.#isSending = false;
  }

  #next() {
    if (!this.#connection.isOpen) return undefined;
    return this.#store.pending.find(
      (message) => message.state === 'sending' && this.#store.rooms.get(message.room)?.joined,
    );
  }

  async #send(message) {
    const { key, room, body, replyTo } = message;
    const reply = replyTo ? { reply_to: replyTo } : {};
    try {
      const { seq, at } = await this.#connection.patientRequest('send', { room, body, key, ...reply }, (delay) =>
        this.#store.update((store) => (store.sendingAt = Date.now() + delay)),
      );
      this.#change((store) => {
        store.sendingAt = 0;
        if (!store.pending.includes(message)) return; // Its push came first.
        store.pending = store.pending.filter((pending) => pending !== message);
        const saved = { seq, at, from: store.you.name, body, key, ...reply };
        store.rooms.get(room)?.add(saved);
        store.thread?.said(room, saved);
      });
    } catch (error) {
      this.#change((store) => {
        store.sendingAt = 0;
        // Whether a lost one arrived is unknown; it stays, and the key makes sending it again harmless.
        if (!(error instanceof ConnectionLost)) Object.assign(message, { state: 'failed', reason: error.message });
      });
    }
  }

  #change(change) {
    this.#store.update(change);
    remember('pending', this.#store.pending);
  }
}

/** 128 random bits; `randomUUID` exists only where the page came over TLS or from the same machine. */
function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
