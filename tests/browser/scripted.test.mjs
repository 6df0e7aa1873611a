/**
 * The page against a server that follows a script: answers that a real server gives rarely, and pushes of which
 * the moment matters. The page itself comes from the real one.
 */
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { article, countIs, enter, parts, say, section, serveModules, stage, textIs, until } from './chinwag.mjs';

const here = stage({ after, afterEach, before });
let page;

test('a long absence shows the newest page and marks the gap until it is loaded', async () => {
  const script = new Script();
  script.messages = messages(1, 3);
  await open(script);
  await countIs(parts(page).articles, 3);

  script.on('join', ({ since }) => {
    assert.equal(since, 3);
    return { ...script.joined(), seq: 80, messages: messages(71, 80), recovered: false, more: true };
  });
  script.on('history', ({ before: end, limit }) => {
    const first = Math.max(1, end - limit);
    return { messages: messages(first, end - 1), more: first > 1 };
  });
  script.hangUp();
  await page.getByText('You were away for longer').waitFor();
  assert.deepEqual((await numbers()).slice(-10), range(71, 80));

  for (let from = await first(); from > 1; from = await first()) {
    // Scrolling loads too, and may have hidden the button meanwhile.
    await page.locator('#load-earlier').evaluate((button) => button.click());
    await until(async () => (await first()) < from, 'earlier messages');
  }
  assert.deepEqual(await numbers(), range(1, 80));
  await page.getByText('You were away for longer').waitFor({ state: 'detached' });
});

test('a thread is whole, however far back it begins, and says when there is more to look through', async () => {
  const script = new Script();
  const all = messages(1, 2500);
  for (const seq of [6, 1000, 2499]) all[seq - 1].reply_to = 5;
  script.on('join', () => ({ ...script.joined(), seq: 2500, messages: all.slice(2450), more: true }));
  script.on('history', ({ around, after, limit }) => {
    const from = around ? around - 5 : after;
    const page = all.slice(from, from + limit);
    return { messages: page, more: from > 0, more_after: page.at(-1).seq < 2500 };
  });
  await open(script);
  await article(page, 'm2499.').getByRole('button', { name: /In answer to/u }).press('Enter');
  await article(page, /m5\./u).first().getByRole('button', { name: 'Actions for' }).press('Enter');
  await article(page, /m5\./u).first().getByRole('button', { name: 'Thread' }).press('Enter');
  const thread = page.getByRole('dialog', { name: 'Thread' });
  const more = thread.getByRole('button', { name: 'Load more replies' });
  const replies = () => thread.locator('.body').allTextContents();
  await more.waitFor();
  assert.deepEqual(await replies(), ['m5.', 'm6.', 'm1000.']);
  await more.press('Enter');
  await more.press('Enter');
  await until(async () => (await replies()).length === 4, 'the last reply');
  assert.deepEqual(await replies(), ['m5.', 'm6.', 'm1000.', 'm2499.']);
  await more.waitFor({ state: 'hidden' });
});

test('being asked for patience is waited out, shown, and the order kept', async () => {
  const script = new Script();
  const refusals = [{ error: 'rate_limited', retry_after_ms: 1500 }, { error: 'busy', retry_after_ms: 10 }];
  const keys = [];
  const times = [];
  script.on('send', ({ body, key }) => {
    keys.push(`${body} ${key}`);
    times.push(Date.now());
    return refusals.shift() ?? script.post(body, key);
  });
  await open(script);
  await say(page, 'm1.');
  await say(page, 'm2.');
  await page.getByText(/sending goes on in \d s/u).waitFor();
  await until(async () => (await page.locator('article.saved').count()) === 2, 'both saved');
  assert.deepEqual(await numbers(), [1, 2]);
  assert.equal(new Set(keys).size, 2);
  assert.equal(keys.length, 4);
  assert.ok(times[1] - times[0] >= 1500, `sent again after ${times[1] - times[0]} ms`);
});

