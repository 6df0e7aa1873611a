/** Unread marks: on one page, on two devices of one account, over a reload. */
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { article, logIn, makeRoom, openRoom, parts, say, setHidden, stage, until } from './chinwag.mjs';

const here = stage({ after, afterEach, before });

test('two devices of one account agree on what is unread', async () => {
  const desk = await here.member('ada');
  await makeRoom(desk, 'tea');
  await openRoom(desk, 'lobby');
  const bob = await here.guest('bob');
  await openRoom(bob, 'tea');
  await say(bob, 'one');
  await say(bob, 'two');
  await unreadIs(desk, 'tea', 2);
  assert.match(await desk.title(), /^\(2\) /u);

  // The other device has not joined the room, and hears of it all the same.
  const phone = await here.fresh();
  await logIn(phone, 'ada');
  await unreadIs(phone, 'tea', 2);
  await say(bob, 'three');
  await unreadIs(phone, 'tea', 3);
  await unreadIs(desk, 'tea', 3);

  await openRoom(phone, 'tea');
  await article(phone, 'three').waitFor();
  for (const page of [phone, desk]) await unreadIs(page, 'tea', 0);
  await until(async () => !/^\(/u.test(await desk.title()), 'a title without a count');
  await openRoom(desk, 'tea');
  await article(desk, 'three').waitFor();
});

test('what comes while nobody looks is unread until somebody does, and a reload keeps that', async () => {
  const ada = await here.member('grace');
  await makeRoom(ada, 'attic');
  const bob = await here.guest('bob');
  await openRoom(bob, 'attic');
  await say(bob, 'seen');
  await article(ada, 'seen').waitFor();
  const away = await here.fresh();
  await logIn(away, 'grace');
  await unreadIs(away, 'attic', 0);

  await setHidden(ada, true);
  await say(bob, 'not seen');
  await article(ada, 'not seen').waitFor();
  await unreadIs(ada, 'attic', 1);
  await unreadIs(away, 'attic', 1);
  await setHidden(ada, false);
  for (const page of [ada, away]) await unreadIs(page, 'attic', 0);

  await openRoom(ada, 'lobby');
  await say(bob, 'later');
  await unreadIs(ada, 'attic', 1);
  await ada.reload();
  await unreadIs(ada, 'attic', 1);
  await openRoom(ada, 'attic');
  await parts(ada).log.getByText('New', { exact: true }).waitFor();
  await unreadIs(ada, 'attic', 0);
});

test('one’s own words are read, and so is what was said before them', async () => {
  const desk = await here.member('joan');
  const phone = await here.fresh();
  await logIn(phone, 'joan');
  const bob = await here.guest('bob');
  await setHidden(desk, true);
  await setHidden(phone, true);
  await say(bob, 'anybody?');
  await unreadIs(desk, 'lobby', 1);
  await unreadIs(phone, 'lobby', 1);
  await say(phone, 'me');
  for (const page of [desk, phone]) {
    await article(page, 'me').waitFor();
    await unreadIs(page, 'lobby', 0);
  }
});

/** Waits until the list of rooms shows so many unread messages. */
async function unreadIs(page, room, count) {
  const entry = parts(page).room(room);
  const shown = async () => Number(/(\d+) unread/u.exec(await entry.textContent())?.[1] ?? 0);
  await until(async () => (await shown()) === count, async () => `${count} unread in ${room}, there are ${await shown()}`);
}
