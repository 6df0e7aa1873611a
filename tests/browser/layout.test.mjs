/** Small screens, keyboards, readers of screens. */
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { PHONE, article, enter, fits, makeRoom, openSettings, parts, register, say, stage, textIs, until } from './chinwag.mjs';

const here = stage({ after, afterEach, before });

async function isInView(locator) {
  const box = await locator.boundingBox();
  const { width, height } = locator.page().viewportSize();
  return box !== null && box.x >= 0 && box.y >= 0 && box.x + box.width <= width && box.y + box.height <= height;
}

test('on a phone everything fits, however long the words are', async () => {
  const page = await here.fresh(PHONE);
  await fits(page);
  await enter(page, 'a-name-of-thirty-two-characters-');
  await say(page, 'x'.repeat(500));
  await say(page, `https://example.org/${'path/'.repeat(60)}`);
  await say(page, Array.from({ length: 60 }, (_, index) => `line ${index}`).join('\n'));
  await article(page, 'line 59').waitFor();
  await fits(page);
  for (const part of ['message', 'send', 'status']) assert.ok(await isInView(parts(page)[part]), part);

  await page.getByRole('button', { name: 'Rooms' }).click();
  await parts(page).room('lobby').waitFor();
  await fits(page);
  await page.keyboard.press('Escape');
  await parts(page).rooms.waitFor({ state: 'hidden' });
  await page.getByRole('button', { name: 'Members' }).click();
  await parts(page).members.getByText('a-name-of-thirty-two-characters-').waitFor();
  await fits(page);
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Search' }).click();
  await parts(page).search.waitFor();
  await fits(page);
  await parts(page).search.fill('line');
  await page.getByRole('list').getByRole('button', { name: /line 0/u }).waitFor();
  await fits(page);
});

test('a phone on its side still reaches the message box', async () => {
  const page = await here.fresh({ viewport: { width: 640, height: 360 } });
  await enter(page, 'ada');
  await parts(page).message.fill(Array.from({ length: 40 }, () => 'a long draft').join('\n'));
  for (const part of ['message', 'send']) assert.ok(await isInView(parts(page)[part]), part);
});

test('a conversation works by keyboard alone', async () => {
  const page = await here.fresh();
  const { keyboard } = page;
  await until(() => page.evaluate(() => document.activeElement.id === 'name'), 'focus on the name');
  await keyboard.type('ada');
  await keyboard.press('Enter');
  await textIs(parts(page).status, 'connected');
  await until(() => page.evaluate(() => document.activeElement.id === 'message'), 'focus on the message');
  await keyboard.type('first line');
  await keyboard.press('Shift+Enter');
  await keyboard.type('second line');
  await keyboard.press('Enter');
  await article(page, 'first line').waitFor();
  assert.equal(await article(page, 'first line').locator('.body').textContent(), 'first line\nsecond line');

  await tabTo(page, 'New room');
  await keyboard.press('Enter');
  await keyboard.type('by-keyboard');
  await keyboard.press('Enter');
  await page.getByRole('heading', { name: 'by-keyboard', level: 1 }).waitFor();
  await keyboard.type('made without a mouse');
  await keyboard.press('Enter');
  await article(page, 'made without a mouse').waitFor();

  await keyboard.press('Alt+ArrowUp');
  await page.getByRole('heading', { name: 'lobby', level: 1 }).waitFor();
  await tabTo(page, 'by-keyboard');
  await keyboard.press('Enter');
  await article(page, 'made without a mouse').waitFor();
  await tabTo(page, 'Leave by-keyboard');
  await keyboard.press('Enter');
  await page.getByRole('heading', { name: 'lobby', level: 1 }).waitFor();
});

test('on a phone drawers open, keep the focus inside, and give it back', async () => {
  const page = await here.fresh(PHONE);
  await enter(page, 'ada');
  const button = page.getByRole('button', { name: 'Rooms' });
  await button.focus();
  await page.keyboard.press('Enter');
  await parts(page).rooms.waitFor();
  for (let presses = 0; presses < 12; presses += 1) {
    await page.keyboard.press('Tab');
    const place = await page.evaluate(() => document.activeElement.closest('#rooms-panel') !== null || document.activeElement === document.body || document.activeElement.className === 'skip');
    assert.ok(place, 'focus went behind the drawer');
  }
  await page.keyboard.press('Escape');
  await until(() => page.evaluate(() => document.activeElement.id === 'rooms-button'), 'focus on the button');
});

test('whatever can be operated has a name, and sight of the focus', async () => {
  const page = await here.fresh();
  await enter(page, 'ada');
  const nameless = await page.locator(':is(button, input, textarea, a):visible').evaluateAll((all) =>
    all.filter((element) => !(element.textContent.trim() || element.labels?.length || element.ariaLabel)).map((element) => element.outerHTML),
  );
  assert.deepEqual(nameless, []);
  await page.keyboard.press('Tab');
  const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
  assert.notEqual(outline, 'none');
});

