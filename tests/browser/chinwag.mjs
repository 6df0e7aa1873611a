/**
 * What the browser tests stand on: a chinwag process of one's own, pages that report every misdeed, and `nc`.
 *
 * `CHINWAG_BIN` names the binary; without it, the debug build of this repository.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

export const BINARY = process.env.CHINWAG_BIN ?? fileURLToPath(new URL('../../target/debug/chinwag', import.meta.url));
const CHROMIUM = process.env.CHROMIUM_BIN ?? '/usr/bin/chromium';

// Whoever ends this process early, as the runner does with a file that takes too long, ends all that it started.
for (const [signal, number] of [['SIGHUP', 1], ['SIGTERM', 15]]) process.once(signal, () => process.exit(128 + number));

/** A server on free ports, with a data directory that lives as long as it. */
export class Server {
  #child = null;
  #dataDir = mkdtempSync(join(tmpdir(), 'chinwag-browser-'));
  #stderr = '';
  #listen = '127.0.0.1:0';
  #lineListen = '127.0.0.1:0';
  /** A test has ended it, for good or to start it again. */
  hasEnded = false;
  #endNow = () => {
    this.#child?.kill('SIGKILL');
    rmSync(this.#dataDir, { recursive: true, force: true });
  };

  static async start(...flags) {
    const server = new Server();
    process.once('exit', server.#endNow);
    server.flags = flags;
    await server.start();
    return server;
  }

  /** Starts the process; a second time, on the ports that it had. */
  async start() {
    const child = spawn(
      BINARY,
      ['serve', '--listen', this.#listen, '--line-listen', this.#lineListen, '--admin-listen', 'off', '--data-dir', this.#dataDir, ...this.flags],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    this.#child = child;
    this.#stderr = '';
    await new Promise((resolve, reject) => {
      const ended = (code) => reject(new Error(`chinwag ended with ${code}: ${this.#stderr}`));
      child.once('error', reject);
      child.once('exit', ended);
      child.stderr.on('data', (data) => {
        this.#stderr += data;
        const web = /chinwag: web on http:\/\/(\S+)/u.exec(this.#stderr)?.[1];
        const lines = /chinwag: lines on (\S+)/u.exec(this.#stderr)?.[1];
        if (!web || !lines) return;
        this.#listen = web;
        this.#lineListen = lines;
        child.off('exit', ended);
        resolve();
      });
    });
  }

  get url() {
    return `http://${this.#listen}/`;
  }

  /** Adds an account from outside, as whoever runs the server can; with `--admin` it owns the server. */
  async addUser(name, ...flags) {
    const child = spawn(BINARY, ['user', 'add', name, ...flags, '--data-dir', this.#dataDir], { stdio: ['pipe', 'ignore', 'inherit'] });
    child.stdin.end(`${PASSWORD}\n`);
    const code = await new Promise((resolve) => child.once('exit', resolve));
    if (code !== 0) throw new Error(`user add ended with ${code}`);
  }

  /** The one-time link of a server that nobody owns. */
  get claim() {
    return /\S+\/claim\/\S+/u.exec(this.#stderr)?.[0];
  }

  get linePort() {
    return this.#lineListen.split(':').at(-1);
  }

  /** SIGKILL by default: as a crash would. */
  async kill(signal = 'SIGKILL') {
    const child = this.#child;
    if (child.exitCode !== null || child.signalCode !== null) return;
    this.hasEnded = true;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await ended;
  }

  async stop() {
    await this.kill();
    process.off('exit', this.#endNow);
    rmSync(this.#dataDir, { recursive: true, force: true });
  }
}

/** A real netcat in line mode. */
export class Netcat {
  #child;
  #waiting = [];
  output = '';

  constructor(port) {
    this.#child = spawn('nc', ['127.0.0.1', port], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#child.stdout.setEncoding('utf8').on('data', (data) => {
      this.output += data;
      this.#waiting = this.#waiting.filter((isDone) => !isDone());
    });
  }

  say(line) {
    this.#child.stdin.write(`${line}\n`);
  }

  /** Resolves once the output contains `text`; the test's own time limit ends a vain wait. */
  sees(text) {
    return new Promise((resolve) => {
      const isDone = () => this.output.includes(text) && (resolve(), true);
      if (!isDone()) this.#waiting.push(isDone);
    });
  }

  /** Closes its side, as Ctrl+C would, and waits until it has ended. */
  async end() {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill();
    await ended;
  }
}

export function launch() {
  return chromium.launch({
    executablePath: CHROMIUM,
    // It would end the browser and leave this process waiting.
    handleSIGHUP: false,
    handleSIGTERM: false,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

/**
 * A page of its own (own cookies, own storage) that notes what no page of ours may do: script errors, console
 * errors, violations of the policy, requests that leave the origin, dialogs that foreign script could open.
 */
export async function newPage(browser, server, options = {}) {
  const context = await browser.newContext({ locale: 'en-GB', timezoneId: 'UTC', viewport: { width: 1280, height: 800 }, ...options });
  const page = await context.newPage();
  const misdeeds = [];
  const note = (what) => misdeeds.push(what);
  page.misdeeds = misdeeds;
  page.on('pageerror', (error) => note(`script error: ${error.stack}`));
  page.on('console', (message) => {
    const isExpected = IS_REFUSED.test(message.text()) || (server.hasEnded && IS_ENDING.test(message.text()));
    if (message.type() === 'error' && !isExpected) note(`console: ${message.text()}`);
  });
  page.on('dialog', (dialog) => {
    note(`dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  const origin = new URL(server.url).host;
  const check = (url) => {
    if (!/^data:/u.test(url) && new URL(url).host !== origin) note(`request to ${url}`);
  };
  context.on('request', (request) => check(request.url()));
  page.on('websocket', (socket) => check(socket.url()));
  await page.exposeFunction('noteViolation', (text) => note(`policy: ${text}`));
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => {
      globalThis.noteViolation(`${event.effectiveDirective} ${event.blockedURI} ${event.sample}`);
    });
  });
  await page.goto(server.url);
  return page;
}

/** A server that is down, or lets nobody in, is a test's doing, and Chromium reports it as an error of the page. */
const IS_REFUSED = /^WebSocket connection to .* failed|net::ERR_CONNECTION_REFUSED|the server responded with a status of 403/u;

/** What whoever asks just when the server ends may get, beside that. */
const IS_ENDING = /net::ERR_(?:CONNECTION_(?:RESET|CLOSED)|EMPTY_RESPONSE)|the server responded with a status of 503/u;

/** Has a page that imports a single module get it: the server sends them joined. */
export function serveModules(page) {
  return page.route('**/modules/**/*.js', (route) => {
    const path = fileURLToPath(new URL(`../../src/server/ui${new URL(route.request().url()).pathname}`, import.meta.url));
    return route.fulfill({ path, contentType: 'text/javascript' });
  });
}

/** The parts of the page, by accessible role, as screen readers know them. */
export function parts(page) {
  return {
    name: page.getByRole('textbox', { name: 'Name' }),
    password: page.getByLabel('Password'),
    enter: page.getByRole('button', { name: 'Enter' }),
    rooms: page.getByRole('list', { name: 'Rooms' }),
    room: (name) => page.getByRole('list', { name: 'Rooms' }).getByRole('button', { name }),
    log: page.getByRole('log', { name: 'Messages' }),
    articles: page.getByRole('log', { name: 'Messages' }).getByRole('article'),
    message: page.getByRole('textbox', { name: 'Message' }),
    send: page.getByRole('button', { name: 'Send' }),
    members: page.getByRole('list', { name: 'Members' }),
    search: page.getByRole('searchbox', { name: 'Search' }),
    status: page.getByRole('status', { name: 'Connection' }),
  };
}

/** Enters under a name and waits until the lobby is there. */
export async function enter(page, name) {
  const { name: box, enter: button, status } = parts(page);
  await box.fill(name);
  await button.click();
  await textIs(status, 'connected');
  return parts(page);
}

/** Makes an account and enters with it. */
export async function register(page, name, password = PASSWORD) {
  const { name: box, password: secret, status } = parts(page);
  await page.getByRole('button', { name: 'Create an account' }).click();
  await box.fill(name);
  await secret.fill(password);
  await page.getByRole('button', { name: 'Create account' }).click();
  await textIs(status, 'connected');
  return parts(page);
}

/** Enters an account that there is. */
export async function logIn(page, name, password = PASSWORD) {
  const { name: box, password: secret, enter: button, status } = parts(page);
  await box.fill(name);
  await secret.fill(password);
  await button.click();
  await textIs(status, 'connected');
  return parts(page);
}

/** As if another tab, or another window, were before this page; or none any more. */
export function setHidden(page, isHidden) {
  return page.evaluate((hidden) => {
    Object.defineProperty(document, 'hidden', { configurable: true, get: () => hidden });
    Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => (hidden ? 'hidden' : 'visible') });
    document.dispatchEvent(new Event('visibilitychange'));
  }, isHidden);
}

export const PASSWORD = 'correct horse battery';

/** Makes a room by the dialog and waits until it is on screen. */
export async function makeRoom(page, name, { isPrivate = false, topic = '' } = {}) {
  await page.getByRole('button', { name: 'New room' }).click();
  await page.getByRole('textbox', { name: 'Room name' }).fill(name);
  await page.getByRole('textbox', { name: 'Topic' }).fill(topic);
  if (isPrivate) await page.getByRole('checkbox', { name: 'Private' }).check();
  await page.getByRole('button', { name: 'Create room' }).click();
  await page.getByRole('heading', { name, level: 1 }).waitFor();
}

/** Opens a room by its entry in the list and waits until it is on screen. */
export async function openRoom(page, name) {
  await parts(page).room(name).click();
  await page.getByRole('heading', { name, level: 1 }).waitFor();
}

/** Writes a message and sends it with the Enter key. */
export async function say(page, text) {
  const { message } = parts(page);
  await message.fill(text);
  await message.press('Enter');
}

/** The article that contains a text. */
export function article(page, text) {
  return parts(page).articles.filter({ hasText: text });
}

/** A page as small as a phone's. */
export const PHONE = { viewport: { width: 360, height: 740 } };

/**
 * What each file of tests begins with: a server, a browser, and people whose pages must not have done wrong when a
 * test ends. `before` and `after` may be those of each test: then each has a server of its own.
 */
export function stage({ after, afterEach, before }, ...flags) {
  const here = { server: null, browser: null, pages: [] };
  const netcats = [];
  const misdeeds = [];
  before(async () => {
    here.server = await Server.start(...flags);
    here.browser = await launch();
  });
  afterEach(async () => {
    misdeeds.push(...here.pages.flatMap((page) => page.misdeeds));
    const ends = [...here.pages.splice(0).map((page) => page.context().close()), ...netcats.splice(0).map((netcat) => netcat.end())];
    const failures = (await Promise.allSettled(ends)).filter(({ status }) => status === 'rejected');
    misdeeds.push(...failures.map(({ reason }) => String(reason)));
  });
  after(async () => {
    await here.browser?.close().catch((error) => misdeeds.push(String(error)));
    await here.server?.stop();
  });
  // Behind what must end: after a hook that failed, no other is called.
  afterEach(() => assert.deepEqual(misdeeds.splice(0), []));
  /** A page that nobody has entered yet. */
  here.fresh = async (options) => {
    const page = await newPage(here.browser, here.server, options);
    here.pages.push(page);
    return page;
  };
  here.guest = async (name, options) => {
    const page = await here.fresh(options);
    await enter(page, name);
    return page;
  };
  /** Somebody with an account, which is made. */
  here.member = async (name, options) => {
    const page = await here.fresh(options);
    await register(page, name);
    return page;
  };
  /** Somebody in line mode. */
  here.terminal = (name) => {
    const netcat = new Netcat(here.server.linePort);
    netcats.push(netcat);
    netcat.say(`--name: ${name}`);
    return netcat;
  };
  return here;
}

/** Opens the dialog in which one looks after oneself and the server. */
export async function openSettings(page) {
  await page.getByRole('button', { name: 'Settings' }).click();
  await page.getByRole('dialog', { name: 'Settings' }).waitFor();
}

/** A part of a dialog. */
export function section(page, name) {
  return page.getByRole('region', { name });
}

/** Opens what can be done about somebody in the room, and chooses. */
export async function choose(page, name, item) {
  await parts(page).members.getByRole('button', { name: new RegExp(`^${name}`, 'u') }).click();
  await page.getByRole('menuitem', { name: item, exact: true }).click();
}

/** What the menu about somebody in the room has. */
export async function offered(page, name) {
  await parts(page).members.getByRole('button', { name: new RegExp(`^${name}`, 'u') }).click();
  await page.getByRole('menu').waitFor();
  const items = await page.getByRole('menuitem').allTextContents();
  await page.keyboard.press('Escape');
  return items;
}

/** Nothing sticks out sideways: of the page, of what is open over it, of what scrolls. */
export async function fits(page) {
  const wide = await page.evaluate(async () => {
    const all = [...document.querySelectorAll('html, body, .card, #log, #main, .panel.open, .panel.open ul, .results-panel, .menu, dialog[open], .modal-body')];
    // A drawer that slides in is outside for a moment.
    await Promise.all(all.flatMap((element) => element.getAnimations().map((animation) => animation.finished)));
    return all
      .filter((element) => element.scrollWidth > element.clientWidth + 1 || element.getBoundingClientRect().right > innerWidth + 1)
      .map((element) => `${element.id || element.className || element.localName}: ${element.scrollWidth} > ${element.clientWidth}`);
  });
  assert.deepEqual(wide, []);
}

/** Waits until the element's whole text is this. */
export function textIs(locator, text) {
  return until(async () => (await locator.textContent()) === text, `text “${text}”`);
}

/** Waits until so many elements match. */
export function countIs(locator, count) {
  return until(async () => (await locator.count()) === count, async () => `${count} elements, there are ${await locator.count()}`);
}

/** Waits for something that is on its way, by looking again at each turn of the page. */
export async function until(isTrue, what, timeout = 20_000) {
  const end = Date.now() + timeout;
  while (!(await isTrue())) {
    if (Date.now() > end) throw new Error(`waited in vain for ${typeof what === 'function' ? await what() : what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
