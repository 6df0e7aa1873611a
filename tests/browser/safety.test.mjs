/** Hostile text stays text: no script runs, nothing is requested, the policy is never even asked. */
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { article, enter, makeRoom, newPage, openRoom, parts, say, serveModules, stage, textIs, until } from './chinwag.mjs';

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

afterEach(async () => {
  for (const page of here.pages) if (await page.evaluate(() => globalThis.pwned)) page.misdeeds.push('foreign script ran');
});
const here = stage({ after, afterEach, before });

test('markup in bodies is shown as it was typed', async () => {
  const ada = await here.fresh();
  const bob = await here.fresh();
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
  const watcher = await here.fresh();
  await enter(watcher, 'watcher');
  for (const name of ['<b>bold</b>', '<img src=x onerror=alert(1)>', '"><svg/onload=alert(1)>']) {
    const page = await here.fresh();
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
  const ada = await here.fresh();
  const bob = await here.fresh();
  await enter(ada, 'ada');
  await enter(bob, 'bob');
  await makeRoom(ada, 'markup', { topic });
  await openRoom(bob, 'markup');
  for (const page of [ada, bob]) await textIs(page.locator('#topic'), topic);
});

test('Markdown becomes elements of a few kinds, and everything else stays text', async () => {
  const page = await here.fresh();
  await serveModules(page);
  const shown = await page.evaluate(async (bodies) => {
    const { markdown } = await import('/modules/markdown.js');
    return bodies.map((body) => {
      const nodes = markdown(body);
      return nodes.map((node) => (typeof node === 'string' ? node : node.outerHTML)).join('|');
    });
  }, MARKDOWN.map(([body]) => body));
  assert.deepEqual(shown, MARKDOWN.map(([, html]) => html));
});

test('no text makes Markdown run, lead elsewhere, or take long', async () => {
  const page = await here.fresh();
  await serveModules(page);
  const took = await page.evaluate(async (bodies) => {
    const { markdown } = await import('/modules/markdown.js');
    const allowed = new Set(['A', 'CODE', 'EM', 'LI', 'OL', 'PRE', 'STRONG', 'UL']);
    const began = performance.now();
    for (const body of bodies) {
      const box = document.createElement('div');
      box.append(...markdown(body));
      for (const element of box.querySelectorAll('*')) {
        if (!allowed.has(element.tagName)) throw new Error(`${element.tagName} of ${body}`);
        for (const { name, value } of element.attributes) {
          const isLink = element.tagName === 'A' && ['href', 'title', 'target', 'rel'].includes(name);
          if (!isLink && name !== 'start') throw new Error(`${name}=${value} of ${body}`);
        }
        if (element.tagName !== 'A') continue;
        if (!/^(https?:|mailto:)/u.test(element.href) || element.rel !== 'noopener noreferrer') throw new Error(element.outerHTML);
      }
    }
    return performance.now() - began;
  }, [...INJECTIONS, ...HEAVY]);
  assert.ok(took < 5_000, `${took} ms`);
});

/** What is typed, and what comes of it, nodes set apart by bars. */
const MARKDOWN = [
  ['plain\ntext', 'plain\ntext'],
  ['*so* _it_ **goes** __on__', '<em>so</em>| |<em>it</em>| |<strong>goes</strong>| |<strong>on</strong>'],
  ['**a *b* c**', '<strong>a <em>b</em> c</strong>'],
  ['2 * 3 * 4, snake_case_name, * alice waves', '2 * 3 * 4, snake_case_name, * alice waves'],
  ['`a *b*` and ``c`d``', '<code>a *b*</code>| and |<code>c`d</code>'],
  ['```js\n<b>\n```\nend', '<pre><code>&lt;b&gt;</code></pre>|end'],
  ['```\nno end', '```\nno end'],
  ['- one\n- *two*\nend', '<ul><li>one</li><li><em>two</em></li></ul>|end'],
  ['3. three\n4. four', '<ol start="3"><li>three</li><li>four</li></ol>'],
  ['see https://example.org/a_(b), or', `see |${link('https://example.org/a_(b)')}|, or`],
  ['(http://example.org/).', `(|${link('http://example.org/')}|).`],
  ['[tea](https://example.org/t)', link('https://example.org/t', 'tea')],
  ['mailto:ada@example.org', link('mailto:ada@example.org')],
  ['xhttps://example.org https://', 'xhttps://example.org https://'],
  ['[x](javascript:alert(1)) javascript:alert(1)', '[x](javascript:alert(1)) javascript:alert(1)'],
  ['https://example.org/\u202egnp.exe', `${link('https://example.org/')}|\u202egnp.exe`],
];

function link(href, words = href) {
  return `<a href="${href}" title="${href}" target="_blank" rel="noopener noreferrer">${words}</a>`;
}

const INJECTIONS = [
  '<script>alert(1)</script>',
  '<img src=x onerror=alert(1)>',
  '[a](data:text/html,<script>alert(1)</script>)',
  '[a](vbscript:msgbox(1))',
  '[a](https://x/" onmouseover="alert(1))',
  "[a](https://x/'onmouseover='alert(1))",
  '[<img src=x onerror=alert(1)>](https://example.org)',
  '[a](java\nscript:alert(1))',
  '[a](\u0001javascript:alert(1))',
  '[a](JaVaScRiPt:alert(1))',
  '[a](//example.org) [a](/session) [a](#x) [a](file:///etc/passwd) [a](blob:https://x/y)',
  '**<svg onload=alert(1)>** `</code><script>alert(1)</script>`',
  '```\n</pre><script>alert(1)</script>\n```',
  '- <iframe src=javascript:alert(1)>\n1. <b onclick=alert(1)>',
  'https://example.org/"onclick="alert(1)',
  "https://user:pass@example.org/<script>",
  '{{constructor.constructor("alert(1)")()}} ${alert(1)}',
];

/** The longest bodies, each made to be slow where the work is not linear. */
const HEAVY = ['*a ', '**a', '_', '`', '``a', '[', '[a](', '](', 'https://', 'mailto:x ', '- *a\n', '```\n', '*_', '1. `'].map((part) =>
  part.repeat(Math.ceil(8000 / part.length)).slice(0, 8000),
);

test('the watch over the page sees what it is there to see', async () => {
  const page = await newPage(here.browser, here.server);
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
  const response = await fetch(here.server.url);
  const policy = response.headers.get('content-security-policy') ?? '';
  assert.match(policy, /default-src 'none'/u);
  assert.match(policy, /script-src 'self'(;|$)/u);
  assert.doesNotMatch(policy, /unsafe|\*/u);
});
