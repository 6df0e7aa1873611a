/** What the Node scripts send, and how they report. */
import { readFileSync } from 'node:fs';

const CASES = JSON.parse(readFileSync(new URL('cases.json', import.meta.url)));

export const TEXTS = [...CASES.texts, '1 MiB, '.repeat((1024 * 1024) / 7)];
export const BINARIES = CASES.binary_lens.map((len) => Buffer.from(Uint8Array.from({ length: len }, (_, at) => ((at % 1021) * 7) % 251)));
export const FRAGMENTS = CASES.fragments;
export const DEFLATE = CASES.deflate;

/** The parameters of an offer as ws names them. */
export function settingsOf(offer) {
  return {
    serverNoContextTakeover: offer.server_no_context_takeover,
    clientNoContextTakeover: offer.client_no_context_takeover,
    serverMaxWindowBits: offer.server_max_window_bits,
    clientMaxWindowBits: offer.client_max_window_bits,
  };
}

/** The messages of a socket, in order, each awaited. */
export class Inbox {
  #messages = [];
  #wanted = [];

  constructor(socket) {
    socket.on('message', (data, isBinary) => {
      const message = isBinary ? data : data.toString();
      const wanted = this.#wanted.shift();
      if (wanted) wanted.resolve(message);
      else this.#messages.push(message);
    });
    socket.on('close', (code) => this.#wanted.forEach(({ reject }) => reject(new Error(`closed with ${code}`))));
    // What goes wrong is told by the close that follows.
    socket.on('error', () => {});
  }

  async next() {
    if (this.#messages.length > 0) return this.#messages.shift();
    return new Promise((resolve, reject) => this.#wanted.push({ resolve, reject }));
  }
}

/** Runs the cases, and prints a line for each; the process fails if one does. */
export async function report(name, cases) {
  for (const [what, run] of Object.entries(cases)) {
    let timer;
    try {
      const late = new Promise((_, reject) => (timer = setTimeout(() => reject(new Error('no end in 30 s')), 30_000)));
      await Promise.race([run(), late]);
      console.log(`ok      ${name}: ${what}`);
    } catch (error) {
      process.exitCode = 1;
      console.log(`FAILED  ${name}: ${what}\n${error.stack.slice(0, 2000)}`);
    } finally {
      clearTimeout(timer);
    }
  }
  if (process.exitCode) process.exit();
}
