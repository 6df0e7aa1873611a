/**
 * One person's stay in the chat: carries out what they do, and writes into the store what the server says.
 *
 * The stay outlives connections. After each reconnect, `#greet` says who we are (by token), joins the rooms we
 * were in (with `since`, so that the gap is filled), and the outbox sends what is still unsent.
 */
import { Connection } from './connection.js';
import { Outbox } from './outbox.js';
import { DEFAULT_LIMITS, LOBBY, ServerError } from './protocol.js';
import { forget, recall, remember } from './memory.js';

export class Session {
  #store;
  #connection;
  #announce;
  #left;
  /** Waiting for the answer to the first `hello`. @type {{resolve: Function, reject: Function} | null} */
  #entering = null;
  /** @type {{name: string, password?: string} | null} */
  #credentials = null;
  #typingSentAt = -Infinity;
  #whoTimer = 0;
  /** The room that was asked for last. */
  #wanted = '';

  /**
   * @param {import('./store.js').Store} store
   * @param {{announce: (text: string) => void, left: (reason: string) => void}} told `announce` gets what people
   *   should read once, `left` is called when the stay is over and a name is needed again
   */
  constructor(store, { announce, left }) {
    this.#store = store;
    this.#announce = announce;
    this.#left = left;
    const url = new URL('/ws', location.href);
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
    this.#connection = new Connection(url.href, {
      greet: (welcome) => this.#greet(welcome),
      push: (push) => this.#pushed(push),
      status: (status) => this.#statusChanged(status),
      closed: (code) => this.#closed(code),
    });
    this.outbox = new Outbox(store, this.#connection);
  }

  /** Enters with a name; rejects with what to tell the person. @returns {Promise<void>} */
  enter(name, password) {
    this.#credentials = { name, ...(password && { password }) };
    return new Promise((resolve, reject) => {
      this.#entering = { resolve, reject };
      this.#connection.start();
    });
  }

  /** Goes on where a reload interrupted. @returns {boolean} whether there was anything to go on with */
  resume() {
    const you = recall('you');
    if (!you?.name || !recall('token')) return false;
    this.#credentials = { name: you.name };
    this.#store.update((store) => (store.you = you));
    this.outbox.restore();
    this.#connection.start();
    return true;
  }

  /** Says goodbye: the name becomes free, and nothing of the stay is kept. */
  signOut(reason = '') {
    this.#connection.stop();
    this.#credentials = null;
    forget('you', 'token', 'rooms', 'current', 'pending', 'drafts');
    this.#store.update((store) => store.reset());
    this.#left(reason);
  }

  /** Shows a room, joining it first if need be; of several asked for meanwhile, the last one is shown. */
  async open(name) {
    this.#wanted = name;
    if (!this.#store.rooms.has(name)) await this.#join(name, {});
    if (this.#wanted === name) this.#show(name);
  }

  /** Makes a room and goes there; an existing one is just joined. @param {string} name */
  async create(name, { topic, visibility }) {
    const fields = { room: name, visibility, ...(topic && { topic }) };
    try {
      this.#joined(await this.#connection.patientRequest('create', fields), null);
      this.#wanted = name;
      this.#show(name);
    } catch (error) {
      if (!(error instanceof ServerError && error.code === 'room_exists')) throw error;
      await this.open(name);
    }
  }

  async leave(name) {
    await this.#connection.patientRequest('leave', { room: name });
    this.#forgetRoom(name);
  }

  async setTopic(topic) {
    await this.#connection.patientRequest('topic', { room: this.#store.current, topic });
  }

  /** @param {string} body @param {number} [replyTo] the number of the message that it answers */
  async send(body, replyTo) {
    const { room } = this.#store;
    this.#typingSentAt = -Infinity;
    this.#store.update(() => (room.divider = 0));
    this.outbox.post(room.name, body, replyTo);
    if (room.later) await this.toLatest();
  }

  /** Tells the room, at most every few seconds, that something is being typed. */
  typing() {
    const now = performance.now();
    if (now - this.#typingSentAt < TYPING_INTERVAL || !this.#connection.isOpen) return;
    this.#typingSentAt = now;
    this.#connection.notify('typing', { room: this.#store.current });
  }

  /** Loads the page of history before the first message on screen. */
  async loadEarlier() {
    const { room } = this.#store;
    if (!room?.more || this.#store.isLoadingEarlier || !this.#connection.isOpen) return;
    this.#store.update((store) => (store.isLoadingEarlier = true));
    try {
      const before = room.messages[0]?.seq;
      const fields = { room: room.name, limit: HISTORY_PAGE, ...(before && { before }) };
      const { messages, more } = await this.#connection.patientRequest('history', fields);
      // After a reconnect the list may begin elsewhere, and this page would leave a hole.
      if (room.messages[0]?.seq === before) this.#store.update(() => room.prepend(messages, more));
    } finally {
      this.#store.update((store) => (store.isLoadingEarlier = false));
    }
  }

  /** Loads the page of history behind the last message on screen, which was jumped to. */
  async loadLater() {
    const { room } = this.#store;
    if (!room?.later || this.#store.isLoadingLater || !this.#connection.isOpen) return;
    this.#store.update((store) => (store.isLoadingLater = true));
    try {
      const after = room.messages.at(-1)?.seq ?? 0;
      const fields = { room: room.name, limit: HISTORY_PAGE, after };
      const { messages, more_after: moreAfter } = await this.#connection.patientRequest('history', fields);
      if (room.later && room.messages.at(-1)?.seq === after) {
        this.#store.update(() => room.append(messages, moreAfter));
      }
    } finally {
      this.#store.update((store) => (store.isLoadingLater = false));
    }
  }

  /** Shows a message, wherever it is; the log goes there. */
  async jump(name, seq) {
    await this.open(name);
    const room = this.#store.rooms.get(name);
    if (!room || this.#store.current !== name) return;
    if (!room.message(seq)) {
      const fields = { room: name, limit: HISTORY_PAGE, around: seq };
      const page = await this.#connection.patientRequest('history', fields);
      this.#store.update(() => room.replace(page));
    }
    this.#store.update((store) => (store.target = { room: name, seq }));
  }

  /** Back to the newest messages. */
  async toLatest() {
    const { room } = this.#store;
    if (!room?.later) return;
    const page = await this.#connection.patientRequest('history', { room: room.name, limit: HISTORY_PAGE });
    this.#store.update(() => room.replace(page));
  }

  /** Messages with these words, of all rooms that one may read. */
  search(query, before) {
    return this.#connection.patientRequest('search', { query, ...(before && { before }) });
  }

  async edit(seq, body) {
    await this.#change('edit', { seq, body });
  }

  async delete(seq) {
    await this.#change('delete', { seq });
  }

  async react(seq, emoji, on) {
    await this.#change('react', { seq, emoji, on });
  }

  async #change(type, fields) {
    try {
      await this.#connection.patientRequest(type, { room: this.#store.current, ...fields });
    } catch (error) {
      // An earlier try may have arrived without its answer.
      if (!(error instanceof ServerError && error.code === 'already')) throw error;
    }
  }

  /** The person has the end of the room before their eyes. */
  seen() {
    const { room } = this.#store;
    if (room?.unread && !document.hidden) this.#store.update(() => (room.unread = 0));
  }

  async #greet(welcome) {
    this.#store.update((store) => (store.limits = { ...DEFAULT_LIMITS, ...welcome.limits }));
    await this.#hello();
    const { rooms } = await this.#connection.patientRequest('rooms');
    this.#store.update((store) => (store.directory = new Map(rooms.map((room) => [room.name, room]))));
    const remembered = recall('rooms', [LOBBY]);
    const current = this.#store.current ?? recall('current', LOBBY);
    const names = new Set([current, ...this.#store.rooms.keys(), ...remembered]);
    for (const name of names) if (remembered.includes(name)) await this.#rejoin(name);
    if (!this.#store.room) this.#show(this.#store.rooms.keys().next().value ?? null);
    if (this.#store.current === LOBBY && welcome.motd) this.#showMotd(welcome.motd);
  }

  /** By token, so that we stay the same guest; by name where the server no longer knows the token. */
  async #hello() {
    const token = recall('token');
    try {
      const hello = token && !this.#entering ? { token } : this.#credentials;
      let answer;
      try {
        answer = await this.#connection.request('hello', hello);
      } catch (error) {
        if (!(error instanceof ServerError) || error.isTemporary || !hello.token) throw error;
        answer = await this.#connection.request('hello', { name: this.#credentials.name });
      }
      this.#welcomed(answer);
    } catch (error) {
      if (error instanceof ServerError) this.#refused(error);
      throw error;
    }
  }

  #welcomed({ you, token }) {
    this.#credentials = { name: you.name };
    remember('you', you);
    if (token) remember('token', token);
    this.#store.update((store) => (store.you = you));
    this.#entering?.resolve();
    this.#entering = null;
  }

  #refused(error) {
    if (this.#entering) {
      const { reject } = this.#entering;
      this.#entering = null;
      this.#connection.stop();
      reject(error);
    } else if (!error.isTemporary) {
      this.signOut(error.message);
    }
  }

  #closed(code) {
    if (this.#entering) {
      const { reject } = this.#entering;
      this.#entering = null;
      reject(new Error('The server cannot be reached. Please try again in a moment.'));
      return false;
    }
    if (code === 4001) {
      this.signOut('Your session has ended. Please enter again.');
      return false;
    }
    return true;
  }

  #statusChanged(status) {
    this.#store.update((store) => (store.status = status));
    if (status === 'connected') this.outbox.flush();
  }

  /** Joins a room again after a reconnect; one that is gone is given up, with a word. */
  async #rejoin(name) {
    const room = this.#store.rooms.get(name);
    try {
      await this.#join(name, room?.joined ? { since: room.seq, rev: room.rev } : {});
    } catch (error) {
      if (!(error instanceof ServerError)) throw error;
      this.#forgetRoom(name);
      this.#announce(`${name}: ${error.message}`);
    }
    if (name === (this.#store.current ?? recall('current', LOBBY))) this.#show(name);
  }

  async #join(name, { since, rev }) {
    const fields = { room: name, ...(since !== undefined && { since, rev }) };
    this.#joined(await this.#connection.patientRequest('join', fields), since ?? null);
  }

  /** @param {import('./protocol.js').Joined} answer */
  #joined(answer, since) {
    this.#store.update((store) => {
      const room = store.roomNamed(answer.room);
      room.joinedWith(answer, since);
      for (const message of answer.messages ?? []) {
        if (message.key && message.from === store.you.name) this.outbox.saved(message.key);
        if (since !== null && message.seq > since) this.#countUnread(room, message);
      }
    });
    this.#rememberRooms();
  }

  #forgetRoom(name) {
    this.#store.update((store) => store.rooms.delete(name));
    this.#rememberRooms();
    if (this.#store.current === name) this.#show(this.#store.rooms.keys().next().value ?? null);
  }

  #rememberRooms() {
    remember('rooms', [...this.#store.rooms.keys()]);
  }

  #show(name) {
    this.#store.update((store) => {
      if (store.current === name || (name !== null && !store.rooms.has(name))) return;
      if (store.room?.unread === 0) store.room.divider = 0;
      if (store.room) store.room.isAtEnd = true;
      store.current = name;
      store.writing = null;
    });
    this.#typingSentAt = -Infinity;
    remember('current', name);
  }

  #showMotd(text) {
    const { room } = this.#store;
    if (!room.notices.some((notice) => notice.text === text)) this.#store.update(() => room.note(text, now()));
  }

  /** @param {import('./protocol.js').Push} push */
  #pushed(push) {
    this.#store.update((store) => this.#take(push, store, store.rooms.get(push.room)));
  }

  #take(push, store, room) {
    switch (push.type) {
      case 'message':
        if (push.key && push.from === store.you?.name) this.outbox.saved(push.key);
        if (room?.add(withoutEnvelope(push))) this.#countUnread(room, push);
        break;
      case 'edited':
      case 'deleted':
      case 'reaction':
        room?.changed(push);
        break;
      case 'topic':
        room?.changed(push);
        room?.note(`${push.by} ${push.topic ? `changed the topic to “${push.topic}”` : 'cleared the topic'}`, now());
        if (store.directory.has(push.room)) store.directory.get(push.room).topic = push.topic;
        break;
      case 'typing':
        if (room && push.from !== store.you?.name) this.#showTyping(room, push.from);
        break;
      case 'presence':
        this.#present(push, store, room);
        break;
      case 'room':
        if (push.state === 'removed') this.#roomRemoved(push.room, 'was removed');
        else if (!store.directory.has(push.room)) store.directory.set(push.room, summary(push));
        break;
      case 'unread':
        if (store.directory.has(push.room)) store.directory.get(push.room).unread += 1;
        break;
      case 'removed':
        this.#roomRemoved(push.room, push.reason || 'you were removed');
        break;
      case 'rooms':
        store.directory = new Map(push.rooms.map((item) => [item.name, item]));
        break;
      case 'notice':
        this.#announce(push.text);
        break;
      case 'shutdown':
        this.#announce('The server is restarting. You will be connected again by yourself.');
        break;
      default: // A newer server's push: ignoring it is what the protocol asks for.
    }
  }

  #present(push, store, room) {
    if (push.name === store.you?.name && push.state === 'renamed' && push.to) {
      store.you = { ...store.you, name: push.to };
      remember('you', store.you);
    }
    if (!room || (push.name === store.you?.name && push.state === 'joined')) return;
    room.present(push, now());
    // The push names nobody's role; in small rooms asking for it is cheap.
    const isIncomplete = push.state === 'joined' && push.role === undefined;
    if (isIncomplete && room.memberCount <= SMALL_ROOM) this.#refreshMembers(room);
  }

  #refreshMembers(room) {
    clearTimeout(this.#whoTimer);
    this.#whoTimer = setTimeout(() => {
      this.#connection.request('who', { room: room.name }).then(
        (answer) => this.#store.update(() => room.setMembers(answer.members, answer.member_count)),
        () => {}, // Only a refinement of what is shown already.
      );
    }, WHO_DELAY);
  }

  #roomRemoved(name, reason) {
    this.#store.directory.delete(name);
    if (!this.#store.rooms.has(name)) return;
    this.#forgetRoom(name);
    this.#announce(`${name}: ${reason}`);
  }

  #countUnread(room, { from, seq }) {
    if (from === this.#store.you?.name) return;
    if (room.name === this.#store.current && room.isAtEnd && !document.hidden) return;
    if (room.unread === 0) room.divider = seq;
    room.unread += 1;
  }

  #showTyping(room, name) {
    room.typing.set(name, performance.now() + TYPING_SHOWN);
    setTimeout(() => {
      if (room.typing.get(name) <= performance.now()) this.#store.update(() => room.typing.delete(name));
    }, TYPING_SHOWN + 50);
  }
}

function withoutEnvelope({ type, room, ...message }) {
  return message;
}

function summary({ room, topic }) {
  return { name: room, topic, visibility: 'public', members: 0, unread: 0 };
}

function now() {
  return new Date(Date.now()).toISOString();
}

/** Messages per page of scroll-back; the server allows 200. */
const HISTORY_PAGE = 50;
/** Milliseconds between two `typing`, and how long one is shown: a little longer, so that it does not flicker. */
const TYPING_INTERVAL = 3_000;
const TYPING_SHOWN = 5_000;
/** Members up to which someone's coming is followed by a `who`, and how long others are waited for. */
const SMALL_ROOM = 50;
const WHO_DELAY = 700;
