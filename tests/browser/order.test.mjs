/** Keeping a room in order, private rooms, and conversations of two. */
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { PHONE, article, choose, countIs, enter, fits, logIn, makeRoom, offered, openRoom, openSettings, parts, say, section, stage, textIs, until } from './chinwag.mjs';

const here = stage({ after, afterEach, before });

test('an owner mutes, unmutes, kicks and bans by a menu, and those concerned read why', async () => {
  const ada = await here.guest('ada');
  const bob = await here.guest('bob');
  await makeRoom(ada, 'tea');
  await openRoom(bob, 'tea');
  assert.ok(!(await offered(ada, 'bob')).includes('Unmute'), 'nothing to lift');
  await choose(ada, 'bob', 'Mute…');
  const dialog = ada.getByRole('dialog', { name: 'Mute bob' });
  await dialog.getByLabel('How long').selectOption('for an hour');
  await dialog.getByLabel('Reason').fill('shouting');
  await dialog.getByRole('button', { name: 'Mute' }).click();
  await parts(bob).log.getByText('ada muted bob in tea: shouting').waitFor();
  await say(bob, 'TEA');
  await bob.getByText(/Not sent\. You are muted/u).waitFor();
  await choose(ada, 'bob', 'Unmute');
  await parts(bob).log.getByText('ada unmuted bob in tea').waitFor();
  assert.ok(!(await offered(ada, 'bob')).includes('Unmute'), 'nothing left to lift');
  await bob.getByRole('button', { name: 'Try again' }).click();
  await article(ada, 'TEA').waitFor();

  await choose(ada, 'bob', 'Kick…');
  await ada.getByRole('dialog', { name: 'Kick bob' }).getByRole('button', { name: 'Kick' }).click();
  await bob.getByText('tea: ada kicked you').waitFor();
  await parts(ada).members.getByText('bob', { exact: true }).waitFor({ state: 'detached' });
  await openRoom(bob, 'tea');
  await choose(ada, 'bob', 'Ban…');
  await ada.getByRole('dialog', { name: 'Ban bob' }).getByLabel('Reason').press('Enter');
  await bob.getByText('tea: ada banned you').waitFor();
  await parts(bob).room('tea').click();
  await bob.getByText(/You are banned from this room until /u).waitFor();

  await ada.getByRole('button', { name: 'Manage room' }).click();
  const bans = ada.getByRole('region', { name: 'Bans' });
  await bans.getByRole('listitem').filter({ hasText: /^bobby ada, .* · until / }).waitFor();
  await bans.getByRole('button', { name: 'Unban bob' }).press('Enter');
  await bans.getByText('Nobody is banned.').waitFor();
  await openRoom(bob, 'tea');
});

test('a guest who was muted and has gone is found among the mutes, and lifted there', async () => {
  const ada = await here.guest('ada');
  const bob = await here.guest('bob');
  await makeRoom(ada, 'quiet');
  await openRoom(bob, 'quiet');
  await choose(ada, 'bob', 'Mute…');
  await ada.getByRole('dialog', { name: 'Mute bob' }).getByLabel('Reason').press('Enter');
  await parts(bob).log.getByText('ada muted bob in quiet').waitFor();
  await bob.getByRole('button', { name: 'Leave quiet' }).click();
  await parts(ada).members.getByText('bob', { exact: true }).waitFor({ state: 'detached' });
  await ada.getByRole('button', { name: 'Manage room' }).click();
  const mutes = section(ada, 'Mutes');
  await mutes.getByRole('listitem').filter({ hasText: /^bobby ada, .* · until / }).waitFor();
  await mutes.getByRole('button', { name: 'Unmute bob' }).press('Enter');
  await mutes.getByText('Nobody is muted.').waitFor();
});

test('the menu and its dialogs work by keyboard, and a member without rank has little to choose', async () => {
  const ada = await here.guest('ada');
  const bob = await here.guest('bob');
  await makeRoom(ada, 'keys');
  await openRoom(bob, 'keys');
  const entry = parts(ada).members.getByRole('button', { name: /^bob/u });
  await entry.press('Enter');
  const items = ada.getByRole('menuitem');
  await until(async () => (await focused(ada)) === 'Talk alone', 'the first item in focus');
  await ada.keyboard.press('ArrowUp');
  assert.equal(await focused(ada), await items.last().textContent());
  await ada.keyboard.press('k');
  assert.equal(await focused(ada), 'Kick…');
  await ada.keyboard.press('Enter');
  await ada.getByRole('dialog', { name: 'Kick bob' }).waitFor();
  await ada.keyboard.press('Escape');
  await countIs(ada.getByRole('dialog'), 0);
  assert.ok(await entry.evaluate((element) => element === document.activeElement), 'the focus is back');
  await entry.press('Enter');
  await items.first().waitFor();
  await ada.keyboard.press('Escape');
  await countIs(items, 0);
  assert.ok(await entry.evaluate((element) => element === document.activeElement), 'the focus is back');

  assert.deepEqual(await offered(bob, 'ada'), ['Talk alone']);
  assert.equal(await bob.getByRole('button', { name: 'Manage room' }).count(), 0);
});

