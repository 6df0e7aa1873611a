/**
 * Takes the pictures in docs/ of a short staged conversation: `node screenshots.mjs [DIRECTORY]`, with the binary as
 * for the tests.
 */
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Netcat, Server, article, enter, launch, makeRoom, newPage, openRoom, parts, say } from './chinwag.mjs';

const directory = resolve(process.argv[2] ?? fileURLToPath(new URL('../../docs', import.meta.url)));
mkdirSync(directory, { recursive: true });

const server = await Server.start();
const browser = await launch();
try {
  const ada = await newPage(browser, server);
  await enter(ada, 'Ada');
  const bob = await newPage(browser, server);
  await enter(bob, 'Bob Tanner');
  const eve = new Netcat(server.linePort);
  eve.say('--name: eve');
  await stage(ada, bob, eve);

  for (const [name, viewport] of [['desktop', { width: 1280, height: 800 }], ['phone', { width: 360, height: 740 }]]) {
    for (const colorScheme of ['light', 'dark']) {
      await ada.setViewportSize(viewport);
      await ada.emulateMedia({ colorScheme });
      await ada.screenshot({ path: join(directory, `screenshot-${name}${colorScheme === 'dark' ? '-dark' : ''}.png`) });
    }
  }
  await eve.end();
} finally {
  await browser.close();
  await server.stop();
}

async function stage(ada, bob, eve) {
  await makeRoom(bob, 'allotment', { topic: 'Tomatoes, slugs, and who has the watering can' });
  await makeRoom(bob, 'book-club', { topic: 'This month: The Left Hand of Darkness' });
  await makeRoom(ada, 'tea-time', { topic: 'Every day at four' });
  await say(ada, 'Scones or shortbread today?');
  await openRoom(ada, 'lobby');
  await openRoom(ada, 'allotment');
  await openRoom(ada, 'lobby');
  await openRoom(bob, 'lobby');
  await line(ada, bob, 'Morning! Is everybody in?');
  await line(bob, ada, 'Just. Coffee first, opinions later.');
  eve.say('hello from a plain terminal: nc, no browser in sight');
  await article(ada, 'plain terminal').waitFor();
  await line(ada, bob, 'That still makes me smile.');
  await line(ada, bob, 'The notes from yesterday are at https://example.org/notes (short, I promise).\nTwo things left open:\n  1. who brings the projector\n  2. whether we need one');
  await article(bob, 'Two things left open').getByRole('button', { name: /^Actions for/u }).press('Enter');
  await bob.getByRole('button', { name: 'Reply', exact: true }).press('Enter');
  await line(bob, ada, 'I can bring it. And we do, the wall is white enough.');
  eve.say('count me in, I will dial in over ssh');
  await article(ada, 'over ssh').waitFor();
  await line(bob, ada, 'Settled, then ☕');
  await openRoom(bob, 'allotment');
  await say(bob, 'First tomatoes!');
  await parts(ada).room('allotment').getByText('unread').waitFor();
  await openRoom(bob, 'lobby');
  await parts(bob).members.getByRole('button', { name: /^Ada/u }).click();
  await bob.getByRole('menuitem', { name: 'Talk alone' }).click();
  await say(bob, 'Cake at four?');
  await parts(ada).room('Bob Tanner').getByText('unread').waitFor();
  await openRoom(bob, 'lobby');
  await parts(bob).message.pressSequentially('By the way');
  await ada.getByText('is typing').waitFor();
}

/** Says something and waits until the other has it, so that the order in the picture is the order here. */
async function line(page, other, text) {
  await say(page, text);
  await article(other, text.split('\n')[0]).waitFor();
}
