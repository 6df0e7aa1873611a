/** What reaches one who is away, and the page as an application of its own. */
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { article, makeRoom, openRoom, openSettings, parts, say, serveModules, setHidden, stage, until } from './chinwag.mjs';

const here = stage({ after, afterEach, before });

test('who is away is notified of mentions and of words for them alone, and of nothing else', async () => {
  const ada = await here.fresh();
  await ada.addInitScript(watchNotifications);
  await ada.reload();
  await parts(ada).name.fill('ada');
  await parts(ada).enter.click();
  const bob = await here.guest('bob');
  await makeRoom(bob, 'tea');
  await openRoom(bob, 'lobby');
  await openRoom(ada, 'tea');
  await switchOn(ada, 'This browser notifies you.');

  await say(bob, 'hello @ada, while you look');
  await until(() => ada.getByText('1 unread').isVisible(), 'the mark');
  await setHidden(ada, true);
  await say(bob, 'of adamant will, not @adamant');
  await say(bob, 'is @ADA here?');
  await parts(bob).members.getByRole('button', { name: /^ada/u }).click();
  await bob.getByRole('menuitem', { name: 'Talk alone' }).click();
  await bob.getByRole('heading', { name: 'ada', level: 1 }).waitFor();
  await say(bob, 'just you');
  await until(async () => (await notified(ada)).length === 2, 'two notifications');
  assert.deepEqual(await notified(ada), [
    { title: 'bob in #lobby', body: 'is @ADA here?', isClosed: false },
    { title: 'bob', body: 'just you', isClosed: false },
  ]);
  await until(async () => /^\(4\) #tea/u.test(await ada.title()), 'the count');

  // A click leads there, and coming back takes the others away.
  await ada.evaluate(() => globalThis.notified[0].onclick());
  await ada.getByRole('heading', { name: 'lobby', level: 1 }).waitFor();
  await setHidden(ada, false);
  await until(async () => (await notified(ada)).every(({ isClosed }) => isClosed), 'closed notifications');
  await until(async () => /^\(1\) /u.test(await ada.title()), 'what is unread still');
});

test('without permission nothing is asked for, nothing is shown, and the title counts', async () => {
  const ada = await here.fresh();
  await ada.addInitScript(watchNotifications, 'denied');
  await ada.reload();
  await parts(ada).name.fill('grace');
  await parts(ada).enter.click();
  const bob = await here.guest('bob');
  await setHidden(ada, true);
  await say(bob, '@grace?');
  await article(ada, '@grace?').waitFor();
  await until(async () => /^\(1\) #lobby/u.test(await ada.title()), 'the count');
  assert.ok(await article(ada, '@grace?').evaluate((element) => element.classList.contains('mention')));
  assert.deepEqual(await notified(ada), []);
  assert.equal(await ada.evaluate(() => globalThis.asked), 0);
  await switchOn(ada, 'Your browser blocks notifications');
});

test('a name is mentioned as a whole word, in any case, in any script', async () => {
  const page = await here.fresh();
  await serveModules(page);
  const wrong = await page.evaluate(async (cases) => {
    const { mentions } = await import('/modules/mention.js');
    return cases.filter(([body, name, expected]) => mentions(body, name) !== expected);
  }, MENTIONS);
  assert.deepEqual(wrong, []);
});

test('the page can be installed', async () => {
  const page = await here.fresh();
  const devtools = await page.context().newCDPSession(page);
  assert.deepEqual(await obstacles(devtools), []);
  const { url, errors } = await devtools.send('Page.getAppManifest');
  assert.deepEqual(errors, []);
  const manifest = await (await fetch(url)).json();
  for (const { src, sizes, type } of manifest.icons) {
    const response = await fetch(new URL(src, url));
    assert.equal(response.headers.get('content-type'), type, src);
    const bytes = Buffer.from(await response.arrayBuffer());
    if (type === 'image/png') assert.equal(`${bytes.readUInt32BE(16)}x${bytes.readUInt32BE(20)}`, sizes, src);
  }
});

test('what stands in the way of installing is noticed', async () => {
  const page = await here.fresh();
  await page.goto('about:blank');
  assert.notDeepEqual(await obstacles(await page.context().newCDPSession(page)), []);
});

/** Why Chromium would not install the page; that of the tests has no profile to install it in. */
async function obstacles(devtools) {
  const { installabilityErrors } = await devtools.send('Page.getInstallabilityErrors');
  return installabilityErrors.filter(({ errorId }) => errorId !== 'in-incognito');
}

const MENTIONS = [
  ['@ada', 'ada', true],
  ['hi @Ada, and bye', 'ada', true],
  ['(@ada)', 'ada', true],
  ['@ada.', 'ada', true],
  ['@ada: look', 'ada', true],
  ['ada', 'ada', false],
  ['@adam', 'ada', false],
  ['x@ada', 'ada', false],
  ['@ada.b', 'ada', false],
  ['@ada.b and @ada', 'ada', true],
  ['@ada-b', 'ada', false],
  ['@Straße', 'STRASSE', true],
  ['@ΣΊΣΥΦΟΣ', 'σίσυφος', true],
  ['@Bob Tanner?', 'Bob Tanner', true],
  ['@Bob', 'Bob Tanner', false],
  ['@李雷 来', '李雷', true],
  ['', 'ada', false],
];

/** Takes note of notifications in place of showing them: a headless browser has nowhere to. */
function watchNotifications(permission = 'default') {
  globalThis.notified = [];
  globalThis.asked = 0;
  globalThis.Notification = class {
    static permission = permission;

    static async requestPermission() {
      globalThis.asked += 1;
      return (this.permission = 'granted');
    }

    constructor(title, { body }) {
      Object.assign(this, { title, body, isClosed: false });
      globalThis.notified.push(this);
    }

    close() {
      this.isClosed = true;
    }
  };
}

function notified(page) {
  return page.evaluate(() => globalThis.notified.map(({ title, body, isClosed }) => ({ title, body, isClosed })));
}

/** Switches notifications on in the settings, which say what came of it. */
async function switchOn(page, outcome) {
  await openSettings(page);
  const box = page.getByRole('switch', { name: /Notify me/u });
  await box.click();
  await page.getByRole('region', { name: 'Notifications' }).getByRole('status').filter({ hasText: outcome }).waitFor();
  await page.keyboard.press('Escape');
}
