/**
 * The ws package as servers for a chinwag: one without compression, and one for each set of its
 * parameters.
 *
 * Prints their ports, a line each, and "ready"; then how each visit to /lead went.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { WebSocketServer } from 'ws';
import { BINARIES, DEFLATE, FRAGMENTS, TEXTS, Inbox, settingsOf } from './cases.mjs';

async function lead(socket) {
  const inbox = new Inbox(socket);
  for (const message of [...TEXTS, ...BINARIES, ...TEXTS]) {
    socket.send(message);
    assert.deepEqual(await inbox.next(), message);
  }
  FRAGMENTS.forEach((part, at) => socket.send(part, { fin: at === FRAGMENTS.length - 1 }));
  assert.equal(await inbox.next(), FRAGMENTS.join(''));
  socket.ping('ping');
  const [answer] = await once(socket, 'pong');
  assert.equal(answer.toString(), 'ping');
  socket.close(4002, 'enough');
  const [code] = await once(socket, 'close');
  assert.equal(code, 4002);
}

function handle(socket, request) {
  if (request.url !== '/lead') {
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
    return;
  }
  lead(socket).then(
    () => console.log('ok'),
    (error) => console.log(`FAILED ${error.message.slice(0, 500)}`),
  );
}

for (const parameters of [null, ...DEFLATE]) {
  const perMessageDeflate = parameters !== null && { threshold: 0, ...settingsOf(parameters) };
  const server = new WebSocketServer({
    host: '127.0.0.1',
    port: 0,
    maxPayload: 0,
    perMessageDeflate,
    handleProtocols: (offered) => offered.has('echo') && 'echo',
  });
  server.on('connection', handle);
  await once(server, 'listening');
  console.log(server.address().port, JSON.stringify(parameters));
}
console.log('ready');
