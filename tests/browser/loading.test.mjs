/** The way of the page through a slow network: few requests, few bytes. */
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { parts, stage } from './chinwag.mjs';

const here = stage({ after, afterEach, before });

test('whoever comes for the first time waits for three files, compressed, and later for none that is known', async () => {
  const page = await here.fresh();
  const devtools = await page.context().newCDPSession(page);
  await devtools.send('Network.enable');
  await devtools.send('Network.clearBrowserCache');
  await devtools.send('Network.emulateNetworkConditions', SLOW_3G);
  let byteCount = 0;
  devtools.on('Network.loadingFinished', ({ encodedDataLength }) => (byteCount += encodedDataLength));
  let responses = [];
  page.on('response', (response) => responses.push(response));
  const load = async () => {
    responses = [];
    await page.goto(here.server.url, { waitUntil: 'load' });
    await parts(page).name.waitFor();
  };

  await load();
  const paths = responses.map((response) => new URL(response.url()).pathname);
  assert.deepEqual(paths.filter((path) => !path.startsWith('/icon')).toSorted(), ['/', '/app.css', '/app.js']);
  for (const response of responses) {
    assert.equal(response.status(), 200);
    assert.equal(await response.headerValue('content-encoding'), 'gzip', response.url());
  }
  assert.ok(byteCount < 64 * 1024, `${byteCount} bytes`);

  byteCount = 0;
  await load();
  assert.ok(byteCount < 8 * 1024, `${byteCount} bytes again`);
});

/** As Chromium's own preset had it: milliseconds, and bytes a second. */
const SLOW_3G = { offline: false, latency: 400, downloadThroughput: 50_000, uploadThroughput: 50_000 };