test('a room in slow mode waits for as long as it takes, and the others do not', async () => {
  const script = new Script();
  const sent = [];
  script.on('join', ({ room }) => ({ ...script.joined(), room, messages: [], seq: 0 }));
  script.on('rooms', () => ({ rooms: ['lobby', 'tea'].map((name) => ({ name, topic: '', visibility: 'public', members: 2, unread: 0 })) }));
  script.on('send', ({ room, body }) => {
    sent.push(`${room} ${body}`);
    return room === 'lobby' ? { error: 'rate_limited', retry_after_ms: 3_600_000 } : { room, seq: 1, at: AT };
  });
  await open(script);
  await say(page, 'slowly');
  await page.getByText('sending goes on in 60 min').waitFor();
  await say(page, 'slower');
  await parts(page).room('tea').click();
  await page.getByRole('heading', { name: 'tea', level: 1 }).waitFor();
  await say(page, 'at once');
  await page.locator('article.saved').waitFor();
  assert.deepEqual(sent, ['lobby slowly', 'tea at once']);
});

test('a refused message says why, and goes out on a second try under its key', async () => {
  const script = new Script();
  const keys = [];
  script.on('send', ({ body, key }) => {
    keys.push(key);
    return keys.length === 1 ? { error: 'muted', message: 'you are muted here' } : script.post(body, key);
  });
  await open(script);
  await say(page, 'let me in');
  await page.getByText('Not sent. You are muted here.').waitFor();
  await page.getByRole('button', { name: 'Try again' }).click();
  await page.locator('article.saved').waitFor();
  assert.equal(keys[0], keys[1]);
});

test('the answer and the push of one message are one article, in either order', async () => {
  const script = new Script();
  let isPushFirst = true;
  script.on('send', ({ body, key }) => {
    const answer = script.post(body, key);
    const push = { type: 'message', room: 'lobby', ...script.messages.at(-1) };
    if (isPushFirst) script.push(push);
    else queueMicrotask(() => script.push(push));
    isPushFirst = false;
    return answer;
  });
  await open(script);
  await say(page, 'm1.');
  await say(page, 'm2.');
  await until(async () => (await page.locator('article.saved').count()) === 2, 'both saved');
  await countIs(parts(page).articles, 2);
});

test('a capped member list says how many more there are', async () => {
  const script = new Script();
  script.on('join', () => ({ ...script.joined(), member_count: 1234 }));
  await open(script);
  await page.getByText('and 1,232 more').waitFor();
});

test('the length limit of this server is counted down and kept', async () => {
  const script = new Script();
  script.limits = { max_body_len: 50 };
  let sent = 0;
  script.on('send', ({ body, key }) => {
    sent += 1;
    return script.post(body, key);
  });
  await open(script);
  await parts(page).message.fill('🙂'.repeat(48));
  await page.getByText('2 characters left').waitFor();
  await parts(page).message.fill('🙂'.repeat(53));
  await page.getByText('3 characters too many').waitFor();
  await parts(page).message.press('Enter');
  await parts(page).message.fill('🙂'.repeat(50));
  await parts(page).message.press('Enter');
  await page.locator('article.saved').waitFor();
  assert.equal(sent, 1);
});

test('rooms are in the order in which people count', async () => {
  const script = new Script();
  const room = (name) => ({ name, topic: '', visibility: 'public', members: 1, unread: 0 });
  script.on('rooms', () => ({ rooms: ['room-10', 'Room-9', 'lobby', 'room-100', 'room-2'].map(room) }));
  await open(script);
  await countIs(parts(page).rooms.getByRole('listitem'), 5);
  assert.deepEqual(await parts(page).rooms.locator('.room-name').allTextContents(), ['lobby', 'room-2', 'Room-9', 'room-10', 'room-100']);
});

