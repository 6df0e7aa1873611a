/** Two pages and a real netcat in the same rooms. */
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { article, countIs, enter, openRoom, parts, say, stage, textIs, until } from './chinwag.mjs';

const here = stage({ after, afterEach, before });

test('people in browsers and in terminals read each other in the lobby', async () => {
  const ada = await here.guest('ada');
  const bob = await here.guest('bob');
  const eve = here.terminal('eve');
  await parts(ada).members.getByText('eve', { exact: true }).waitFor();

  await say(ada, 'hello from ada');
  await parts(bob).message.fill('hello from bob');
  await parts(bob).send.click();
  await eve.sees('<ada> hello from ada');
  await eve.sees('<bob> hello from bob');
  eve.say('hello from nc');

  for (const page of [ada, bob]) {
    for (const [author, text] of [['ada', 'hello from ada'], ['bob', 'hello from bob'], ['eve', 'hello from nc']]) {
      const message = article(page, text);
      await message.waitFor();
      await countIs(message, 1);
      assert.match(await message.textContent(), new RegExp(author, 'u'));
    }
  }
});

test('those who come and go are seen coming and going', async () => {
  const ada = await here.guest('ada');
  const bob = await here.guest('bob');
  const { members, log } = parts(ada);
  await members.getByText('bob', { exact: true }).waitFor();
  await log.getByText(/bob\s+joined/u).waitFor();

  await bob.getByRole('button', { name: 'Sign out' }).click();
  await parts(bob).name.waitFor();
  await members.getByText('bob', { exact: true }).waitFor({ state: 'detached' });
  await log.getByText(/bob\s+left/u).waitFor();
});

test('a new room appears by itself, is joined by a click and left again', async () => {
  const ada = await here.guest('ada');
  const bob = await here.guest('bob');
  await ada.getByRole('button', { name: 'New room' }).click();
  await ada.getByRole('textbox', { name: 'Room name' }).fill('tea-time');
  await ada.getByRole('textbox', { name: 'Topic' }).fill('every day at four');
  await ada.getByRole('button', { name: 'Create room' }).click();
  await ada.getByRole('heading', { name: 'tea-time', exact: false, level: 1 }).waitFor();
  await say(ada, 'anybody there?');

  await openRoom(bob, 'tea-time');
  await article(bob, 'anybody there?').waitFor();
  await bob.getByText('every day at four').first().waitFor();
  await say(bob, 'me');
  await article(ada, 'me').waitFor();

  await openRoom(bob, 'lobby');
  await say(ada, 'still there?');
  await parts(bob).room(/tea-time\s*1 unread/u).waitFor();
  await openRoom(bob, 'tea-time');
  await article(bob, 'still there?').waitFor();

  await bob.getByRole('button', { name: 'Leave tea-time' }).click();
  await bob.getByRole('heading', { name: 'lobby', level: 1 }).waitFor();
  await parts(ada).members.getByText('bob', { exact: true }).waitFor({ state: 'detached' });
});

test('the owner of a room edits its topic and everybody there sees it', async () => {
  const ada = await here.guest('ada');
  const bob = await here.guest('bob');
  await ada.getByRole('button', { name: 'New room' }).click();
  await ada.getByRole('textbox', { name: 'Room name' }).fill('topics');
  await ada.getByRole('button', { name: 'Create room' }).click();
  await openRoom(bob, 'topics');
  assert.equal(await bob.getByRole('button', { name: 'Edit topic' }).count(), 0);

  await ada.getByRole('button', { name: 'Edit topic' }).click();
  await ada.getByRole('textbox', { name: 'Topic' }).fill('ducks and drakes');
  await ada.getByRole('button', { name: 'Save topic' }).click();
  await textIs(bob.locator('#topic'), 'ducks and drakes');
});

test('typing is shown to the others and ends with the message', async () => {
  const ada = await here.guest('ada');
  const bob = await here.guest('bob');
  await parts(bob).message.pressSequentially('I was');
  await until(async () => /bob.*is typing/u.test(await ada.locator('#typing').textContent()), 'bob typing');
  await parts(bob).message.press('Enter');
  await article(ada, 'I was').waitFor();
  await textIs(ada.locator('#typing'), '');
});

test('a name that is in use is refused with a reason, and another one works', async () => {
  await here.guest('ada');
  const page = await here.fresh();
  const { name, enter: button, status } = parts(page);
  await name.fill('ada');
  await button.click();
  await page.getByRole('alert').filter({ hasText: /\S/u }).waitFor();
  await name.fill('ada-two');
  await button.click();
  await textIs(status, 'connected');
});

test('a password is sent, and what the server says to it is shown', async () => {
  const page = await here.fresh();
  const { name, password, enter: button, status } = parts(page);
  await name.fill('carol');
  await password.fill('correct horse');
  await button.click();
  await page.getByRole('alert').filter({ hasText: /\S/u }).waitFor();
  await password.fill('');
  await button.click();
  await textIs(status, 'connected');
});

