/** Who is in a room: what they are from the first moment, and what is offered about them. */
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { choose, countIs, logIn, makeRoom, offered, openRoom, parts, stage, until } from './chinwag.mjs';

const here = stage({ after, afterEach, before });

for (const [size, count] of [['small', 0], ['large', 60]]) {
  test(`whoever joins a ${size} room is never taken for what they are not`, async () => {
    const room = `${size}-room`;
    const ada = await here.guest('ada');
    await makeRoom(ada, room);
    await crowd(await here.fresh(), room, count);
    await until(async () => (await ada.locator('#member-count').textContent()) === String(count + 1), 'the crowd');
    await ada.evaluate(() => {
      globalThis.shown = new Set();
      const note = () => document.querySelectorAll('#members .member').forEach((member) => globalThis.shown.add(member.innerText.replace(/\s+/gu, ' ')));
      new MutationObserver(note).observe(document.getElementById('members'), { subtree: true, childList: true, characterData: true });
    });
    const bob = await here.member(`bob-${size}`);
    await openRoom(bob, room);
    const kim = await here.guest('kim');
    await openRoom(kim, room);
    await parts(ada).members.getByText('kim', { exact: true }).waitFor();
    const shown = (await ada.evaluate(() => [...globalThis.shown])).filter((text) => /bob|kim/u.test(text));
    assert.deepEqual(shown.map((text) => text.replace(/^\S{1,2} /u, '')), [`bob-${size}`, 'kim guest']);
  });
}

test('nothing is offered about the server’s owner that would be refused', async () => {
  await here.server.addUser('root', '--admin');
  const ada = await here.member('ada');
  await makeRoom(ada, 'tea');
  const root = await here.fresh();
  await logIn(root, 'root');
  await openRoom(root, 'tea');
  assert.deepEqual(await offered(ada, 'root'), ['Talk alone']);
  assert.deepEqual(await offered(root, 'ada'), ['Talk alone', 'Mute…', 'Kick…', 'Ban…', 'Ban from the server…', 'Make operator', 'Make member']);
  // The only owner of a room can't step down.
  assert.equal(await parts(ada).members.getByRole('button', { name: /^ada/u }).count(), 0);

  await choose(root, 'ada', 'Make operator');
  await parts(ada).log.getByText('root made ada an operator in tea').waitFor();
  await until(async () => !(await offered(root, 'ada')).includes('Make operator'), 'the new role');
  assert.deepEqual(await offered(ada, 'root'), ['Talk alone']);
  await countIs(ada.getByRole('menu'), 0);
});

/** So many guests in a room, on connections of one page, which stays as long as the test. */
function crowd(page, room, count) {
  return page.evaluate(
    async ([room, count]) => {
      const come = async (nth) => {
        const socket = new WebSocket(new URL('/ws', location.href).href.replace('http', 'ws'), 'chinwag.v1');
        const answers = new Map();
        socket.onmessage = ({ data }) => answers.get(JSON.parse(data).re)?.();
        await new Promise((resolve) => (socket.onopen = resolve));
        for (const [id, request] of [['hello', { name: `guest of ${room} ${nth}` }], ['join', { room }]]) {
          const answered = new Promise((resolve) => answers.set(id, resolve));
          socket.send(JSON.stringify({ type: id, id, ...request }));
          await answered;
        }
      };
      for (let nth = 0; nth < count; nth += 1) await come(nth);
    },
    [room, count],
  );
}
