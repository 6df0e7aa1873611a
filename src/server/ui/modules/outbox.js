/**
 * Own messages on their way: each is sent under one `key` until the server answers, over any number of
 * connections, so that it is posted exactly once.
 *
 * One message is in flight at a time. That keeps their order when the server refuses one for the moment
 * (`rate_limited`, `busy`), at the cost of one round trip each, which nobody who types can notice. Its room then waits
 * for as long as the server said; other rooms do not, as slow mode may last for hours.
 */
import { ConnectionLost, ServerError } from './protocol.js';
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

  /** Takes back what was unsent when the page was reloaded, or a guest was out. */
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

  /** Sends nothing more unless it is asked to: whoever enters next may be somebody else. */
  giveUp(reason) {
    this.#change((store) => {
      for (const message of store.pending) if (message.state === 'sending') Object.assign(message, { state: 'failed', reason });
    });
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
    return this.#store.pending.find(({ state, room: name }) => {
      const room = this.#store.rooms.get(name);
      return state === 'sending' && room?.joined && room.sendingAt <= Date.now();
    });
  }

  /** The room's messages go on when the server said. */
  #wait(room, delay) {
    this.#store.update(() => (room.sendingAt = Date.now() + delay));
    // The clock may be a little behind the timer.
    setTimeout(() => this.flush(), delay + 5);
  }

  async #send(message) {
    const { key, room, body, replyTo } = message;
    const reply = replyTo ? { reply_to: replyTo } : {};
    try {
      const { seq, at } = await this.#connection.request('send', { room, body, key, ...reply });
      this.#change((store) => {
        if (!store.pending.includes(message)) return; // Its push came first.
        store.pending = store.pending.filter((pending) => pending !== message);
        const saved = { seq, at, from: store.you.name, body, key, ...reply };
        store.rooms.get(room)?.add(saved);
        store.thread?.said(room, saved);
      });
    } catch (error) {
      const place = this.#store.rooms.get(room);
      // Whether a lost one arrived is unknown; it stays, and the key makes sending it again harmless.
      if (error instanceof ConnectionLost) return;
      if (error instanceof ServerError && error.isTemporary && place) this.#wait(place, error.patience);
      else this.#change(() => Object.assign(message, { state: 'failed', reason: error.message }));
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
