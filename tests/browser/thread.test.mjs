/** Threads: counted, opened, answered, kept up, by keyboard and on a phone. */
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { PHONE, article, countIs, fits, parts, say, stage, textIs, until } from './chinwag.mjs';

const here = stage({ after, afterEach, before });

test('replies are counted at their message, and the thread shows them and takes more', async () => {
  const ada = await here.guest('ada');
  const bob = await here.guest('bob', PHONE);
  await say(ada, 'tea or coffee?');
  await act(bob, article(bob, 'tea or coffee?'), 'Thread');
  const thread = bob.getByRole('dialog', { name: 'Thread' });
  const box = thread.getByRole('textbox');
  await until(() => box.evaluate((element) => element === document.activeElement), 'the box in focus');
  await box.fill('tea, please');
  await box.press('Enter');
  await textIs(article(ada, 'tea or coffee?').first().locator('.replies'), '1 reply');
  await say(ada, 'something else');
  await ada.getByRole('button', { name: '1 reply' }).press('Enter');
  const mine = ada.getByRole('dialog', { name: 'Thread' });
  assert.deepEqual(await bodies(mine), ['tea or coffee?', 'tea, please']);
  await mine.getByRole('textbox').fill('coffee for me');
  await mine.getByRole('button', { name: 'Reply' }).click();

  for (const shown of [thread, mine]) await until(async () => (await bodies(shown)).at(-1) === 'coffee for me', 'the reply');
  await fits(bob);
  await act(bob, thread.getByRole('article').filter({ hasText: 'coffee for me' }), 'React with 👍');
  await mine.getByRole('button', { name: '👍 by bob' }).waitFor();
  await act(ada, mine.getByRole('article').filter({ hasText: 'coffee for me' }), 'Edit');
  await countIs(mine, 0);
  await until(async () => (await parts(ada).message.inputValue()) === 'coffee for me', 'the text to edit');
  await say(ada, 'cocoa for me');
  await thread.getByRole('article').filter({ hasText: 'cocoa for me' }).waitFor();
  assert.deepEqual((await bodies(thread)).map((body) => body.replace(' (edited)', '')), ['tea or coffee?', 'tea, please', 'cocoa for me']);
  await bob.keyboard.press('Escape');
  await countIs(thread, 0);
  await textIs(article(ada, 'tea or coffee?').first().locator('.replies'), '2 replies');
  await countIs(parts(bob).articles, 4);
});

test('what is written in a thread and not sent is there again', async () => {
  const ada = await here.guest('ada');
  await say(ada, 'to be continued');
  await act(ada, article(ada, 'to be continued'), 'Thread');
  const box = ada.getByRole('dialog', { name: 'Thread' }).getByRole('textbox');
  await box.fill('half a reply');
  await ada.keyboard.press('Escape');
  await act(ada, article(ada, 'to be continued'), 'Thread');
  assert.equal(await box.inputValue(), 'half a reply');
  assert.equal(await parts(ada).message.inputValue(), '');
});

/** Opens what can be done with a message, and does it, by keyboard. */
async function act(page, message, name) {
  await message.getByRole('button', { name: /^Actions for/u }).press('Enter');
  await message.getByRole('button', { name }).press('Enter');
}

function bodies(thread) {
  return thread.getByRole('article').locator('.body').allTextContents();
}