test('a refusal says in words how long it takes', async () => {
  const script = new Script();
  script.on('create', () => ({ error: 'rate_limited', message: 'too fast: try again in 150000 ms', retry_after_ms: 150_000 }));
  await open(script);
  await page.getByRole('button', { name: 'New room' }).click();
  await page.getByRole('textbox', { name: 'Room name' }).fill('tea');
  await page.keyboard.press('Enter');
  await page.getByRole('alert').filter({ hasText: 'Too fast: try again in 3 minutes.' }).waitFor();
});

test('a guest whose token was forgotten comes back by name', async () => {
  const script = new Script();
  await open(script);
  const hellos = [];
  script.on('hello', (hello) => {
    hellos.push(hello);
    return hello.token ? { error: 'not_authenticated' } : { you: script.you, token: 'second' };
  });
  script.hangUp();
  await until(() => hellos.length === 2, 'a second hello');
  await textIs(parts(page).status, 'connected');
  assert.deepEqual(hellos.map(({ token, name }) => token ?? name), ['first', 'ada']);
});

test('a name that was taken meanwhile leads back to the first page, with the reason', async () => {
  const script = new Script();
  await open(script);
  script.on('hello', ({ token }) => ({ error: token ? 'not_authenticated' : 'name_taken', message: 'somebody has that name' }));
  script.hangUp();
  await parts(page).name.waitFor();
  await page.getByText('Somebody has that name.').waitFor();
});

test('a planned restart is waited out for as long as the server asks', async () => {
  const script = new Script();
  await open(script);
  script.push({ type: 'shutdown', retry_after_ms: 1200 });
  await page.getByText('The server is restarting').waitFor();
  const closedAt = Date.now();
  script.hangUp();
  await until(() => script.connections === 2, 'a second connection');
  assert.ok(Date.now() - closedAt >= 1150);
});

test('without a network the connection is called offline, and comes back with it', async () => {
  await open(new Script());
  await page.context().setOffline(true);
  await textIs(parts(page).status, 'offline');
  await page.context().setOffline(false);
  await textIs(parts(page).status, 'connected');
});

test('notices, edits, deletions and unknown pushes do what they should', async () => {
  const script = new Script();
  script.messages = messages(1, 3);
  await open(script);
  script.push({ type: 'notice', text: 'back-up at <noon>' });
  await page.getByText('back-up at <noon>').waitFor();
  script.push({ type: 'edited', room: 'lobby', seq: 2, body: 'm2, corrected', edited_at: AT, by: 'bob', rev: 1 });
  await article(page, 'm2, corrected').waitFor();
  script.push({ type: 'deleted', room: 'lobby', seq: 1, by: 'bob', rev: 2 });
  await article(page, 'This message was deleted.').waitFor();
  script.push({ type: 'something_new', room: 'lobby' });
  script.push({ type: 'room', room: 'fresh', topic: '', state: 'created' });
  await parts(page).room('fresh').waitFor();
  script.push({ type: 'room', room: 'fresh', topic: '', state: 'removed' });
  await parts(page).room('fresh').waitFor({ state: 'detached' });
  assert.equal(await parts(page).status.textContent(), 'connected');
});

test('all who are banned can be seen, a page after the other', async () => {
  const script = new Script();
  script.you = { name: 'ada', guest: false, role: 'owner' };
  const day = (number) => `2026-01-${String(number).padStart(2, '0')}T00:00:00.000Z`;
  const all = range(1, 9).map((number) => ({ name: `troll-${number}`, by: 'ada', at: day(10 - number) }));
  script.on('bans', ({ before: end = day(11) }) => {
    const page = all.filter(({ at }) => at < end);
    return { bans: page.slice(0, 4), more: page.length > 4 };
  });
  script.on('mutes', () => ({ mutes: [], more: false }));
  await open(script);
  await page.getByRole('button', { name: 'Manage room' }).click();
  const bans = section(page, 'Bans');
  const names = () => bans.getByRole('listitem').locator('bdi').allTextContents();
  const further = bans.getByRole('button', { name: 'Show more' });
  for (const count of [4, 8, 9]) {
    await countIs(bans.getByRole('listitem'), count);
    assert.deepEqual(await names(), all.slice(0, count).map(({ name }) => name));
    if (count < 9) await further.press('Enter');
  }
  await further.waitFor({ state: 'hidden' });
  assert.equal(await page.evaluate(() => document.activeElement.ariaLabel), 'Unban troll-9');
});

