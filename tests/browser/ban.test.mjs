/** Kept out of the whole server: said in a sentence that stays, and nothing is tried any more. */
import assert from 'node:assert/strict';
import { createServer, connect } from 'node:net';
import { after, afterEach, before, test } from 'node:test';
import { PASSWORD, choose, enter, logIn, newPage, openSettings, parts, register, section, stage, until } from './chinwag.mjs';

const here = stage({ after, afterEach, before }, '--registration', 'open', '--trusted-proxy', '127.0.0.1', '--proxy-protocol');
const doors = [];

after(() => doors.forEach((door) => door.close()));

test('whoever is banned by name reads until when and why, for as long as they like, and the page stays away', async () => {
  const root = await owner('root');
  const mallory = await at('203.0.113.7');
  await register(mallory, 'mallory');
  const connections = counted(mallory);
  await choose(root, 'mallory', 'Ban from the server…');
  const dialog = root.getByRole('dialog', { name: 'Ban mallory from the server' });
  await dialog.getByLabel('How long').selectOption('for a day');
  await dialog.getByLabel('Reason').fill('spam');
  await dialog.getByRole('button', { name: 'Ban from the server' }).click();
  const sentence = mallory.getByRole('alert').filter({ hasText: /^You are banned from this server until .*\. The reason given: “.spam.”\. If you think/u });
  await sentence.waitFor();
  await parts(mallory).name.waitFor();
  assert.equal(connections.count, 0);

  // Neither the network's coming and going nor time changes it.
  await mallory.evaluate(() => globalThis.dispatchEvent(new Event('online')));
  await mallory.clock.install();
  await mallory.clock.fastForward('10:00');
  assert.ok(await sentence.isVisible());
  assert.equal(connections.count, 0);

  await mallory.reload();
  await parts(mallory).name.fill('mallory');
  await parts(mallory).password.fill(PASSWORD);
  await parts(mallory).enter.click();
  await mallory.getByRole('alert').filter({ hasText: /^You are banned from this server until /u }).waitFor();
});

test('an open page learns that its address is banned, though scripts are not told of a 403', async () => {
  const root = await owner('grace');
  const eve = await at('203.0.113.8');
  await enter(eve, 'eve');
  const away = await at('203.0.113.9');
  await enter(away, 'away');
  const newcomer = await at('203.0.113.10');
  await cutOff(away);
  const connections = counted(eve);

  await openSettings(root);
  const bans = section(root, 'Bans from the server');
  await bans.getByLabel('Name, address or range').fill('203.0.113.0/24');
  await bans.getByLabel('Reason').fill('flood');
  await bans.getByRole('button', { name: 'Ban from the server' }).click();
  await eve.getByRole('alert').filter({ hasText: /^You are banned from this server until .*flood/u }).waitFor();
  assert.equal(connections.count, 0);

  // Who was not connected just then is told by the next attempt.
  await letBack(away);
  await away.getByRole('alert').filter({ hasText: /^You are banned from this server until /u }).waitFor();
  await parts(away).name.waitFor();

  await parts(newcomer).name.fill('newcomer');
  await parts(newcomer).enter.click();
  await newcomer.getByRole('alert').filter({ hasText: /^You are banned from this server until /u }).waitFor();

  // Whoever loads the page again gets one that says the same.
  await eve.reload();
  await eve.getByRole('heading', { name: 'You are banned from this server' }).waitFor();
  await eve.getByText(/The ban ends in 24 hours, on \d{4}-\d\d-\d\d \d\d:\d\d UTC\./u).waitFor();
  assert.equal(await eve.getByRole('main').evaluate((main) => getComputedStyle(main).borderRadius), '20px');

  await bans.getByRole('button', { name: 'Unban 203.0.113.0/24' }).click();
  await bans.getByText('Unban 203.0.113.0/24').waitFor({ state: 'detached' });
  await eve.reload();
  await enter(eve, 'eve');
});

test('a page that came under a name which the server does not take says so', async () => {
  const page = await at('198.51.100.2', 'chat.localhost');
  await parts(page).name.fill('ada');
  await parts(page).enter.click();
  await page.getByRole('alert').filter({ hasText: /^This server does not let in pages from http:\/\/chat\.localhost:\d+\. .*allow_origin\.$/u }).waitFor();
});

/** The page of somebody who owns the server. */
async function owner(name) {
  await here.server.addUser(name, '--admin');
  const page = await at('198.51.100.1');
  await logIn(page, name);
  return page;
}

/** A page of somebody who comes from there. */
async function at(address, host = '127.0.0.1') {
  const url = `http://${host}:${await door(address)}/`;
  const page = await newPage(here.browser, { url });
  here.pages.push(page);
  return page;
}

/** The port of a proxy that says from where they come. */
async function door(address) {
  const { hostname, port } = new URL(here.server.url);
  const listener = createServer((client) => {
    const upstream = connect(Number(port), hostname);
    upstream.write(`PROXY TCP4 ${address} 192.0.2.1 56324 443\r\n`);
    client.pipe(upstream).pipe(client);
    for (const [one, other] of [[client, upstream], [upstream, client]]) {
      one.on('error', () => other.destroy());
      one.on('close', () => other.destroy());
    }
  });
  doors.push(listener);
  await new Promise((resolve) => listener.listen(0, '127.0.0.1', resolve));
  return listener.address().port;
}

/** Counts the WebSockets that a page opens from now on. */
function counted(page) {
  const connections = { count: 0 };
  page.on('websocket', () => (connections.count += 1));
  return connections;
}

async function cutOff(page) {
  await page.context().setOffline(true);
  await until(async () => (await parts(page).status.textContent()) === 'offline', 'the page to notice');
}

async function letBack(page) {
  await page.context().setOffline(false);
}
