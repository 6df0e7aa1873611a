/**
 * One lasting conversation with the server over WebSockets that come and go.
 *
 *     idle ─start→ connecting ─welcome→ greeting ─greeted→ open
 *                      ↑ ↓ failed          ↓ lost            ↓ lost
 *                    waiting ←─────────────┴─────────────────┘        stop → idle, from anywhere
 *
 * Requests are promises that end in exactly one way: the answer, a `ServerError`, or `ConnectionLost`.
 */
import { Backoff } from './backoff.js';
import { ConnectionLost, SUBPROTOCOL, ServerError } from './protocol.js';

/**
 * @typedef {object} Handlers
 * @property {(welcome: object) => Promise<void>} greet says who we are and where we were; the connection counts
 *   as `connected` once this is done, and is tried again when it fails
 * @property {(push: import('./protocol.js').Push) => void} push
 * @property {(status: 'connected' | 'reconnecting' | 'offline') => void} status
 * @property {(code: number, isUnwelcome: boolean) => boolean} closed told the close code, and whether the server had not
 *   said a word; `false`: do not connect again
 */

export class Connection {
  #handlers;
  #url;
  #backoff;
  /** @type {'idle' | 'connecting' | 'greeting' | 'open' | 'waiting'} */
  #state = 'idle';
  /** @type {WebSocket | null} */
  #socket = null;
  /** @type {Map<number, {resolve: Function, reject: Function, timer: number}>} */
  #requests = new Map();
  #nextId = 1;
  #timer = 0;
  #idleTimer = 0;
  #downSince = 0;

