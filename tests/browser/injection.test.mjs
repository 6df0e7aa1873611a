/**
 * The corpus of hostile texts, before people who read: as bodies, edits, names, rooms, topics, reactions and reasons.
 *
 * Nothing runs, nothing is requested, no text reaches beyond its own box, and the page stays usable.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, afterEach, before, test } from 'node:test';
import { PHONE, enter, openRoom, parts, stage, textIs, until } from './chinwag.mjs';

process.env.CHINWAG__LIMITS__MESSAGES_PER_SECOND = '0';

const CORPUS = JSON.parse(readFileSync(new URL('../injection/corpus.json', import.meta.url), 'utf8'));
const TEXTS = [...CORPUS.texts, ...CORPUS.repeated.map(([text, count]) => text.repeat(count))];

const here = stage({ after, afterEach, before });

test('no text of the corpus gets out of its box', async () => {
  const ada = await here.fresh();
  const phone = await here.fresh(PHONE);
  await enter(ada, 'ada');
  await enter(phone, 'bob');
  const { bodies, rooms } = await attack(await here.fresh());
  assert.ok(bodies.length > 40 && rooms.length > 10, `${bodies.length} bodies, ${rooms.length} rooms`);
  for (const page of [ada, phone]) {
    await parts(page).articles.filter({ hasText: 'the last of all' }).waitFor();
    await harmless(page);
  }
  const shown = await parts(ada).articles.locator('.body').allTextContents();
  // Markdown takes marks away, and white space counts for nothing here.
  const plain = (text) => text.replace(/[\s*_`[\]()#>-]|\d\./gu, '');
  for (const body of bodies.filter((text) => text.trim() && text.length < 100)) {
    assert.ok(shown.some((text) => plain(text).includes(plain(body).slice(0, 3))), `nothing shows ${JSON.stringify(body)}`);
  }
  for (const { room, topic } of rooms.slice(0, 20)) {
    await openRoom(ada, room);
    await textIs(ada.locator('#topic'), topic);
    await harmless(ada);
  }
  await parts(ada).search.fill('pwned');
  await parts(ada).search.press('Enter');
  await until(async () => (await ada.locator('mark').count()) > 0, 'the search has found something');
  await harmless(ada);
  // All of it comes again as history.
  await phone.reload();
  await parts(phone).articles.filter({ hasText: 'the last of all' }).waitFor();
  await harmless(phone);
});

/** What holds of a page whatever others have typed. */
async function harmless(page) {
  assert.deepEqual(page.misdeeds, []);
  const found = await page.evaluate(() => {
    const isolated = (element) => ['isolate', 'plaintext', 'isolate-override'].includes(getComputedStyle(element).unicodeBidi);
    const foreign = 'article .body, article .quote, bdi, #topic, .result-body';
    return {
      pwned: globalThis.pwned,
      elements: document.querySelectorAll('#messages :is(script, img, iframe, style, link, meta, base, form:not(.editor), h1)').length,
      wide: document.documentElement.scrollWidth - innerWidth,
      foreign: document.querySelectorAll('bdi').length > 3,
      mixed: [...document.querySelectorAll(foreign)].filter((element) => element.textContent && !isolated(element)).map((element) => element.outerHTML.slice(0, 200)),
      raw: [...document.body.innerText].filter((c) => /\p{Cc}/u.test(c) && !'\n\t'.includes(c)),
    };
  });
  assert.deepEqual(found, { pwned: undefined, elements: 0, wide: 0, foreign: true, mixed: [], raw: [] });
}

/** Types each text wherever something can be typed; tells what was taken. */
function attack(page) {
  return page.evaluate(async (texts) => {
    const socket = new WebSocket(new URL('/ws', location.href.replace(/^http/u, 'ws')), 'chinwag.v1');
    const waiting = new Map();
    let count = 0;
    socket.onmessage = ({ data }) => {
      const message = JSON.parse(data);
      waiting.get(message.re)?.(message);
      waiting.delete(message.re);
    };
    await new Promise((resolve, reject) => Object.assign(socket, { onopen: resolve, onclose: reject }));
    const ask = (request) =>
      new Promise((resolve, reject) => {
        socket.onclose = ({ code }) => reject(new Error(`closed with ${code} after ${JSON.stringify(request).slice(0, 200)}`));
        waiting.set(++count, resolve);
        socket.send(JSON.stringify({ ...request, id: count }));
      });
    const bodies = [];
    const rooms = [];
    await ask({ type: 'hello', name: 'eve' });
    await ask({ type: 'join', room: 'lobby' });
    for (const [nth, text] of texts.entries()) {
      const sent = await ask({ type: 'send', room: 'lobby', body: text });
      if (sent.type === 'done') bodies.push(text);
      const { seq } = await ask({ type: 'send', room: 'lobby', body: `reply ${nth}`, reply_to: sent.seq ?? 1 });
      await ask({ type: 'react', room: 'lobby', seq, emoji: text, on: true });
      await ask({ type: 'edit', room: 'lobby', seq, body: text });
      await ask({ type: 'hello', name: text });
      await ask({ type: 'send', room: 'lobby', body: `says ${nth}` });
      await ask({ type: 'join', room: text, create: true });
      const room = `own-${nth}.`;
      const created = await ask({ type: 'create', room, topic: text });
      if (created.type === 'done') rooms.push({ room, topic: created.topic });
      await ask({ type: 'kick', room, name: 'ada', reason: text });
      await ask({ type: 'leave', room });
    }
    await ask({ type: 'send', room: 'lobby', body: 'the last of all' });
    return { bodies, rooms };
  }, TEXTS);
}
