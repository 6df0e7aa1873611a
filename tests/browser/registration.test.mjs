/** Who may make an account by the page: everybody, the invited, nobody. */
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { PASSWORD, PHONE, logIn, parts, stage, textIs } from './chinwag.mjs';

const closed = stage({ after, afterEach, before }, '--registration', 'closed');
const invited = stage({ after, afterEach, before }, '--registration', 'invite');

test('where nobody can register, the page says so and lets in as before', async () => {
  const page = await closed.fresh();
  await page.getByRole('button', { name: 'Create an account' }).click();
  await page.getByRole('alert').filter({ hasText: 'On this server only its owner creates accounts.' }).waitFor();
  await parts(page).name.fill('ada');
  await parts(page).enter.click();
  await textIs(parts(page).status, 'connected');
});

test('where it takes an invitation, the page asks for it, and it is good once', async () => {
  await invited.server.addUser('root', '--admin');
  const root = await invited.fresh();
  await logIn(root, 'root');
  await root.getByRole('button', { name: 'Settings' }).click();
  await root.getByRole('button', { name: 'Create code' }).click();
  const code = await root.getByLabel('Code for one account').inputValue();
  assert.match(code, /^[0-9a-z-]{16,}$/u);

  const first = await invited.fresh(PHONE);
  await fill(first, 'ada', '');
  await first.getByRole('alert').filter({ hasText: 'This server asks for an invitation code.' }).waitFor();
  await first.getByRole('textbox', { name: 'Invitation' }).fill(code);
  await first.getByRole('button', { name: 'Create account' }).click();
  await textIs(parts(first).status, 'connected');
  const second = await invited.fresh();
  await fill(second, 'bob', code);
  await second.getByRole('alert').filter({ hasText: /this invite is used/iu }).waitFor();
});

async function fill(page, name, code) {
  await page.getByRole('button', { name: 'Create an account' }).click();
  await parts(page).name.fill(name);
  await parts(page).password.fill(PASSWORD);
  await page.getByRole('textbox', { name: 'Invitation' }).fill(code);
  await page.getByRole('button', { name: 'Create account' }).click();
}