  /** @param {string} url @param {Handlers} handlers @param {Backoff} [backoff] */
  constructor(url, handlers, backoff = new Backoff()) {
    this.#url = url;
    this.#handlers = handlers;
    this.#backoff = backoff;
    globalThis.addEventListener('online', () => this.#networkChanged());
    globalThis.addEventListener('offline', () => this.#networkChanged());
  }

  start() {
    if (this.#state !== 'idle') return;
    this.#downSince = performance.now();
    this.#backoff.reset();
    this.#connect();
  }

  /** Closes for good; open requests end as lost. */
  stop() {
    this.#enter('idle');
    this.#dropSocket(1000);
  }

  /** Whether a request made now would reach a server that knows us. */
  get isOpen() {
    return this.#state === 'open' && this.#canSend();
  }

  /**
   * Sends a request and waits for its answer.
   * @param {string} type @param {object} [fields]
   * @returns {Promise<any>} the fields of `done`; rejects with `ServerError` or `ConnectionLost`
   */
  request(type, fields = {}) {
    return new Promise((resolve, reject) => {
      if (!this.#canSend()) {
        reject(new ConnectionLost());
        return;
      }
      const id = this.#nextId++;
      const timer = setTimeout(() => this.#lost(), ANSWER_TIMEOUT);
      this.#requests.set(id, { resolve, reject, timer });
      this.#socket.send(JSON.stringify({ type, id, ...fields }));
    });
  }

  /**
   * As `request`, but an answer of `rate_limited` or `busy` is waited out, as long as the connection lasts, and unless
   * it takes longer than anybody would look at the page for it.
   */
  async patientRequest(type, fields) {
    const socket = this.#socket;
    for (;;) {
      if (socket !== this.#socket) throw new ConnectionLost();
      try {
        return await this.request(type, fields);
      } catch (error) {
        if (!(error instanceof ServerError && error.isTemporary && error.patience <= MAX_PATIENCE)) throw error;
        await new Promise((resolve) => setTimeout(resolve, error.patience));
      }
    }
  }

  /** Sends something that has no answer; silently nothing when there is no connection. */
  notify(type, fields) {
    if (this.#canSend()) this.#socket.send(JSON.stringify({ type, ...fields }));
  }

  #canSend() {
    return (this.#state === 'open' || this.#state === 'greeting') && this.#socket?.readyState === WebSocket.OPEN;
  }

  #connect() {
    this.#enter('connecting');
    const socket = new WebSocket(this.#url, SUBPROTOCOL);
    this.#socket = socket;
    this.#timer = setTimeout(() => this.#lost(), CONNECT_TIMEOUT);
    // A replaced socket may still report: only the current one is listened to.
    socket.onmessage = (event) => socket === this.#socket && this.#received(event.data);
    socket.onclose = (event) => socket === this.#socket && this.#lost(event.code);
  }

  #received(data) {
    let push;
    try {
      push = JSON.parse(data);
    } catch {
      return; // Not our protocol: nothing sensible can be done with it.
    }
    this.#restartIdleTimer();
    if (push.re !== undefined) this.#answered(push);
    else if (push.type === 'welcome' && this.#state === 'connecting') this.#greet(push);
    else {
      if (push.type === 'shutdown') this.#backoff.atLeast(Number(push.retry_after_ms) || 0);
      this.#handlers.push(push);
    }
  }

  #answered(answer) {
    const request = this.#requests.get(answer.re);
    if (!request) return;
    this.#requests.delete(answer.re);
    clearTimeout(request.timer);
    if (answer.type === 'done') request.resolve(answer);
    else request.reject(new ServerError(answer));
  }

  async #greet(welcome) {
    const socket = this.#socket;
    clearTimeout(this.#timer);
    this.#enter('greeting');
    try {
      await this.#handlers.greet(welcome);
    } catch (error) {
      if (socket !== this.#socket) return; // Lost or stopped meanwhile, and handled there.
      if (error instanceof ServerError) this.#backoff.atLeast(error.retryAfter ?? 0);
      this.#lost();
      return;
    }
    if (socket !== this.#socket) return;
    this.#backoff.reset();
    this.#enter('open');
    this.#restartIdleTimer();
  }

  /** The socket is of no use any more, whoever noticed first. */
  #lost(code = 1006) {
    if (this.#state === 'idle') return;
    if (this.#state === 'open') this.#downSince = performance.now();
    const isUnwelcome = this.#state === 'connecting';
    this.#enter('waiting');
    this.#dropSocket(1000);
    if (!this.#handlers.closed(code, isUnwelcome)) {
      this.stop();
      return;
    }
    if (code === 1008 || code === 1013) this.#backoff.atLeast(REFUSED_DELAY);
    this.#timer = setTimeout(() => this.#connect(), this.#backoff.next());
  }

  #dropSocket(code) {
    const socket = this.#socket;
    this.#socket = null;
    clearTimeout(this.#idleTimer);
    const requests = [...this.#requests.values()];
    this.#requests.clear();
    for (const { reject, timer } of requests) {
      clearTimeout(timer);
      reject(new ConnectionLost());
    }
    socket?.close(code);
  }

  #enter(state) {
    this.#state = state;
    if (state !== 'connecting') clearTimeout(this.#timer);
    this.#reportStatus();
  }

  #reportStatus() {
    if (this.#state === 'idle') return;
    if (!navigator.onLine) this.#handlers.status('offline');
    else if (this.#state === 'open') this.#handlers.status('connected');
    else if (performance.now() - this.#downSince > OFFLINE_AFTER) this.#handlers.status('offline');
    else this.#handlers.status('reconnecting');
  }

  #networkChanged() {
    if (this.#state === 'idle') return;
    this.#reportStatus();
    if (this.#state === 'waiting' && navigator.onLine) {
      clearTimeout(this.#timer);
      this.#downSince = performance.now();
      this.#connect();
    } else if (this.#state === 'open') {
      this.#probe();
    }
  }

  /** Browsers cannot ping: after a silence, a cheap request shows whether anybody is still there. */
  #restartIdleTimer() {
    clearTimeout(this.#idleTimer);
    if (this.#state === 'open') this.#idleTimer = setTimeout(() => this.#probe(), PROBE_AFTER);
  }

  #probe() {
    const socket = this.#socket;
    const timer = setTimeout(() => socket === this.#socket && this.#lost(), PROBE_TIMEOUT);
    this.request('rooms').then(
      (answer) => this.#handlers.push({ ...answer, type: 'rooms', re: undefined }),
      () => {},
    ).finally(() => clearTimeout(timer));
  }
}

/** Milliseconds from the first byte to `welcome`; the server itself allows 10 s for a handshake. */
const CONNECT_TIMEOUT = 12_000;
/** An answer that takes longer is not coming: the connection is dead or stuck. */
const ANSWER_TIMEOUT = 30_000;
/** Silence after which the server is asked for a sign of life, and how long that may take. */
const PROBE_AFTER = 45_000;
const PROBE_TIMEOUT = 10_000;
/** Failing for so long is no hiccup any more: people should know. */
const OFFLINE_AFTER = 30_000;
/** After a close that says "not you" or "not now". */
const REFUSED_DELAY = 5_000;
/** What takes longer is refused to the one who asked. */
const MAX_PATIENCE = 30_000;
