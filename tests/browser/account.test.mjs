/** Accounts on the page: made, kept, secured, their sessions ended; two browsers at least. */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { after, afterEach, before, test } from 'node:test';
import { PASSWORD, PHONE, article, countIs, enter, fits, logIn, makeRoom, openRoom, openSettings, parts, say, section, stage, textIs, until } from './chinwag.mjs';

const here = stage({ after, afterEach, before });

test('a password is changed, and the old one and the other session are over', async () => {
  const desk = await here.member('ada');
  const phone = await here.fresh(PHONE);
  await logIn(phone, 'ada');
  await openSettings(desk);
  const part = section(desk, 'Password');
  await part.getByLabel('Current password').fill('not the password');
  await part.getByLabel('New password').fill('battery staple');
  await part.getByRole('button', { name: 'Change password' }).press('Enter');
  await part.getByRole('alert').filter({ hasText: /wrong/u }).waitFor();
  await part.getByLabel('Current password').fill(PASSWORD);
  await part.getByLabel('New password').press('Enter');
  await part.getByText('The password is changed.').waitFor();

  await parts(phone).name.waitFor();
  await phone.getByText('Your session has ended.').waitFor();
  await parts(phone).name.fill('ada');
  await parts(phone).password.fill(PASSWORD);
  await parts(phone).enter.click();
  await phone.getByRole('alert').filter({ hasText: /wrong/u }).waitFor();
  await logIn(phone, 'ada', 'battery staple');
});

test('a second factor is set up, asked for, stood in for by a recovery code, and switched off', async () => {
  const desk = await here.member('grace');
  await openSettings(desk);
  const part = section(desk, 'Second factor');
  await part.getByLabel('Your password').fill(PASSWORD);
  await part.getByRole('button', { name: 'Set up' }).click();
  const secret = (await part.getByLabel('type this secret').inputValue()).replaceAll(' ', '');
  const address = await part.getByText('open it in an app').getAttribute('href');
  assert.match(address, new RegExp(`^otpauth://totp/chinwag:grace\\?secret=${secret}&`, 'u'));
  await part.getByRole('img', { name: 'QR code' }).waitFor();
  await part.getByLabel('Code that the app shows').fill('000000');
  await part.getByRole('button', { name: 'Confirm' }).click();
  await part.getByRole('alert').filter({ hasText: /\S/u }).waitFor();
  await part.getByLabel('Code that the app shows').fill(totp(secret));
  await part.getByRole('button', { name: 'Confirm' }).click();
  const box = part.getByRole('textbox', { name: 'Recovery codes' });
  const codes = (await box.inputValue()).split('\n');
  assert.equal(new Set(codes).size, 10);
  const download = desk.waitForEvent('download');
  await part.getByRole('link', { name: 'Download' }).click();
  const saved = readFileSync(await (await download).path(), 'utf8');
  for (const code of codes) assert.ok(saved.includes(code), code);
  await part.getByRole('button', { name: 'Copy' }).click();
  await part.getByText('Copied.').waitFor();
  await part.getByRole('button', { name: 'I have saved them' }).click();
  await countIs(box, 0);
  assert.equal(await part.getByRole('button', { name: 'Set up' }).count(), 0);

  const phone = await here.fresh(PHONE);
  await parts(phone).name.fill('grace');
  await parts(phone).password.fill(PASSWORD);
  await parts(phone).enter.click();
  const code = phone.getByRole('textbox', { name: 'Code' });
  await code.waitFor();
  await fits(phone);
  await code.fill('not a code');
  await code.press('Enter');
  await phone.getByRole('alert').filter({ hasText: 'six digits' }).waitFor();
  await code.fill('000000');
  await code.press('Enter');
  await phone.getByRole('alert').filter({ hasText: /wrong/u }).waitFor();
  await code.fill(codes[3]);
  await code.press('Enter');
  await textIs(parts(phone).status, 'connected');

  await part.getByLabel('Your password').fill(PASSWORD);
  await part.getByRole('button', { name: 'Switch off' }).click();
  await part.getByText('The second factor is switched off.').waitFor();
  await part.getByRole('button', { name: 'Set up' }).waitFor();
  assert.equal(await part.getByRole('button', { name: 'Switch off' }).count(), 0);
  await logIn(await here.fresh(), 'grace');
});