test('delays before reconnecting are drawn from a growing interval', async () => {
  await open(new Script());
  await serveModules(page);
  const delays = await page.evaluate(async () => {
    const { Backoff } = await import('/modules/backoff.js');
    const longest = new Backoff({ base: 500, cap: 15_000, random: () => 0.999999 });
    const shortest = new Backoff({ random: () => 0 });
    shortest.atLeast(700);
    return [Array.from({ length: 7 }, () => longest.next()), shortest.next(), shortest.next()];
  });
  assert.deepEqual(delays, [[499, 999, 1999, 3999, 7999, 14999, 14999], 700, 0]);
});

const AT = '2026-01-02T03:04:05.000Z';

function messages(from, to) {
  return range(from, to).map((seq) => ({ seq, at: AT, from: 'bob', body: `m${seq}.` }));
}

function range(from, to) {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}

/** The numbers of the messages on screen, from their texts. */
async function numbers() {
  const bodies = await parts(page).articles.locator('.body').allTextContents();
  return bodies.map((body) => Number(/^m(\d+)\.$/u.exec(body)?.[1]));
}

async function first() {
  return (await numbers())[0];
}

async function open(script) {
  page = await here.fresh();
  await page.routeWebSocket(/\/ws$/u, (socket) => script.accept(socket));
  await page.reload();
  await enter(page, 'ada');
}

/** A server for one page: sensible answers, each of which a test may replace. */
class Script {
  you = { name: 'ada', guest: true, role: 'guest' };
  limits = { max_body_len: 8000 };
  messages = [];
  connections = 0;
  #socket;
  #answers = {
    hello: () => ({ you: this.you, token: 'first' }),
    rooms: () => ({ rooms: [{ name: 'lobby', topic: '', visibility: 'public', members: 2, unread: 0 }] }),
    who: () => ({ members: this.joined().members }),
    join: () => this.joined(),
    send: ({ body, key }) => this.post(body, key),
  };

  /** Replaces the answer to a request; `{error: code}` refuses it. */
  on(type, answer) {
    this.#answers[type] = answer;
  }

  joined() {
    return {
      room: 'lobby',
      topic: '',
      visibility: 'public',
      seq: this.messages.length,
      rev: 0,
      members: [this.you, { name: 'bob', guest: true, role: 'member' }],
      messages: this.messages,
      changes: [],
      recovered: false,
      more: false,
    };
  }

  post(body, key) {
    const message = { seq: this.messages.length + 1, at: AT, from: 'ada', body, key };
    this.messages = [...this.messages, message];
    return { room: 'lobby', seq: message.seq, at: message.at };
  }

  accept(socket) {
    this.connections += 1;
    this.#socket = socket;
    socket.onMessage((text) => this.#answer(JSON.parse(text)));
    this.push({ type: 'welcome', server: 'chinwag/0.0.0', protocol: 'chinwag.v1', motd: '', you: null, limits: this.limits });
  }

  push(push) {
    this.#socket.send(JSON.stringify(push));
  }

  hangUp() {
    this.#socket.close({ code: 1012 });
  }

  #answer(request) {
    const answer = this.#answers[request.type]?.(request) ?? {};
    const { error, ...fields } = answer;
    this.push(error ? { type: 'error', re: request.id, code: error, ...fields } : { type: 'done', re: request.id, ...fields });
  }
}
