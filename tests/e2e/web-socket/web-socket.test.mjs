// WebSocket: refused without a session before the app hears of it, passed through with one.
import assert from 'node:assert/strict';
import { people } from '../harness/people.mjs';
import { scenario } from '../harness/world.mjs';

const handshake = {
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
};

scenario('an upgrade without a session is refused', {}, async (world) => {
  const answer = await world.gateway.request('/ws', { headers: handshake });
  assert.equal(answer.status, 401);
  assert.ok(answer.headers['www-authenticate']);
  assert.equal(world.upstream.requests.length, 0);
});

scenario('a page with a session talks to the app', {}, async (world) => {
  const { page } = await world.signedIn('ada');
  const talk = (size) =>
    page.evaluate(
      (length) =>
        new Promise((resolve, reject) => {
          const socket = new WebSocket(`ws://${location.host}/ws`, ['chat', 'other']);
          const messages = [];
          socket.onopen = () => socket.send('x'.repeat(length));
          socket.onerror = () => reject(new Error('refused'));
          socket.onmessage = ({ data }) => {
            messages.push(data);
            if (messages.length === 2) socket.close(1000);
          };
          socket.onclose = ({ code }) =>
            resolve({ hello: messages[0], length: messages[1]?.length, protocol: socket.protocol, code });
        }),
      size,
    );

  for (const size of [5, 70_000]) {
    // pingora 0.9.1 can drop a tunnel right after 101 when the upstream is faster than the empty request body (its issue
    // 946); rare, on a loaded machine. A page opens its socket again, and so does this one, a few times at most.
    let seen = await talk(size);
    for (let attempt = 1; attempt < 4 && seen.hello === undefined; attempt += 1) seen = await talk(size);
    assert.deepEqual(JSON.parse(seen.hello), { user: people.ada.sub });
    assert.deepEqual({ ...seen, hello: undefined }, { hello: undefined, length: size, protocol: 'chat', code: 1000 });
  }
});
