/** What survives a crash of the server or of the network: everything, once. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { article, countIs, enter, parts, say, stage, textIs, until } from './chinwag.mjs';

const here = stage({ after: afterEach, afterEach, before: beforeEach }, '--drain', '1');

async function bodies(page) {
  return parts(page).articles.locator('.body').allTextContents();
}

test('after a crash pages come back as the same guests and miss nothing', async () => {
  const ada = await here.guest('ada');
  const bob = await here.guest('bob');
  await say(ada, 'one');
  await article(bob, 'one').waitFor();

  await here.server.kill();
  await until(async () => (await parts(ada).status.textContent()) !== 'connected', 'ada to notice');
  await until(async () => (await parts(bob).status.textContent()) !== 'connected', 'bob to notice');
  await say(ada, 'two, written while the server was away');
  await say(ada, 'three, too');
  await countIs(parts(ada).articles, 3);

  await here.server.start();
  for (const page of [ada, bob]) await textIs(parts(page).status, 'connected');
  await article(bob, 'three, too').waitFor();
  await say(bob, 'four');
  await article(ada, 'four').waitFor();
  const expected = ['one', 'two, written while the server was away', 'three, too', 'four'];
  for (const page of [ada, bob]) {
    await until(async () => (await bodies(page)).length === 4, 'four messages');
    assert.deepEqual(await bodies(page), expected);
    await parts(page).members.getByText('ada', { exact: true }).waitFor();
    await parts(page).members.getByText('bob', { exact: true }).waitFor();
  }
});

test('a planned restart is announced and survived', async () => {
  const ada = await here.guest('ada');
  await say(ada, 'before');
  await article(ada, 'before').waitFor();
  await here.server.kill('SIGTERM');
  await here.server.start();
  await textIs(parts(ada).status, 'connected');
  await say(ada, 'after');
  const newcomer = await here.guest('bob');
  await article(newcomer, 'after').waitFor();
  assert.deepEqual(await bodies(newcomer), ['before', 'after']);
});

test('what was said while the network was away is filled in', async () => {
  const wire = new Wire();
  const ada = await here.fresh();
  await wire.tap(ada);
  await ada.reload();
  await enter(ada, 'ada');
  const eve = here.terminal('eve');
  eve.say('first');
  await article(ada, 'first').waitFor();

  wire.cut();
  await until(async () => (await parts(ada).status.textContent()) !== 'connected', 'ada to notice');
  const bob = await here.guest('bob');
  for (const text of ['second', 'third', 'fourth']) eve.say(text);
  await article(bob, 'fourth').waitFor();
  wire.mend();

  await article(ada, 'fourth').waitFor();
  assert.deepEqual(await bodies(ada), ['first', 'second', 'third', 'fourth']);
});

test('a message whose answer was lost is sent again and posted once', async () => {
  const wire = new Wire();
  const ada = await here.fresh();
  await wire.tap(ada);
  await ada.reload();
  await enter(ada, 'ada');
  const bob = await here.guest('bob');

  wire.cutAfter('"send"');
  await say(ada, 'exactly once');
  await article(bob, 'exactly once').waitFor();
  wire.mend();
  await textIs(parts(ada).status, 'connected');
  await say(ada, 'and a second one');
  await article(bob, 'and a second one').waitFor();
  for (const page of [ada, bob]) assert.deepEqual(await bodies(page), ['exactly once', 'and a second one']);
  await countIs(ada.locator('article.sending, article.failed'), 0);
});

/** Stands between a page and the real server, and can be cut. */
class Wire {
  #isCut = false;
  #cutAfter = null;
  #sockets = new Set();

  async tap(page) {
    await page.routeWebSocket(/\/ws$/u, (socket) => {
      if (this.#isCut) {
        socket.close({ code: 1012 });
        return;
      }
      const upstream = socket.connectToServer();
      this.#sockets.add(socket);
      socket.onMessage((message) => {
        upstream.send(message);
        if (!this.#cutAfter || !String(message).includes(this.#cutAfter)) return;
        this.#cutAfter = null;
        // From here on the server still hears the page, and the page hears nothing.
        upstream.onMessage(() => {});
        this.#isCut = true;
        socket.close({ code: 1012 });
      });
    });
  }

  cut() {
    this.#isCut = true;
    for (const socket of this.#sockets) socket.close({ code: 1012 });
    this.#sockets.clear();
  }

  /** Cuts as soon as the page has sent something that contains this. */
  cutAfter(text) {
    this.#cutAfter = text;
  }

  mend() {
    this.#isCut = false;
  }
}
