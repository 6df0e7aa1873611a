/** What the server says without being asked, and what it changes on the page. */
import { remember } from './memory.js';

/**
 * @typedef {object} Told what a push leads to beyond the store
 * @property {(key: string) => void} saved an own message was seen in its room
 * @property {(room: string) => void} opened somebody talks to us alone
 * @property {(room: string, reason: string, isRemoved: boolean) => void} roomGone we are out of it, or there is none any more
 * @property {(ban: {until?: string, reason?: string}) => void} banned we are kept out of the whole server
 * @property {(room: import('./room.js').Room) => void} refreshMembers its members have to be asked for
 * @property {(room: import('./room.js').Room, message: import('./protocol.js').Message) => void} arrived
 * @property {(text: string) => void} announce
 */

export class Pushes {
  #store;
  #reading;
  #told;

  /** @param {import('./store.js').Store} store @param {import('./reading.js').Reading} reading @param {Told} told */
  constructor(store, reading, told) {
    this.#store = store;
    this.#reading = reading;
    this.#told = told;
  }

  /** @param {import('./protocol.js').Push} push */
  take(push) {
    this.#store.update((store) => this.#take(push, store, store.rooms.get(push.room)));
  }

  #take(push, store, room) {
    switch (push.type) {
      case 'message':
        if (push.key && push.from === store.you?.name) this.#told.saved(push.key);
        if (room) this.#said(room, withoutEnvelope(push));
        store.thread?.said(push.room, withoutEnvelope(push));
        break;
      case 'edited':
      case 'deleted':
      case 'reaction':
        room?.changed(push);
        store.thread?.changed(push);
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
        if (push.state === 'removed') this.#told.roomGone(push.room, 'was removed', true);
        else if (!store.directory.has(push.room)) store.directory.set(push.room, summary(push));
        break;
      case 'read':
        this.#reading.elsewhere(push);
        break;
      case 'unread':
        this.#reading.unread(push);
        break;
      case 'opened': // What is said there comes without joining; joining tells what was said before.
        this.#told.opened(push.room);
        break;
      case 'removed':
        this.#told.roomGone(push.room, push.reason || 'you were removed', false);
        break;
      case 'rooms':
        store.directory = new Map(push.rooms.map((item) => [item.name, item]));
        this.#reading.listed();
        break;
      case 'notice':
        this.#noticed(push, room);
        break;
      case 'banned':
        this.#told.banned(push);
        break;
      case 'shutdown':
        this.#told.announce('The server is restarting. You will be connected again by yourself.');
        break;
      default: // A newer server's push: ignoring it is what the protocol asks for.
    }
  }

  #said(room, message) {
    if (!room.add(message)) return;
    if (message.from === this.#store.you?.name) room.read(message.seq);
    else this.#told.arrived(room, message);
    const isSeen = room.name === this.#store.current && room.isAtEnd && !document.hidden;
    if (isSeen) this.#reading.seen();
    else if (room.unread === 1) room.divider = message.seq;
  }

  /** Words about a room stand in it; who changed what there may do more now, or less. */
  #noticed({ text, ...rules }, room) {
    if (!room) {
      this.#told.announce(text);
      return;
    }
    room.ruled(rules);
    room.note(text, now());
    this.#told.refreshMembers(room);
  }

  #present(push, store, room) {
    if (push.name === store.you?.name && push.state === 'renamed' && push.to) {
      store.you = { ...store.you, name: push.to };
      remember('you', store.you);
    }
    if (!room || (push.name === store.you?.name && push.state === 'joined')) return;
    // Who has an account and is not there may belong to the room or not: the list tells.
    const mayBelong = push.state === 'left' && room.member(push.name)?.guest === false;
    room.present(push, now());
    // In small rooms asking for it is cheap.
    if (mayBelong && room.memberCount <= SMALL_ROOM) this.#told.refreshMembers(room);
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

/** Milliseconds for which typing is shown: a little longer than it is sent, so that it does not flicker. */
const TYPING_SHOWN = 5_000;
/** Members up to which someone's going is followed by a `who`. */
const SMALL_ROOM = 50;