test('on a phone the code of a second factor fits, and its secret is whole and copied', async () => {
  const phone = await here.member('hedy', { ...PHONE, hasTouch: true, permissions: ['clipboard-read', 'clipboard-write'] });
  await phone.getByRole('button', { name: 'Rooms' }).click();
  await openSettings(phone);
  const part = section(phone, 'Second factor');
  await part.getByLabel('Your password').fill(PASSWORD);
  await part.getByRole('button', { name: 'Set up' }).click();
  const code = part.getByRole('img', { name: 'QR code' });
  await code.scrollIntoViewIfNeeded();
  const { width, height } = await code.boundingBox();
  assert.ok(width === height && width > 180, `${width} × ${height}`);
  await fits(phone);
  const secret = part.getByLabel('type this secret');
  assert.match(await secret.inputValue(), /^(?:[A-Z2-7]{4} ?){8}$/u);
  assert.ok(await secret.evaluate((box) => box.scrollWidth <= box.clientWidth && box.scrollHeight <= box.clientHeight), 'all of it in sight');
  await part.getByRole('button', { name: 'Copy' }).click();
  await part.getByText('Copied.').waitFor();
  assert.equal(await phone.evaluate(() => navigator.clipboard.readText()), await secret.inputValue());
  // On a phone the app is at hand.
  await part.getByRole('link', { name: 'open it in an app' }).waitFor();
});

test('sessions are listed, and ended from another device', async () => {
  const desk = await here.member('joan');
  const phone = await here.fresh(PHONE);
  await logIn(phone, 'joan');
  await phone.getByRole('button', { name: 'Rooms' }).click();
  await openSettings(phone);
  const sessions = section(phone, 'Where you are signed in').getByRole('listitem');
  await countIs(sessions, 2);
  await countIs(sessions.filter({ hasText: 'this device' }), 1);
  await fits(phone);
  await sessions.getByRole('button', { name: /^Sign out / }).click();
  await countIs(sessions, 1);
  await desk.getByText('Your session has ended.').waitFor();
  await parts(desk).name.waitFor();

  // Signing out ends a session too.
  await phone.keyboard.press('Escape');
  await phone.getByRole('button', { name: 'Sign out' }).click();
  await parts(phone).name.waitFor();
  await logIn(desk, 'joan');
  await openSettings(desk);
  await countIs(section(desk, 'Where you are signed in').getByRole('listitem'), 1);
});

test('a guest takes another name, then makes it an account, and stays in the rooms', async () => {
  const bob = await here.guest('bob');
  const guest = await here.guest('kim');
  await openSettings(guest);
  await section(guest, 'Your name').getByLabel('New name').fill('bob');
  await guest.keyboard.press('Enter');
  await section(guest, 'Your name').getByRole('alert').filter({ hasText: /name/u }).waitFor();
  await section(guest, 'Your name').getByLabel('New name').fill('kay');
  await guest.keyboard.press('Enter');
  await parts(bob).members.getByText('kay', { exact: true }).waitFor();
  const account = section(guest, 'Create an account');
  await account.getByLabel('Account name').fill('kay');
  await account.getByLabel('Account password').fill(PASSWORD);
  await guest.keyboard.press('Enter');
  await account.waitFor({ state: 'detached' });
  await say(guest, 'settled');
  await article(bob, 'settled').waitFor();
  await logIn(await here.fresh(), 'kay');
});

test('a guest whose other tab makes an account loses nothing that was written, and logs in to go on', async () => {
  const desk = await here.guest('lin');
  await makeRoom(desk, 'tea');
  const wire = { keepsBack: false };
  await desk.context().routeWebSocket(/\/ws$/u, (socket) => {
    const upstream = socket.connectToServer();
    socket.onMessage((message) => {
      if (!wire.keepsBack || !String(message).includes('"send"')) upstream.send(message);
    });
  });
  const other = await duplicate(desk);
  await textIs(parts(other).status, 'connected');
  await other.getByRole('heading', { name: 'tea', level: 1 }).waitFor();
  wire.keepsBack = true;
  await say(other, 'on its way');
  await article(other, 'on its way').waitFor();
  await parts(other).message.fill('half an hour of work');

  await makeAccount(desk);
  await other.getByRole('alert').filter({ hasText: 'You have an account now: please log in to it.' }).waitFor();
  // Whoever enters here next may be another: nothing is said in their name.
  wire.keepsBack = false;
  await other.reload();
  await logIn(other, 'lin');
  await openRoom(other, 'tea');
  await until(async () => (await parts(other).message.inputValue()) === 'half an hour of work', 'the draft');
  const unsent = article(other, 'on its way');
  await unsent.getByText('Not sent.').waitFor();
  assert.equal(await article(desk, 'on its way').count(), 0);
  await unsent.getByRole('button', { name: 'Try again' }).click();
  await article(desk, 'on its way').waitFor();
  await countIs(other.locator('article.sending, article.failed'), 0);

  await other.getByRole('button', { name: 'Sign out' }).click();
  await parts(other).name.waitFor();
  assert.equal(await other.evaluate(() => sessionStorage.getItem('chinwag.drafts')), null);
});

