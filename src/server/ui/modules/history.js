/** Brings what was said before onto the page: pages of history, jumps into it, and the search. */

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

  /** Messages with these words, of all rooms that one may read. */
  search(query, before) {
    return this.#request('search', { query, ...(before && { before }) });
  }

  #page(room, place) {
    return this.#request('history', { room, limit: HISTORY_PAGE, ...place });
  }
}

/** Messages per page of scroll-back; the server allows 200. */
const HISTORY_PAGE = 50;
