/**
 * Chromium's own WebSocket against `chinwag echo`: what the chat does not send.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { BINARY, launch } from './chinwag.mjs';

let server, browser, page, url;

before(async () => {
  server = spawn(BINARY, ['echo', '--listen', '127.0.0.1:0'], { stdio: ['ignore', 'ignore', 'pipe'] });
  process.once('exit', () => server.kill());
  const [line] = await once(createInterface(server.stderr), 'line');
  url = /ws:\/\/\S+/u.exec(line)[0];
  browser = await launch();
  page = await browser.newPage();
});

after(async () => {
  await browser?.close();
  server?.kill();
});

test('messages of all kinds and lengths come back, compressed', async () => {
  const result = await page.evaluate(async (url) => {
    const socket = new WebSocket(url);
    socket.binaryType = 'arraybuffer';
    await new Promise((resolve) => (socket.onopen = resolve));
    const echoed = [];
    const noise = (len) => Uint8Array.from({ length: len }, () => Math.random() * 256);
    const texts = ['', 'a', 'grüß Gott, 𝄞, 雪', 'long, '.repeat(200_000)];
    for (const message of [...texts, ...texts, ...[0, 1, 125, 126, 65_535, 65_536, 1_048_576].map(noise)]) {
      socket.send(message);
      const { data } = await new Promise((resolve) => (socket.onmessage = resolve));
      const isEqual =
        typeof message === 'string' ? data === message : new Uint8Array(data).every((byte, at) => byte === message[at]);
      echoed.push(isEqual && (data.length ?? data.byteLength) === message.length);
    }
    socket.close(4001, 'bye');
    const closed = await new Promise((resolve) => (socket.onclose = resolve));
    return { extensions: socket.extensions, echoed, code: closed.code, wasClean: closed.wasClean };
  }, url);
  assert.match(result.extensions, /^permessage-deflate/u);
  assert.ok(result.echoed.every((isEqual) => isEqual));
  assert.equal(result.echoed.length, 15);
  assert.deepEqual([result.code, result.wasClean], [4001, true]);
});
