/**
 * The ws package as a client of a chinwag that echoes.
 *
 *     node client.mjs URL [--blocking]
 *
 * Prints a line for each case, and fails if one does. With --blocking the server is the
 * blocking one, which knows the subprotocol "echo".
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import WebSocket from 'ws';
import { BINARIES, DEFLATE, FRAGMENTS, TEXTS, Inbox, report, settingsOf } from './cases.mjs';

const [url, ...flags] = process.argv.slice(2);
const isBlocking = flags.includes('--blocking');

async function open({ subprotocols = [], ...options } = {}) {
  const socket = new WebSocket(url, subprotocols, { perMessageDeflate: false, maxPayload: 0, ...options });
  const inbox = new Inbox(socket);
  await once(socket, 'open');
  return { socket, inbox };
}

async function close(socket, code = 1000, reason = '') {
  socket.close(code, reason);
  return once(socket, 'close');
}

async function echoes() {
  const { socket, inbox } = await open();
  assert.equal(socket.extensions, '');
  for (const message of [...TEXTS, ...BINARIES]) {
    socket.send(message);
    assert.deepEqual(await inbox.next(), message);
  }
  await close(socket);
}

function sendFragments(socket, isBinary) {
  FRAGMENTS.forEach((part, at) => socket.send(part, { binary: isBinary, fin: at === FRAGMENTS.length - 1 }));
}

async function fragments() {
  const { socket, inbox } = await open();
  sendFragments(socket, false);
  assert.equal(await inbox.next(), FRAGMENTS.join(''));
  sendFragments(socket, true);
  assert.deepEqual(await inbox.next(), Buffer.from(FRAGMENTS.join('')));
  await close(socket);
}

async function pings() {
  const { socket, inbox } = await open();
  for (const payload of [Buffer.alloc(0), Buffer.from('ping'), Buffer.alloc(125, 0xff)]) {
    socket.ping(payload);
    const [answer] = await once(socket, 'pong');
    assert.deepEqual(answer, payload);
  }
  socket.pong('nobody asked');
  socket.send('still here');
  assert.equal(await inbox.next(), 'still here');
  await close(socket);
}

async function closes() {
  for (const [code, reason] of [[1000, ''], [1001, 'leaving'], [3000, 'r'.repeat(123)], [4999, 'grüß']]) {
    const { socket } = await open();
    const [answer] = await close(socket, code, reason);
    assert.equal(answer, code);
  }
  const { socket } = await open();
  socket.close();
  const [answer] = await once(socket, 'close');
  assert.equal(answer, 1005);
}

/** What ws does not send by itself goes around it, to its TCP socket: masked with a key of zeros. */
async function failures() {
  const tooLong = Buffer.from('82ff000000000100000100000000', 'hex');
  const mistakes = { 1002: Buffer.from('b18000000000', 'hex'), 1007: Buffer.from('818100000000ff', 'hex'), 1009: tooLong };
  for (const [code, mistake] of Object.entries(mistakes)) {
    const { socket } = await open();
    socket._socket.write(mistake);
    const [answer] = await once(socket, 'close');
    assert.equal(answer, Number(code));
  }
}

async function deflates(offer) {
  const { socket, inbox } = await open({ perMessageDeflate: { threshold: 0, ...settingsOf(offer) } });
  assert.equal(socket.extensions, 'permessage-deflate');
  for (const message of [...TEXTS, ...BINARIES, ...TEXTS, ...BINARIES]) {
    socket.send(message);
    assert.deepEqual(await inbox.next(), message);
  }
  sendFragments(socket, false);
  assert.equal(await inbox.next(), FRAGMENTS.join(''));
  await close(socket);
}

/** ws fails by itself when nothing of its offer is chosen. */
async function subprotocols() {
  for (const offered of [['other', 'echo'], ['echo'], []]) {
    const { socket } = await open({ subprotocols: offered });
    assert.equal(socket.protocol, offered.at(-1) ?? '');
    await close(socket);
  }
}

await report(isBlocking ? 'ws client, blocking server' : 'ws client', {
  'text and binary messages': echoes,
  fragments,
  'ping and pong': pings,
  'close codes of the client': closes,
  'close codes of the server': failures,
  ...Object.fromEntries(DEFLATE.map((offer) => [`deflate with ${JSON.stringify(offer)}`, () => deflates(offer)])),
  ...(isBlocking && { subprotocols }),
});