test('an operator is made on a phone by touch, keeps order, and is outranked by the owner', async () => {
  const ada = await here.guest('ada', { ...PHONE, hasTouch: true });
  const bob = await here.guest('bob');
  await ada.getByRole('button', { name: 'Rooms' }).tap();
  await makeRoom(ada, 'ranks');
  await openRoom(bob, 'ranks');
  await ada.getByRole('button', { name: 'Members' }).tap();
  await parts(ada).members.getByRole('button', { name: /^bob/u }).tap();
  await fits(ada);
  await ada.getByRole('menuitem', { name: 'Make operator' }).tap();
  await parts(bob).log.getByText('ada made bob an operator in ranks').waitFor();
  const settings = bob.getByRole('button', { name: 'Manage room' });
  await settings.click();
  const room = bob.getByRole('dialog', { name: 'Room #ranks' });
  assert.equal(await room.getByRole('region', { name: 'Delete room' }).count(), 0);
  await room.getByLabel('What the room is about').fill('who may what');
  await section(bob, 'Topic').getByRole('button', { name: 'Save' }).click();
  await textIs(ada.locator('#topic'), 'who may what');
  const slow = section(bob, 'Slow mode');
  assert.equal(await slow.getByRole('combobox').inputValue(), '0');
  await slow.getByRole('combobox').selectOption('a minute');
  await slow.getByRole('button', { name: 'Save' }).click();
  await parts(bob).log.getByText('bob: one message in 60 seconds in ranks').waitFor();
  await room.getByRole('button', { name: 'Show the log' }).click();
  const done = room.getByRole('list', { name: 'Who did what' }).getByRole('listitem');
  await countIs(done, 2);
  assert.match(await done.first().textContent(), /^bob set slow mode to 60 s/u);
  assert.match(await done.last().textContent(), /^ada made bob an operator/u);
  await bob.keyboard.press('Escape');
  assert.deepEqual(await offered(bob, 'ada'), ['Talk alone']);
});

test('an owner says for how long messages are kept, and newcomers are told', async () => {
  const ada = await here.guest('ada');
  await makeRoom(ada, 'fleeting');
  await ada.getByRole('button', { name: 'Manage room' }).click();
  await ada.getByLabel('Keep messages').selectOption('for 30 days');
  await section(ada, 'Keeping messages').getByRole('button', { name: 'Save' }).press('Enter');
  await ada.getByText('Messages are kept for 30 days. Older ones are deleted.').waitFor();
  await ada.keyboard.press('Escape');
  const bob = await here.guest('bob');
  await openRoom(bob, 'fleeting');
  await parts(bob).log.getByText('Messages are kept for 30 days. Say hello!').waitFor();
  await ada.getByRole('button', { name: 'Manage room' }).click();
  await ada.getByText('Public: everybody sees it and may come. Messages are kept for 30 days.').waitFor();
  assert.equal(await ada.getByLabel('Keep messages').inputValue(), '30');
});

test('a room is removed by its owner, who has to say its name', async () => {
  const ada = await here.guest('ada');
  const bob = await here.guest('bob');
  await makeRoom(ada, 'doomed');
  await openRoom(bob, 'doomed');
  await ada.getByRole('button', { name: 'Manage room' }).click();
  const removal = ada.getByRole('region', { name: 'Delete room' });
  await removal.getByRole('textbox').fill('domed');
  await removal.getByRole('textbox').press('Enter');
  await removal.getByText('Please type “doomed” to delete it.').waitFor();
  await removal.getByRole('textbox').fill('doomed');
  await removal.getByRole('textbox').press('Enter');
  for (const page of [ada, bob]) await parts(page).room('doomed').waitFor({ state: 'detached' });
  await bob.getByText('doomed: ada removed the room').waitFor();
  await countIs(ada.getByRole('dialog'), 0);
});

