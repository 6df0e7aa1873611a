/**
 * One person's stay in the chat: carries out what they do, and writes into the store what the server says.
 *
 * The stay outlives connections. After each reconnect, `#greet` says who we are (by token or cookie), joins the rooms
 * we were in (with `since`, so that the gap is filled), and the outbox sends what is still unsent.
 */
import { banSentence, refusalHere } from './ban.js';
import { Connection } from './connection.js';
import { forgetStay, stay, stayNoLonger, staysAs } from './cookie.js';
import { deviceLabel } from './device.js';
import { askEntrance } from './entrance.js';
import { History } from './history.js';
import { forget, recall, remember } from './memory.js';
import { Outbox } from './outbox.js';
import { DEFAULT_LIMITS, LOBBY, ServerError } from './protocol.js';
import { Pushes } from './pushes.js';
import { Reading } from './reading.js';

/** @typedef {{name: string, password?: string, totp?: string, invite?: string}} Credentials */

export class Session {
  #store;
  #url = new URL('/ws', location.href).href.replace(/^http/u, 'ws');
  #connection;
  #announce;
  #left;
  #arrived;
  #pushes;
  /** Waiting for being let in. @type {{type: 'hello' | 'register', resolve: Function, reject: Function} | null} */
  #entering = null;
  /** @type {Credentials | null} */
  #credentials = null;
  /** The connection is given up on purpose: to come again as somebody else, or not at all. */
  #isGoing = false;
  #typingSentAt = -Infinity;
  #whoTimer = 0;
  /** The room that was asked for last. */
  #wanted = '';

