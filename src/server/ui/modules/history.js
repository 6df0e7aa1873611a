/** Brings what was said before onto the page: pages of history, jumps into it, and the search. */
import { Thread } from './thread.js';

export class History {
  #store;
  #request;

  /**
   * @param {import('./store.js').Store} store
   * @param {import('./connection.js').Connection['patientRequest']} request
   */
  constructor(store, request) {
    this.#store = store;
    this.#request = request;
  }

  /** Loads the page before the first message on screen. */
  async loadEarlier() {
    const { room, status } = this.#store;
    if (!room?.more || this.#store.isLoadingEarlier || status !== 'connected') return;
    this.#store.update((store) => (store.isLoadingEarlier = true));
    try {
      const before = room.messages[0]?.seq;
      const { messages, more } = await this.#page(room.name, before ? { before } : {});
      // After a reconnect the list may begin elsewhere, and this page would leave a hole.
      if (room.messages[0]?.seq === before) this.#store.update(() => room.prepend(messages, more));
    } finally {
      this.#store.update((store) => (store.isLoadingEarlier = false));
    }
  }

  /** Loads the page behind the last message on screen, which was jumped to. */
  async loadLater() {
    const { room, status } = this.#store;
    if (!room?.later || this.#store.isLoadingLater || status !== 'connected') return;
    this.#store.update((store) => (store.isLoadingLater = true));
    try {
      const after = room.messages.at(-1)?.seq ?? 0;
      const { messages, more_after: moreAfter } = await this.#page(room.name, { after });
      if (room.later && room.messages.at(-1)?.seq === after) {
        this.#store.update(() => room.append(messages, moreAfter));
      }
    } finally {
      this.#store.update((store) => (store.isLoadingLater = false));
    }
  }

  /** Shows a message of the room on screen; the log goes there. */
  async jump(seq) {
    const { room } = this.#store;
    if (!room.message(seq)) {
      const page = await this.#page(room.name, { around: seq });
      this.#store.update(() => room.replace(page));
    }
    this.#store.update((store) => (store.target = { room: room.name, seq }));
  }

  /** Back to the newest messages. */
  async toLatest() {
    const { room } = this.#store;
    if (!room?.later) return;
    const page = await this.#page(room.name, {});
    this.#store.update(() => room.replace(page));
  }

  /** Opens the thread of a message of the room on screen, and loads what is missing of it. */
  async openThread(seq) {
    const { room } = this.#store;
    const thread = new Thread(room.name, seq);
    if (room.message(seq)) thread.taken(room.messages, room.later);
    this.#store.update((store) => (store.thread = thread));
    await this.loadThread(thread);
  }

  /** Loads a thread up to its end, or some pages of history further. */
  async loadThread(thread) {
    if (this.#store.isLoadingThread) return;
    this.#store.update((store) => (store.isLoadingThread = true));
    try {
      for (let pages = 0; pages < THREAD_PAGES && !thread.isComplete && this.#store.thread === thread; pages += 1) {
        const fields = { room: thread.room, after: thread.upTo - (thread.messages.length ? 0 : 1), limit: MAX_PAGE };
        const { messages, more_after: moreAfter } = await this.#request('history', fields);
        this.#store.update(() => thread.taken(messages, moreAfter));
      }
    } finally {
      this.#store.update((store) => (store.isLoadingThread = false));
    }
  }

  /** The room of the open thread was joined again. @param {import('./protocol.js').Joined} answer */
  catchUp({ room, recovered, messages = [], changes = [] }) {
    const { thread } = this.#store;
    for (const change of changes) thread.changed({ ...change, room });
    if (recovered) for (const message of messages) thread.said(room, message);
    else this.#store.thread = null;
  }

  /** Messages with these words, of all rooms that one may read. */
  search(query, before) {
    return this.#request('search', { query, ...(before && { before }) });
  }

  #page(room, place) {
    return this.#request('history', { room, limit: HISTORY_PAGE, ...place });
  }
}

/** Messages per page of scroll-back, and as many as the server gives at once. */
const HISTORY_PAGE = 50;
const MAX_PAGE = 200;
/** Pages that are read through for the replies of a thread, before the reader is asked whether to go on. */
const THREAD_PAGES = 5;
