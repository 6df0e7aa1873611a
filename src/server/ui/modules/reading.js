/**
 * What one has read of each room, and telling the server of it: it keeps the marks of an account, so that all of
 * one's devices agree. A guest's marks are the page's own.
 */

export class Reading {
  #store;
  #request;
  /** Rooms of which the server does not know yet how far they are read. @type {Map<string, number>} */
  #timers = new Map();

  /**
   * @param {import('./store.js').Store} store
   * @param {import('./connection.js').Connection['patientRequest']} request
   */
  constructor(store, request) {
    this.#store = store;
    this.#request = request;
  }

  /** The person has the end of the room on screen before their eyes. */
  seen() {
    const { room } = this.#store;
    if (!room?.unread || document.hidden) return;
    this.#store.update(() => room.read(room.seq));
    this.#report(room);
  }

  /**
   * A room was joined: the server's count, as the list of rooms gave it, says where its mark is.
   * @param {boolean} isFirst nothing was known here of what was read
   */
  joined(room, isFirst) {
    const { you, directory } = this.#store;
    const marked = room.seq - (you?.guest ? 0 : (directory.get(room.name)?.unread ?? 0));
    if (isFirst) room.readSeq = Math.max(0, marked);
    else if (!you?.guest) this.#marked(room, marked);
  }

  /** The list of rooms came anew, behind everything that was said until then. */
  listed() {
    if (this.#store.you?.guest) return;
    for (const { name, unread } of this.#store.directory.values()) {
      const room = this.#store.rooms.get(name);
      if (room?.joined) this.#marked(room, room.seq - unread);
    }
  }

  /** Another device of ours has read up to a message. */
  elsewhere({ room: name, seq }) {
    this.#store.rooms.get(name)?.read(seq);
    const summary = this.#store.directory.get(name);
    if (summary) summary.unread = Math.min(summary.unread, Math.max(0, (summary.seq ?? seq) - seq));
  }

  /** Something was said in a room of ours that is not joined here; of several within a second, only the last is told. */
  unread({ room: name, seq }) {
    const summary = this.#store.directory.get(name);
    if (!summary) return;
    summary.unread += Math.max(1, seq - (summary.seq ?? seq));
    summary.seq = seq;
  }

  #marked(room, seq) {
    if (room.readSeq > seq) this.#report(room);
    else room.read(seq);
  }

  /** Tells where the mark is, soon: who reads along need not say so for each message. */
  #report(room) {
    if (this.#store.you?.guest || this.#timers.has(room.name)) return;
    const timer = setTimeout(async () => {
      this.#timers.delete(room.name);
      try {
        await this.#request('read', { room: room.name, seq: room.readSeq });
      } catch {
        // Cut off, or put out of the room meanwhile: the next join compares the marks.
      }
    }, REPORT_DELAY);
    this.#timers.set(room.name, timer);
  }
}

/** Milliseconds from having seen something to saying so. */
const REPORT_DELAY = 400;
