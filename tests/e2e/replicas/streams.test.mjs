// What is open on every gateway when its session ends on one of them.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { Agent, request } from 'node:http';
import { HOST } from '../harness/config.mjs';
import { GRACE } from '../harness/invariants.mjs';
import { replicas } from '../harness/replicas.mjs';

const WEB_SOCKET = {
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
};

/** Opens what stays open; `closed` is fulfilled with when it was closed. Recorded, as what a visitor sends is. */
function open(world, { port }, visitor, path, headers = {}) {
  const { id, visitor: name, account } = visitor.session();
  const note = { mark: `${name}/${id}/${randomUUID()}`, visitor: name, account, path, session: id, began: Date.now() };
  world.recording.answers.push(note);
  return new Promise((resolve, reject) => {
    const host = `${HOST}:${new URL(world.origin).port}`;
    const all = { host, origin: world.origin, cookie: visitor.cookie(), 'x-mark': note.mark, ...headers };
    const sent = request({ host: '127.0.0.1', port, path, headers: all, agent: new Agent({ keepAlive: false }) });
    const opened = (stream, { statusCode: status, headers }) => {
      Object.assign(note, { status, headers, text: '', ended: Date.now() });
      stream.on('error', () => {}).resume();
      resolve({ stream, closed: new Promise((over) => stream.once('close', () => over(Date.now()))) });
    };
    sent.on('upgrade', (response, socket) => opened(socket, response));
    sent.on('response', (response) =>
      response.statusCode === 200 ? opened(response, response) : reject(new Error(`${path}: ${response.statusCode}`)),
    );
    sent.on('error', reject);
    sent.end();
  });
}

// I2
replicas('streams and WebSockets of an ended session are closed within a second, on every gateway', {}, async (world) => {
  const [ada, grace] = ['p0', 'p1'].map((account) => world.visitor(account));
  for (const visitor of [ada, grace]) await visitor.signIn();
  const all = (visitor) =>
    Promise.all(
      world.gateways.flatMap((gateway) => [
        open(world, gateway, visitor, '/events'),
        open(world, gateway, visitor, '/socket', WEB_SOCKET),
      ]),
    );
  const [hers, others] = [await all(ada), await all(grace)];
  const ended = await ada.signOut({ at: world.gateways[0].port });
  assert.equal(ended.status, 200);
  const closed = await Promise.all(hers.map((one) => one.closed));
  for (const at of closed) assert.ok(at - ended.ended <= GRACE, `closed after ${at - ended.ended} ms`);
  for (const { stream } of others) assert.ok(!stream.destroyed, 'nobody else is disturbed');
  for (const { stream } of others) stream.destroy();
});