test('dialogs are reached, walked through and left by keyboard, with the focus in sight', async () => {
  const page = await here.member('kay');
  await makeRoom(page, 'keys');
  await say(page, 'a thread begins');
  await article(page, 'a thread begins').waitFor();
  for (const [button, dialog] of [['Settings', 'Settings'], ['Manage room', 'Room #keys'], ['Actions for', 'Thread']]) {
    await tabTo(page, button);
    await page.keyboard.press('Enter');
    if (button === 'Actions for') await article(page, 'a thread begins').getByRole('button', { name: 'Thread' }).press('Enter');
    const shown = page.getByRole('dialog', { name: dialog });
    await shown.waitFor();
    await until(async () => (await walk(page, shown)) > 3, `stops in ${dialog}`);
    await page.keyboard.press('Escape');
    await shown.waitFor({ state: 'detached' });
    await until(() => page.evaluate(() => document.activeElement !== document.body), `a focus after ${dialog}`);
  }
});

test('whatever is named at its longest, nothing on a phone sticks out', async () => {
  const page = await here.fresh(PHONE);
  const long = 'w'.repeat(32);
  await register(page, long);
  const other = await here.fresh();
  await enter(other, 'm'.repeat(32));
  await page.getByRole('button', { name: 'Rooms' }).click();
  await makeRoom(page, 'r'.repeat(64), { isPrivate: true });
  await page.getByRole('button', { name: 'Rooms' }).click();
  await fits(page);
  await openSettings(page);
  await page.getByRole('region', { name: 'Where you are signed in' }).getByRole('listitem').first().waitFor();
  await fits(page);
  await page.keyboard.press('Escape');
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Members' }).click();
  await page.getByRole('button', { name: 'Manage room' }).click();
  await page.getByRole('button', { name: 'Create link' }).click();
  await page.getByLabel('Link, works until').waitFor();
  await page.getByRole('button', { name: 'Show the log' }).click();
  await page.getByRole('list', { name: 'Who did what' }).getByRole('listitem').waitFor();
  await fits(page);
  await page.keyboard.press('Escape');
  await page.keyboard.press('Escape');

  await page.getByRole('button', { name: 'Rooms' }).click();
  await parts(page).room('lobby').click();
  await page.getByRole('button', { name: 'Members' }).click();
  await parts(page).members.getByRole('button', { name: /^m+/u }).click();
  await fits(page);
  await page.getByRole('menuitem', { name: 'Talk alone' }).click();
  await page.getByRole('heading', { name: 'm'.repeat(32), level: 1 }).waitFor();
  await say(page, 'x'.repeat(300));
  await article(page, 'xxx').waitFor();
  await article(page, 'xxx').getByRole('button', { name: 'Actions for' }).click();
  await article(page, 'xxx').getByRole('button', { name: 'Thread' }).click();
  await page.getByRole('dialog', { name: 'Thread' }).getByRole('article').waitFor();
  await fits(page);
});

test('the reader stays in place while others talk, and jumps to what is new', async () => {
  const ada = await here.fresh();
  const bob = await here.fresh();
  await enter(ada, 'ada');
  await enter(bob, 'bob');
  await say(bob, Array.from({ length: 28 }, (_, index) => `row ${index}`).join('\n'));
  await say(bob, Array.from({ length: 28 }, (_, index) => `more ${index}`).join('\n'));
  await article(ada, 'more 27').waitFor();
  const log = parts(ada).log;
  await log.hover();
  await ada.mouse.wheel(0, -400);
  await ada.getByRole('button', { name: 'Latest messages' }).waitFor();
  const top = await log.evaluate((element) => element.scrollTop);

  await say(bob, 'news');
  await ada.getByRole('button', { name: '1 new message' }).waitFor();
  assert.equal(await log.evaluate((element) => element.scrollTop), top);
  await ada.getByRole('button', { name: '1 new message' }).click();
  await until(() => isInView(article(ada, 'news')), 'the news in view');
  await say(bob, 'more news');
  await article(ada, 'more news').waitFor();
  await until(() => isInView(article(ada, 'more news')), 'the log to follow');
});

/** Goes once through a dialog by Tab; what has the focus has a name and an outline. @returns {Promise<number>} the stops */
async function walk(page, dialog) {
  const stops = new Set();
  for (let presses = 0; presses < 40; presses += 1) {
    await page.keyboard.press('Tab');
    const stop = await dialog.evaluate((element) => {
      const { activeElement: focused } = document;
      if (!element.contains(focused)) return null;
      const framed = focused.closest('.composer-box') ?? focused;
      const { outlineStyle, boxShadow } = getComputedStyle(framed);
      const name = focused.ariaLabel || focused.labels?.[0]?.textContent || focused.textContent.trim();
      return { name, isSeen: outlineStyle !== 'none' || boxShadow !== 'none' };
    });
    if (stop === null) continue;
    assert.ok(stop.name, 'a name');
    assert.ok(stop.isSeen, `${stop.name} shows its focus`);
    stops.add(stop.name);
  }
  return stops.size;
}

/** Presses Tab until the button of that name has the focus. */
async function tabTo(page, name) {
  const target = page.getByRole('button', { name }).last();
  for (let presses = 0; presses < 60; presses += 1) {
    if (await target.evaluate((element) => element === document.activeElement)) return;
    await page.keyboard.press('Tab');
  }
  throw new Error(`no way by Tab to “${name}”`);
}