test('newcomers get the recent history and load earlier pages on demand', async () => {
  const eve = here.terminal('eve');
  eve.say('--join: long-talk');
  await eve.sees('long-talk');
  const ada = await here.guest('ada');
  await openRoom(ada, 'long-talk');
  // Past the burst of one connection, and the page must still post them all, in order.
  for (let number = 1; number <= 70; number += 1) await say(ada, `line ${number}.`);
  await article(ada, 'line 70.').waitFor();
  await eve.sees('<ada> line 70.');

  const bob = await here.guest('bob');
  await openRoom(bob, 'long-talk');
  await article(bob, 'line 70.').waitFor();
  const loadEarlier = bob.getByRole('button', { name: 'Load earlier messages' });
  while (await loadEarlier.isVisible()) {
    const shown = await parts(bob).articles.count();
    await loadEarlier.click();
    await until(async () => (await parts(bob).articles.count()) > shown, 'an earlier page');
  }
  const bodies = await parts(bob).articles.locator('.body').allTextContents();
  assert.deepEqual(bodies, Array.from({ length: 70 }, (_, index) => `line ${index + 1}.`));
});

test('the search finds messages of all rooms, and each result leads to its message', async () => {
  const ada = await here.guest('ada');
  await say(ada, 'needle in the hay');
  await article(ada, 'needle in the hay').waitFor();
  await ada.getByRole('button', { name: 'New room' }).click();
  await ada.getByRole('textbox', { name: 'Room name' }).fill('barn');
  await ada.getByRole('button', { name: 'Create room' }).click();
  await ada.getByRole('heading', { name: 'barn', level: 1 }).waitFor();
  await say(ada, 'a 🦊 with a Needle');
  await article(ada, 'Needle').waitFor();
  await parts(ada).search.fill('needl');
  const results = ada.getByRole('region', { name: 'Search results' });
  await countIs(results.getByRole('listitem'), 2);
  assert.deepEqual(await results.locator('mark').allTextContents(), ['Needle', 'needle']);
  await parts(ada).search.press('ArrowDown');
  await ada.keyboard.press('Tab');
  await ada.keyboard.press('Enter');
  await ada.getByRole('heading', { name: 'lobby', level: 1 }).waitFor();
  await until(() => ada.evaluate(() => document.activeElement.textContent.includes('needle in the hay')), 'the message in focus');
  await parts(ada).search.fill('nothing like it');
  await ada.getByText('Nothing found.').waitFor();
  await parts(ada).search.press('Escape');
  await article(ada, 'needle in the hay').waitFor();
});

test('messages are edited, answered, reacted to and deleted by keyboard, and all see it', async () => {
  const ada = await here.guest('ada');
  const bob = await here.guest('bob');
  await say(ada, 'mendet *there*');
  await article(bob, 'mendet there').waitFor();
  assert.equal(await article(bob, 'mendet').locator('em').textContent(), 'there');
  await parts(ada).message.fill('a draft');
  await act(ada, article(ada, 'mendet'), 'Edit');
  await until(async () => (await parts(ada).message.inputValue()) === 'mendet *there*', 'the text to edit');
  await say(ada, 'mended **there**');
  await article(bob, 'mended there').getByText('(edited)').waitFor();
  await until(async () => (await parts(ada).message.inputValue()) === 'a draft', 'the draft again');

  await act(bob, article(bob, 'mended'), 'React with 👍');
  await article(ada, 'mended').getByRole('button', { name: '👍 by bob' }).press('Enter');
  await article(bob, 'mended').getByRole('button', { name: '👍 by bob, ada', pressed: true }).press('Enter');
  await article(ada, 'mended').getByRole('button', { name: '👍 by ada', pressed: true }).waitFor();

  await act(bob, article(bob, 'mended'), 'Reply');
  await bob.getByText('Answering ada: mended').waitFor();
  await say(bob, 'mend yourself');
  await article(ada, 'yourself').getByRole('button', { name: /In answer to ada/u }).press('Enter');
  await until(() => ada.evaluate(() => document.activeElement.querySelector('.body')?.textContent.startsWith('mended there')), 'the quoted message in focus');

  await act(ada, article(ada, '(edited)'), 'Delete');
  await ada.keyboard.press('Enter');
  await article(bob, 'This message was deleted.').waitFor();
  await countIs(article(bob, 'mended there'), 0);
  await countIs(article(bob, 'This message was deleted.').getByRole('button'), 0);
});

test('a reload keeps the guest, the rooms and the draft', async () => {
  const ada = await here.guest('ada');
  await say(ada, 'before the reload');
  await article(ada, 'before the reload').waitFor();
  await parts(ada).message.fill('half a thought');
  await ada.reload();
  await textIs(parts(ada).status, 'connected');
  await article(ada, 'before the reload').waitFor();
  assert.equal(await parts(ada).message.inputValue(), 'half a thought');
  await parts(ada).members.getByText('ada', { exact: true }).waitFor();
});

/** Opens what can be done with a message, and does it, by keyboard. */
async function act(page, message, name) {
  await message.getByRole('button', { name: /^Actions for/u }).press('Enter');
  await message.getByRole('button', { name }).press('Enter');
}
