/** Hostile text stays text: no script runs, nothing is requested, the policy is never even asked. */
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { Server, article, enter, launch, newPage, openRoom, parts, say, textIs, until } from './chinwag.mjs';

const BODIES = [
  '<script>globalThis.pwned = true</script>',
  '<img src=x onerror="globalThis.pwned = true">',
  '<svg onload=globalThis.pwned=true><animate onbegin=globalThis.pwned=true attributeName=x dur=1s>',
  '<iframe srcdoc="<script>parent.pwned = true</script>"></iframe>',
  '"><style>*{display:none}</style>',
  '</article></div></main><h1>taken over</h1>',
  '<a href="javascript:globalThis.pwned=true">click</a> javascript:globalThis.pwned=true',
  '<img src="https://evil.example/pixel.png"> <link rel=stylesheet href=//evil.example/a.css>',
  '&lt;b&gt;entities&lt;/b&gt; &amp;amp; ${globalThis.pwned = true} {{constructor.constructor("pwned=true")()}}',
  'data:text/html,<script>opener.pwned=true</script>',
  'a line\n  <b>indented</b>\n\ttabbed',
];

let server;
let browser;
let pages = [];

before(async () => {
  server = await Server.start();
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

afterEach(async () => {
  for (const page of pages) {
    assert.deepEqual(page.misdeeds, []);
    assert.equal(await page.evaluate(() => globalThis.pwned), undefined);
    await page.context().close();
  }
  pages = [];
});

async function fresh() {
  const page = await newPage(browser, server);
  pages.push(page);
  return page;
}

test('markup in bodies is shown as it was typed', async () => {
  const ada = await fresh();
  const bob = await fresh();
  await enter(ada, 'ada');
  await enter(bob, 'bob');
  for (const body of BODIES) await say(ada, body);
  await until(async () => (await parts(bob).articles.count()) === BODIES.length, 'all bodies');
  for (const page of [ada, bob]) {
    assert.deepEqual(await parts(page).articles.locator('.body').allTextContents(), BODIES);
    assert.equal(await page.locator('article :is(script, img, iframe, svg:not(.icon), style, h1, link)').count(), 0);
    const links = await page.locator('article a').evaluateAll((all) => all.map(({ protocol, rel, target }) => ({ protocol, rel, target })));
    for (const link of links) assert.deepEqual(link, { protocol: 'https:', rel: 'noopener noreferrer', target: '_blank' });
  }
});

test('markup in names is shown as text or refused', async () => {
  const watcher = await fresh();
  await enter(watcher, 'watcher');
  for (const name of ['<b>bold</b>', '<img src=x onerror=alert(1)>', '"><svg/onload=alert(1)>']) {
    const page = await fresh();
    const { name: box, enter: button, status } = parts(page);
    await box.fill(name);
    await button.click();
    const refusal = page.getByRole('alert').filter({ hasText: /\S/u });
    await status.or(refusal).first().waitFor();
    if (await refusal.isVisible()) continue;
    await textIs(status, 'connected');
    await say(page, `from ${name}`);
    await article(watcher, `from ${name}`).waitFor();
    await parts(watcher).members.getByText(name, { exact: true }).waitFor();
  }
});

test('markup in topics is shown as text', async () => {
  const topic = '<img src=x onerror="globalThis.pwned=true">';
  const ada = await fresh();
  const bob = await fresh();
  await enter(ada, 'ada');
  await enter(bob, 'bob');
  await ada.getByRole('button', { name: 'New room' }).click();
  await ada.getByRole('textbox', { name: 'Room name' }).fill('markup');
  await ada.getByRole('textbox', { name: 'Topic' }).fill(topic);
  await ada.getByRole('button', { name: 'Create room' }).click();
  await openRoom(bob, 'markup');
  for (const page of [ada, bob]) await textIs(page.locator('#topic'), topic);
});

test('links in a sentence are found without changing it', async () => {
  const page = await fresh();
  const found = await page.evaluate(async () => {
    const { linked } = await import('/modules/text.js');
    return [
      'see https://example.org/a_(b), or (http://example.org/).',
      'mailto:ada@example.org javascript:alert(1) data:text/html,x',
      'https:// http://[ and https://example.org/\u202egnp.exe',
    ].map((body) => {
      const parts = linked(body);
      return { same: parts.map(({ text }) => text).join('') === body, links: parts.filter(({ href }) => href).map(({ text }) => text) };
    });
  });
  assert.deepEqual(found, [
    { same: true, links: ['https://example.org/a_(b)', 'http://example.org/'] },
    { same: true, links: ['mailto:ada@example.org'] },
    { same: true, links: ['https://example.org/'] },
  ]);
});

test('the watch over the page sees what it is there to see', async () => {
  const page = await newPage(browser, server);
  const tries = [
    [/policy: style-src/u, () => document.body.setAttribute('style', 'color: red')],
    [/policy: require-trusted-types-for/u, () => Promise.resolve().then(() => (document.body.innerHTML = '<b>x</b>')).catch(() => {})],
    [/policy: img-src/u, () => void (new Image().src = 'https://elsewhere.invalid/pixel.png')],
    [/console: planted/u, () => console.error('planted')],
  ];
  for (const [expected, misdeed] of tries) {
    await page.evaluate(misdeed);
    await until(() => page.misdeeds.some((noted) => expected.test(noted)), `${expected}`);
  }
  await page.context().close();
});

test('the page comes with a policy that allows nothing but itself', async () => {
  const response = await fetch(server.url);
  const policy = response.headers.get('content-security-policy') ?? '';
  assert.match(policy, /default-src 'none'/u);
  assert.match(policy, /script-src 'self'(;|$)/u);
  assert.doesNotMatch(policy, /unsafe|\*/u);
});
