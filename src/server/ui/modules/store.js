/**
 * The page's one state, and who is told that it changed.
 *
 * Views read it and draw; only the session writes it, inside `update`. Several updates in one turn of the event
 * loop are one redraw.
 */
import { DEFAULT_LIMITS, LOBBY, isDirect } from './protocol.js';
import { Room } from './room.js';

/** @typedef {{key: string, room: string, body: string, at: string, state: 'sending' | 'failed', reason: string}} Pending */

export class Store {
  /** @type {import('./protocol.js').Member | null} */
  you = null;
  /** @type {'connected' | 'reconnecting' | 'offline'} */
  status = 'reconnecting';
  limits = DEFAULT_LIMITS;
  /** @type {Map<string, Room>} rooms joined here */
  rooms = new Map();
  /** @type {Map<string, import('./protocol.js').RoomSummary>} what the server says of all rooms we may see */
  directory = new Map();
  /** @type {string | null} the room on screen */
  current = null;
  /** @type {Pending[]} own messages without an answer yet, oldest first, of all rooms */
  pending = [];
  isLoadingEarlier = false;
  isLoadingLater = false;
  /** The message that the log should go to. @type {{room: string, seq: number} | null} */
  target = null;
  /** What is being written belongs to this message of the room on screen: an answer to it, or its new text.
   * @type {{kind: 'reply' | 'edit', seq: number} | null} */
  writing = null;

  isLoadingThread = false;
  /** The thread that is open, of the room on screen. @type {import('./thread.js').Thread | null} */
  thread = null;

  #listeners = [];
  #isScheduled = false;

  /** @param {(store: Store) => void} listener called after changes, once per turn */
  subscribe(listener) {
    this.#listeners.push(listener);
  }

  /** @template T @param {(store: Store) => T} change @returns {T} */
  update(change) {
    const result = change(this);
    if (!this.#isScheduled) {
      this.#isScheduled = true;
      // A timer, not an animation frame: hidden pages get none, and their title still counts unread messages.
      setTimeout(() => {
        this.#isScheduled = false;
        for (const listener of this.#listeners) listener(this);
      });
    }
    return result;
  }

  /** @returns {Room | undefined} */
  get room() {
    return this.rooms.get(this.current);
  }

  /** What a room is called: a direct conversation by the name of the other one. */
  titleOf(name) {
    if (!isDirect(name)) return name;
    const other = this.rooms.get(name)?.members.find((member) => member.name !== this.you?.name);
    return this.directory.get(name)?.with ?? other?.name ?? 'a conversation';
  }

  /** What the room list shows: the lobby, then one's own rooms, conversations, and others that could be joined. */
  get roomList() {
    const names = new Set([...this.rooms.keys(), ...this.directory.keys()]);
    const list = [...names].map((name) => {
      const room = this.rooms.get(name);
      const summary = this.directory.get(name);
      return {
        name,
        title: this.titleOf(name),
        isDirect: isDirect(name),
        topic: room?.topic ?? summary?.topic ?? '',
        isPrivate: (room?.visibility ?? summary?.visibility) === 'private',
        isJoined: Boolean(room) || summary?.visibility === 'private' || summary?.unread > 0,
        isCurrent: name === this.current,
        memberCount: room?.memberCount ?? summary?.members ?? 0,
        unread: room?.unread ?? summary?.unread ?? 0,
      };
    });
    const rank = (item) => (item.name === LOBBY ? 0 : item.isDirect ? 2 : item.isJoined ? 1 : 3);
    return list.sort((a, b) => rank(a) - rank(b) || BY_NAME.compare(a.title, b.title));
  }

  get unread() {
    let sum = 0;
    for (const room of this.rooms.values()) sum += room.unread;
    for (const { name, unread } of this.directory.values()) if (!this.rooms.has(name)) sum += unread;
    return sum;
  }

  /** Makes a room's record if there is none. */
  roomNamed(name) {
    if (!this.rooms.has(name)) this.rooms.set(name, new Room(name));
    return this.rooms.get(name);
  }

  /** Back to before `hello`. */
  reset() {
    this.you = null;
    this.rooms.clear();
    this.directory.clear();
    this.current = null;
    this.pending = [];
    this.target = null;
    this.writing = null;
    this.thread = null;
  }
}

/** As people count: room-2 comes before room-10. */
const BY_NAME = new Intl.Collator(undefined, { numeric: true });
