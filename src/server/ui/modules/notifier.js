/**
 * Notifications of the system for what is said to one while the page is hidden: mentions and direct messages. Without
 * permission, and without being asked for, there are none; the title counts in any case.
 */
import { keep, kept } from './memory.js';
import { mentions } from './mention.js';
import { isDirect } from './protocol.js';

export class Notifier {
  #store;
  #open;
  /** Those on screen, by room: a later one replaces the one before. @type {Map<string, Notification>} */
  #shown = new Map();

  /** @param {import('./store.js').Store} store @param {(room: string) => void} open shows a room */
  constructor(store, open) {
    this.#store = store;
    this.#open = open;
    document.addEventListener('visibilitychange', () => document.hidden || this.#clear());
  }

  get isOn() {
    return this.state === 'on';
  }

  /** @returns {'off' | 'on' | 'denied' | 'missing'} */
  get state() {
    if (!('Notification' in globalThis) || !isSecureContext) return 'missing';
    if (Notification.permission === 'denied') return 'denied';
    return kept(NOTE, false) && Notification.permission === 'granted' ? 'on' : 'off';
  }

  /** Asks for permission where there is none yet. */
  async switchTo(isOn) {
    keep(NOTE, isOn || null);
    if (isOn && Notification.permission === 'default') await Notification.requestPermission();
  }

  /** Somebody else said something just now. */
  arrived(room, { from, body = '' }) {
    if (!document.hidden || !this.isOn) return;
    const isAlone = isDirect(room.name);
    if (!isAlone && !mentions(body, this.#store.you.name)) return;
    const title = isAlone ? from : `${from} in #${room.name}`;
    this.#show(room.name, title, body.slice(0, SHOWN_LEN));
  }

  #show(room, title, body) {
    let notification;
    try {
      notification = new Notification(title, { body, tag: room, icon: '/icon-192.png', renotify: true });
    } catch {
      return; // Some phones allow them to service workers alone; the title still counts.
    }
    notification.onclick = () => {
      globalThis.focus();
      notification.close();
      this.#open(room);
    };
    this.#shown.set(room, notification);
  }

  #clear() {
    for (const notification of this.#shown.values()) notification.close();
    this.#shown.clear();
  }
}

const NOTE = 'notify';
/** UTF-16 units; systems cut longer ones themselves. */
const SHOWN_LEN = 200;