test('a private room is entered by an invitation, as a link or as a code, and by nothing else', async () => {
  const ada = await here.member('grace');
  await makeRoom(ada, 'den', { isPrivate: true });
  await say(ada, 'between us');
  await ada.getByRole('button', { name: 'Manage room' }).click();
  await ada.getByRole('button', { name: 'Create link' }).click();
  const link = await ada.getByLabel('Link, works until').inputValue();

  const bob = await here.guest('bob', PHONE);
  assert.equal(await parts(bob).room('den').count(), 0);
  await bob.goto(link);
  const dialog = bob.getByRole('dialog', { name: 'Join by invitation' });
  await fits(bob);
  await dialog.getByRole('button', { name: 'Join #den' }).click();
  await article(bob, 'between us').waitFor();
  assert.equal(new URL(bob.url()).hash, '');

  // Who comes by a link for the first time reads what for.
  const kim = await here.fresh(PHONE);
  await kim.goto('about:blank');
  await kim.goto(link);
  await kim.getByRole('status').filter({ hasText: 'You are invited to #den.' }).waitFor();
  await fits(kim);
  await enter(kim, 'kim');
  await kim.getByRole('button', { name: 'Join #den' }).click();
  await article(kim, 'between us').waitFor();

  const eve = await here.guest('eve');
  await eve.getByRole('button', { name: 'New room' }).click();
  await eve.getByRole('button', { name: 'I have an invitation' }).click();
  await eve.getByLabel('Link or code').fill('0123456789abcdef0123456789abcdef');
  await eve.getByLabel('Room', { exact: false }).last().fill('den');
  await eve.keyboard.press('Enter');
  await eve.getByRole('alert').filter({ hasText: 'There is no such room.' }).waitFor();
  await eve.getByLabel('Link or code').fill(link);
  await eve.keyboard.press('Enter');
  await article(eve, 'between us').waitFor();

  await ada.getByRole('button', { name: 'Withdraw all invitations' }).click();
  await ada.getByText('No link or code lets anybody in any more.').waitFor();
  const zoe = await here.guest('zoe');
  await zoe.goto(link);
  await zoe.getByRole('button', { name: 'Join #den' }).click();
  await zoe.getByRole('alert').filter({ hasText: 'There is no such room.' }).waitFor();
  await say(eve, 'still here');
  await article(bob, 'still here').waitFor();
});

test('the server’s owner has an operator keep somebody out of all of it, and sees what was done', async () => {
  await here.server.addUser('root', '--admin');
  const root = await here.fresh();
  await logIn(root, 'root');
  const olga = await here.member('olga', PHONE);
  const mallory = await here.guest('mallory');
  await openSettings(root);
  const operators = root.getByRole('region', { name: 'Operators of the server' });
  await operators.getByLabel('Account').fill('olga');
  await operators.getByRole('button', { name: 'Make operator' }).click();
  await operators.getByText('olga is now an operator of the server.').waitFor();

  // Who is made one sees it at once.
  await olga.getByText('You are an operator of this server now').waitFor();
  await olga.getByRole('button', { name: 'Members' }).click();
  await choose(olga, 'mallory', 'Ban from the server…');
  const dialog = olga.getByRole('dialog', { name: 'Ban mallory from the server' });
  await dialog.getByLabel('Reason').fill('spam');
  await fits(olga);
  await dialog.getByRole('button', { name: 'Ban from the server' }).click();
  await mallory.getByText(/You are banned from this server until .* The reason given: “.*spam.*”/u).waitFor();
  await parts(mallory).name.waitFor();

  await root.keyboard.press('Escape');
  await openSettings(root);
  const bans = root.getByRole('region', { name: 'Bans from the server' });
  await bans.getByLabel('Name, address or range').fill('203.0.113.0/24');
  await bans.getByRole('button', { name: 'Ban from the server' }).click();
  await countIs(bans.getByRole('listitem'), 2);
  await bans.getByRole('button', { name: 'Unban mallory' }).click();
  await countIs(bans.getByRole('listitem'), 1);
  await root.getByRole('region', { name: 'Who did what' }).getByRole('button').click();
  const done = root.getByRole('list', { name: 'Who did what' }).getByRole('listitem');
  await countIs(done, 4);
  const words = await done.allTextContents();
  const expected = [/^root unbanned mallory from the server/u, /^root banned 203\.0\.113\.0\/24 from the server until/u, /^olga banned mallory from the server .*“spam”/u, /^root made olga an operator of the server/u];
  for (const [place, pattern] of expected.entries()) assert.match(words[place], pattern);
  await enter(mallory, 'mallory');
  await root.getByRole('button', { name: 'Create code' }).click();
  assert.match(await root.getByLabel('Code for one account').inputValue(), /^[0-9a-z-]{16,}$/u);
});

test('two talk alone, and the third sees nothing of it', async () => {
  const ada = await here.guest('ada');
  const bob = await here.guest('bob', PHONE);
  const eve = await here.guest('eve');
  await parts(ada).members.getByRole('button', { name: /^bob/u }).click();
  await ada.getByRole('menuitem', { name: 'Talk alone' }).click();
  await ada.getByRole('heading', { name: 'bob', level: 1 }).waitFor();
  await say(ada, 'psst');
  await bob.getByRole('button', { name: 'Rooms' }).click();
  await parts(bob).room(/ada\s*1 unread/u).click();
  await article(bob, 'psst').waitFor();
  await fits(bob);
  await say(bob, 'what?');
  await article(ada, 'what?').waitFor();
  assert.equal(await parts(ada).members.getByRole('button').count(), 0);
  assert.equal(await parts(eve).room('ada').count(), 0);
  await countIs(parts(eve).articles, 0);
  await parts(ada).search.fill('psst');
  await ada.getByRole('button', { name: /^ada in a conversation with bob .*psst$/u }).waitFor();
});

function focused(page) {
  return page.evaluate(() => document.activeElement.textContent);
}