test('a guest whose other tab makes an account while this one is away loses nothing that was written', async () => {
  const desk = await here.guest('nan');
  const other = await duplicate(desk);
  await textIs(parts(other).status, 'connected');
  await parts(other).message.fill('still to be said');
  await other.goto('about:blank');
  await makeAccount(desk);
  await other.goto(here.server.url);
  await other.getByRole('alert').filter({ hasText: 'name' }).waitFor();
  await logIn(other, 'nan');
  await until(async () => (await parts(other).message.inputValue()) === 'still to be said', 'the draft');
});

test('a browser that stays signed in is let in at once, in each tab, until it signs out', async () => {
  const setup = await here.member('mary');
  const first = await here.fresh();
  await parts(first).name.fill('mary');
  await parts(first).password.fill(PASSWORD);
  await first.getByRole('checkbox', { name: 'Stay signed in' }).check();
  await parts(first).enter.click();
  await textIs(parts(first).status, 'connected');
  assert.deepEqual(await first.evaluate(() => [document.cookie, sessionStorage.getItem('chinwag.token')]), ['', null]);

  const second = await first.context().newPage();
  await second.goto(here.server.url);
  await textIs(parts(second).status, 'connected');
  await say(second, 'from the other tab');
  await article(first, 'from the other tab').waitFor();
  await first.getByRole('button', { name: 'Sign out' }).click();
  await parts(first).name.waitFor();
  await parts(second).name.waitFor();
  await second.reload();
  await parts(second).name.waitFor();
});

test('who claims the server is in, and owns it', async () => {
  const page = await here.fresh();
  await page.goto(here.server.claim);
  await parts(page).name.fill('founder');
  await parts(page).password.fill(PASSWORD);
  await page.getByRole('button', { name: 'Claim' }).click();
  await textIs(parts(page).status, 'connected');
  await openSettings(page);
  await page.getByText('You are founder, owner of this server.').waitFor();
});

test('who enters as another than the cookie says is that other one', async () => {
  const setup = await here.member('emmy');
  const page = await here.fresh();
  await parts(page).name.fill('emmy');
  await parts(page).password.fill(PASSWORD);
  await page.getByRole('checkbox', { name: 'Stay signed in' }).check();
  await parts(page).enter.click();
  await textIs(parts(page).status, 'connected');
  // The cookie stays, and what was noted beside it is lost.
  await page.evaluate(() => [localStorage, sessionStorage].forEach((storage) => storage.clear()));
  await page.reload();
  await enter(page, 'ida');
  await parts(page).members.getByText('ida', { exact: true }).waitFor();
  await openRoom(page, 'lobby');
});

/** Another tab, which begins with a copy of what this one remembers. */
async function duplicate(page) {
  const opened = page.context().waitForEvent('page');
  await page.evaluate(() => void open(location.href));
  return await opened;
}

/** A guest gets an account of the same name. */
async function makeAccount(page) {
  await openSettings(page);
  const account = section(page, 'Create an account');
  await account.getByLabel('Account password').fill(PASSWORD);
  await page.keyboard.press('Enter');
  await account.waitFor({ state: 'detached' });
}

/** What a device shows now (RFC 6238). */
function totp(secret) {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  const bits = [...secret].map((letter) => alphabet.indexOf(letter).toString(2).padStart(5, '0')).join('');
  const key = Buffer.from(bits.match(/.{8}/gu).map((byte) => Number.parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000)));
  const hash = createHmac('sha1', key).update(counter).digest();
  const number = hash.readUInt32BE(hash.at(-1) & 15) & 0x7fffffff;
  return String(number % 1_000_000).padStart(6, '0');
}
