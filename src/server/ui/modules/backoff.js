/**
 * How long to wait before the next attempt: exponential, with full jitter.
 *
 * Full jitter, because a server that restarts is met by all its clients at once, and only a delay drawn from
 * the whole interval spreads them evenly.
 */
export class Backoff {
  #attempt = 0;
  #floor = 0;

  /**
   * @param {{base?: number, cap?: number, random?: () => number}} [options] milliseconds; `random` is in [0, 1)
   */
  constructor({ base = 500, cap = 15_000, random = Math.random } = {}) {
    this.base = base;
    this.cap = cap;
    this.random = random;
  }

  /** The next delay in milliseconds; each call counts as an attempt. */
  next() {
    const ceiling = Math.min(this.cap, this.base * 2 ** Math.min(this.#attempt, 20));
    this.#attempt += 1;
    const delay = this.#floor + Math.floor(this.random() * ceiling);
    this.#floor = 0;
    return delay;
  }

  /** The server asked to be left alone for so long: the next delay is not shorter. */
  atLeast(milliseconds) {
    this.#floor = Math.max(this.#floor, Math.min(milliseconds, MAX_FLOOR));
  }

  /** An attempt succeeded: start again from short delays. */
  reset() {
    this.#attempt = 0;
    this.#floor = 0;
  }
}

/** No server keeps a page waiting for longer than five minutes, whatever it says. */
const MAX_FLOOR = 300_000;