  /**
   * @param {import('./store.js').Store} store
   * @param {object} told
   * @param {(text: string) => void} told.announce gets what people should read once
   * @param {(reason: string) => void} told.left the stay is over, and a name is needed again
   * @param {(room: import('./room.js').Room, message: import('./protocol.js').Message) => void} told.arrived somebody
   *   else said something just now
   */
  constructor(store, { announce, left, arrived }) {
    this.#store = store;
    this.#announce = announce;
    this.#left = left;
    this.#arrived = arrived;
    this.#connection = new Connection(this.#url, {
      greet: (welcome) => this.#greet(welcome),
      push: (push) => this.#pushes.take(push),
      status: (status) => this.#statusChanged(status),
      closed: (code, isUnwelcome) => this.#closed(code, isUnwelcome),
    });
    this.outbox = new Outbox(store, this.#connection);
    this.history = new History(store, this.request);
    this.reading = new Reading(store, this.request);
    this.#pushes = new Pushes(store, this.reading, {
      announce,
      arrived,
      become: (you) => this.#becameOther(you),
      banned: (ban) => this.#end(banSentence(ban)),
      saved: (key) => this.outbox.saved(key),
      opened: (room) => this.#opened(room),
      roomGone: (room, reason, isRemoved) => this.#roomGone(room, reason, isRemoved),
      refreshMembers: (room) => this.#refreshMembers(room),
    });
  }

  /**
   * Sends any request and waits for its answer; what comes too fast is sent again when the server says so.
   * @returns {Promise<any>} the fields of `done`; rejects with `ServerError` or `ConnectionLost`
   */
  request = (type, fields) => this.#connection.patientRequest(type, fields);

  /**
   * Enters with a name, or to an account; rejects with what to tell the person.
   * @param {Credentials} credentials
   * @param {{isNew?: boolean, stays?: boolean}} [how] an account is made; this browser stays signed in
   * @returns {Promise<void>}
   */
  async enter(credentials, { isNew = false, stays = false } = {}) {
    this.#credentials = credentials;
    this.outbox.restore();
    if (stays) await stay(credentials);
    await new Promise((resolve, reject) => {
      this.#entering = stays ? null : { type: isNew ? 'register' : 'hello', resolve, reject };
      this.#connection.start();
      if (stays) resolve();
    });
  }

  /** Whom the server lets in, if it can be asked. */
  entrance() {
    return askEntrance(this.#url);
  }

  /** Goes on where a reload interrupted. @returns {boolean} whether there was anything to go on with */
  resume() {
    const name = staysAs();
    const you = recall('you') ?? (name && { name, guest: false, role: 'member' });
    if (!you?.name || !(recall('token') || name)) return false;
    this.#credentials = { name: you.name };
    this.#store.update((store) => (store.you = you));
    this.outbox.restore();
    this.#connection.start();
    return true;
  }

  /** Says goodbye: a guest's name becomes free, an account's session ends, and nothing of the stay is kept. */
  async signOut() {
    this.#isGoing = true;
    try {
      if (staysAs()) await stayNoLonger();
      else if (!this.#store.you?.guest && this.#connection.isOpen) await this.#revokeOwn();
    } catch {
      // The server can't be reached: the session ends by itself, or from another device.
    }
    this.#end('');
  }

  async #revokeOwn() {
    const { sessions } = await this.#connection.request('sessions');
    const { session } = sessions.find(({ current }) => current);
    await this.#connection.request('revoke', { session });
  }

  #end(reason) {
    forget('rooms', 'current', 'pending', 'drafts');
    this.#stop(reason);
  }

  /** The server knows us no more. What a guest wrote waits in this tab for who enters next, most often with an account. */
  #endUnknown(reason) {
    if (!this.#store.you?.guest) {
      this.#end(reason);
      return;
    }
    this.outbox.giveUp('You were signed out meanwhile.');
    this.#stop(reason);
  }

  #stop(reason) {
    this.#connection.stop();
    this.#isGoing = false;
    this.#credentials = null;
    forget('you', 'token');
    forgetStay();
    this.#store.update((store) => store.reset());
    this.#left(reason);
  }

  /** A guest becomes an account, or gets another name; the rooms stay. @param {'register' | 'hello'} type */
  async become(type, credentials) {
    this.#welcomed(await this.request(type, { ...credentials, label: deviceLabel() }));
  }

  /** Shows a room, joining it first if need be; of several asked for meanwhile, the last one is shown. */
  async open(name) {
    this.#wanted = name;
    if (!this.#store.rooms.has(name)) await this.#join(name, {});
    if (this.#wanted === name) this.#show(name);
  }

  /** Enters a private room. @param {string} invite its code */
  async accept(name, invite) {
    this.#enterWith(await this.request('join', { room: name, invite }));
  }

  /** Talks to somebody alone. */
  async direct(name) {
    this.#enterWith(await this.request('direct', { to: name }));
    await this.#listRooms();
  }

  /** Makes a room and goes there; an existing one is just joined. @param {string} name */
  async create(name, { topic, visibility }) {
    try {
      this.#enterWith(await this.request('create', { room: name, visibility, ...(topic && { topic }) }));
    } catch (error) {
      if (!(error instanceof ServerError && error.code === 'room_exists')) throw error;
      await this.open(name);
    }
  }

  #enterWith(answer) {
    this.#joined(answer, null);
    this.#wanted = answer.room;
    this.#show(answer.room);
  }

  async leave(name) {
    await this.request('leave', { room: name });
    this.#unlist(name, false);
    this.#forgetRoom(name);
  }

  /** @param {string} body @param {number} [replyTo] the number of the message that it answers */
  async send(body, replyTo) {
    const { room } = this.#store;
    this.#typingSentAt = -Infinity;
    this.#store.update(() => (room.divider = 0));
    this.outbox.post(room.name, body, replyTo);
    if (room.later) await this.history.toLatest();
  }

  /** Tells the room, at most every few seconds, that something is being typed. */
  typing() {
    const now = performance.now();
    if (now - this.#typingSentAt < TYPING_INTERVAL || !this.#connection.isOpen) return;
    this.#typingSentAt = now;
    this.#connection.notify('typing', { room: this.#store.current });
  }

  /** Shows a message, wherever it is. */
  async jump(name, seq) {
    await this.open(name);
    if (this.#store.room?.name === name) await this.history.jump(seq);
  }

  /** Edits, deletes or reacts to a message of the room on screen. @param {'edit' | 'delete' | 'react'} type */
  async change(type, fields) {
    try {
      await this.request(type, { room: this.#store.current, ...fields });
    } catch (error) {
      // An earlier try may have arrived without its answer.
      if (!(error instanceof ServerError && error.code === 'already')) throw error;
    }
  }

  async #greet(welcome) {
    this.#store.update((store) => (store.limits = { ...DEFAULT_LIMITS, ...welcome.limits }));
    await this.#arrive(welcome.you);
    const remembered = recall('rooms', [LOBBY]);
    const current = this.#store.current ?? recall('current', LOBBY);
    const names = new Set([current, ...this.#store.rooms.keys(), ...remembered]);
    const listed = this.#listRooms();
    // All at once: the list comes first, and its counts are those of the moment of joining.
    const joins = [...names].filter((name) => remembered.includes(name)).map((name) => this.#rejoin(name));
    await Promise.all([listed, ...joins]);
    if (!this.#store.room) this.#show(this.#store.rooms.keys().next().value ?? null);
    if (this.#store.current === LOBBY && welcome.motd) this.#showMotd(welcome.motd);
  }

  /** Says who we are, unless the cookie has. @param {import('./protocol.js').Member | null} you who that is */
  async #arrive(you) {
    if (you && this.#entering) {
      // Somebody else is signed in here, whom nobody remembers: the one who enters now means to be another.
      this.#isGoing = true;
      await stayNoLonger();
      throw new Error('coming again without the cookie');
    }
    try {
      if (you) this.#welcomed({ you });
      else this.#welcomed(await this.#hello());
    } catch (error) {
      if (error instanceof ServerError) this.#refused(error);
      throw error;
    }
  }

  /** By token, so that we stay the same; a guest by name where the server no longer knows the token. */
  async #hello() {
    if (this.#entering) {
      const label = this.#credentials.password ? { label: deviceLabel() } : {};
      return await this.#connection.request(this.#entering.type, { ...this.#credentials, ...label });
    }
    const token = recall('token');
    try {
      if (token) return await this.#connection.request('hello', { token });
    } catch (error) {
      if (!(error instanceof ServerError) || error.isTemporary) throw error;
    }
    if (!this.#store.you?.guest) throw new ServerError({ code: 'not_authenticated', message: SESSION_OVER });
    return await this.#connection.request('hello', { name: this.#credentials.name });
  }

  #welcomed({ you, token }) {
    this.#credentials = { name: you.name };
    remember('you', you);
    if (token) remember('token', token);
    this.#store.update((store) => (store.you = you));
    this.#entering?.resolve();
    this.#entering = null;
  }

  /** What we may do on the server is another now. */
  #becameOther(you) {
    const { role, name } = this.#store.you;
    remember('you', you);
    this.#store.update((store) => (store.you = you));
    if (you.role !== role && you.name === name) this.#announce(ROLE_WORDS[you.role] ?? '');
  }

  #refused(error) {
    if (this.#entering) {
      const { reject } = this.#entering;
      this.#entering = null;
      this.#connection.stop();
      reject(error);
    } else if (!error.isTemporary) {
      this.#endUnknown(error.message);
    }
  }

  /** @returns {boolean} whether to connect again */
  #closed(code, isUnwelcome) {
    if (this.#isGoing) {
      this.#isGoing = false;
      return this.#entering !== null;
    }
    if (this.#entering) {
      const { reject } = this.#entering;
      this.#entering = null;
      refusalHere(true).then((reason) => reject(new Error(reason ?? 'The server cannot be reached. Please try again in a moment.')));
      return false;
    }
    if (code === 4001) {
      this.#endUnknown(this.#store.you?.guest ? HAS_ACCOUNT : SESSION_OVER);
      return false;
    }
    if (isUnwelcome) this.#checkRefusal();
    return true;
  }

  /** Who is let in no more need not go on trying. */
  async #checkRefusal() {
    const reason = await refusalHere(false);
    if (reason && this.#store.you && !this.#connection.isOpen) this.#end(reason);
  }

  #statusChanged(status) {
    this.#store.update((store) => (store.status = status));
    if (status === 'connected') this.outbox.flush();
  }

  async #listRooms() {
    const { rooms } = await this.request('rooms');
    this.#pushes.take({ type: 'rooms', rooms });
  }

  /** Joins a room again after a reconnect; one that is gone is given up, with a word. */
  async #rejoin(name) {
    const room = this.#store.rooms.get(name);
    try {
      await this.#join(name, room?.joined ? { since: room.seq, rev: room.rev } : {});
    } catch (error) {
      if (!(error instanceof ServerError)) throw error;
      this.#forgetRoom(name);
      this.#announce(`${this.#store.titleOf(name)}: ${error.message}`);
    }
    if (name === (this.#store.current ?? recall('current', LOBBY))) this.#show(name);
  }

  async #join(name, { since, rev }) {
    const fields = { room: name, ...(since !== undefined && { since, rev }) };
    this.#joined(await this.request('join', fields), since ?? null);
  }

  /** @param {import('./protocol.js').Joined} answer */
  #joined(answer, since) {
    this.#store.update((store) => {
      const room = store.roomNamed(answer.room);
      const wasRead = room.unread === 0;
      room.joinedWith(answer, since);
      for (const { key, from } of answer.messages ?? []) {
        if (key && from === store.you.name) this.outbox.saved(key);
      }
      if (store.thread?.room === room.name) this.history.catchUp(answer);
      this.reading.joined(room, since === null);
      if (wasRead && room.unread > 0) room.divider = room.readSeq + 1;
    });
    this.#rememberRooms();
  }

  /** Somebody talks to us alone, or does so again; what they said may be in the answer already. */
  async #opened(name) {
    if (this.#store.rooms.get(name)?.joined) return;
    try {
      await this.#join(name, {});
    } catch {
      return; // They, or we, have gone again.
    }
    const { rooms, you } = this.#store;
    const room = rooms.get(name);
    const newest = room.messages.at(-1);
    const ownSeq = room.messages.findLast(({ from }) => from === you?.name)?.seq ?? 0;
    this.#store.update(() => (room.readSeq = ownSeq));
    await this.#listRooms();
    if (newest?.seq > room.readSeq) this.#arrived(room, newest);
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
      store.thread = null;
    });
    this.#typingSentAt = -Infinity;
    remember('current', name);
  }

  #showMotd(text) {
    const { room } = this.#store;
    if (!room.notices.some((notice) => notice.text === text)) {
      this.#store.update(() => room.note(text, new Date(Date.now()).toISOString()));
    }
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

  #roomGone(name, reason, isRemoved) {
    const title = this.#store.titleOf(name);
    this.#unlist(name, isRemoved);
    if (!this.#store.rooms.has(name)) return;
    this.#forgetRoom(name);
    this.#announce(`${title}: ${reason}`);
  }

  /** A public room that one left can still be seen; one that was removed, or is private, can't. */
  #unlist(name, isRemoved) {
    const summary = this.#store.directory.get(name);
    if (isRemoved || summary?.visibility === 'private') this.#store.directory.delete(name);
    else if (summary) summary.unread = 0;
  }
}

const ROLE_WORDS = {
  op: 'You are an operator of this server now: you keep order in its public rooms, and the settings have more.',
  member: 'You are no longer an operator of this server.',
};
const SESSION_OVER = 'Your session has ended. Please enter again.';
const HAS_ACCOUNT = 'You have an account now: please log in to it. What you were writing here is kept.';
/** Milliseconds between two `typing`. */
const TYPING_INTERVAL = 3_000;
/** Milliseconds for which others are waited for before the members are asked for. */
const WHO_DELAY = 700;
