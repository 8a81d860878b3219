// Envoy itself in front of the gateway, both as docs/behind-a-proxy.md says.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { signInAtProvider } from '../harness/browser.mjs';
import { startChild } from '../harness/child.mjs';
import { people } from '../harness/people.mjs';
import { SECRET, startProvider } from '../harness/provider.mjs';
import { eventually } from '../harness/wait.mjs';
import { documented, part, substitute } from './parts.mjs';
import { scenario } from './world.mjs';

async function envoy({ origin, folder, certificate }) {
  const provider = await startProvider({
    redirectUris: [`${origin}/.doorward/callback`],
    signedOutUris: [`${origin}/.doorward/signed-out`],
    registered: [{ id: 'doorward', secret: SECRET, method: 'client_secret_basic' }],
    tls: { cert: readFileSync(certificate.cert), key: readFileSync(certificate.key) },
  });
  const [config] = documented('behind-a-proxy.md');
  const [theirs] = documented('behind-a-proxy.md', 'Envoy');
  return {
    provider,
    config,
    issuer: 'https://id.example.com/realms/staff',
    secret: { file: 'client.secret', value: SECRET },
    listening: ({ inner, admin }) => [
      ['0.0.0.0:8080', `127.0.0.1:${inner}`],
      ['10.0.3.0/24', '127.0.0.1/32'],
      ['127.0.0.1:9090', `127.0.0.1:${admin}`],
    ],
    async front({ door, inner }) {
      const file = join(folder, 'envoy.yaml');
      const here = substitute(theirs, [
        ['address: 0.0.0.0, port_value: 443', `address: 127.0.0.1, port_value: ${door}`],
        ['/etc/envoy/apps.crt', join(folder, 'tls.crt')],
        ['/etc/envoy/apps.key', join(folder, 'tls.key')],
        ['address: doorward.internal, port_value: 8080', `address: 127.0.0.1, port_value: ${inner}`],
      ]);
      writeFileSync(file, here);
      const args = ['-c', file, '--use-dynamic-base-id', '--concurrency', '1', '--log-level', 'warn'];
      const child = startChild('envoy', part('envoy'), args);
      await eventually('envoy answers', async () => {
        assert.ok(child.running(), child.tail());
        const { status } = await ask(origin, join(folder, 'corporate-ca.crt'));
        assert.equal(status, 302, child.tail());
        return true;
      });
      return child;
    },
  };
}

/** One request from an address of its own, so that it is not taken for a trusted proxy's. */
function ask(origin, ca, path = '/', headers = {}) {
  return new Promise((resolve, reject) => {
    const options = {
      ca: readFileSync(ca),
      localAddress: '127.0.0.9',
      agent: false,
      headers: { accept: 'text/html', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document', ...headers },
    };
    const sent = request(`${origin}${path}`, options, (answer) => {
      answer.resume().on('end', () => resolve({ status: answer.statusCode, headers: answer.headers }));
    });
    sent.on('error', reject).end();
  });
}

const spoofed = {
  'x-forwarded-for': '6.6.6.6',
  'x-forwarded-proto': 'http',
  'x-forwarded-host': 'evil.example',
  forwarded: 'for=6.6.6.6',
  'x-real-ip': '6.6.6.6',
  'x-request-id': 'a-word-of-the-client',
  'client-cert': ':AAAA:',
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  'x-forwarded-user': 'chief',
};

scenario('Envoy, as documented', envoy, async (world) => {
  const page = await world.person();
  await page.goto(world.url('/page?a=1'));
  await signInAtProvider(page, 'ada');
  await page.waitForURL(world.url('/page?a=1'));
  assert.equal(await page.locator('#user').textContent(), people.ada.sub);
  const seen = world.upstream.to('/page')[0].headers;
  const port = new URL(world.origin).port;
  assert.equal(seen['x-forwarded-proto'], 'https');
  assert.equal(seen['x-forwarded-host'], `localhost:${port}`);
  assert.equal(seen.host, `localhost:${port}`);

  const greeting = await page.evaluate(
    () =>
      new Promise((resolve, reject) => {
        const socket = new WebSocket(`wss://${location.host}/ws`);
        socket.onmessage = ({ data }) => resolve(JSON.parse(data));
        socket.onerror = () => reject(new Error('no WebSocket'));
      }),
  );
  assert.equal(greeting.user, people.ada.sub, 'a WebSocket opens');

  const cookies = await page.context().cookies(world.url('/'));
  const { name, value } = cookies.find((cookie) => cookie.name === '__Host-doorward');
  const answer = await ask(world.origin, world.ca, '/spoofed', { ...spoofed, cookie: `${name}=${value}` });
  assert.equal(answer.status, 200);
  const { headers } = world.upstream.to('/spoofed')[0];
  assert.equal(headers['x-forwarded-for'].split(/, */).at(-2), '127.0.0.9', headers['x-forwarded-for']);
  assert.equal(headers['x-forwarded-proto'], 'https');
  assert.equal(headers['x-forwarded-host'], `localhost:${port}`);
  assert.equal(headers['x-forwarded-user'], people.ada.sub);
  assert.notEqual(headers['x-request-id'], spoofed['x-request-id']);
  assert.notEqual(headers['x-real-ip'], '6.6.6.6');
  for (const absent of ['forwarded', 'client-cert', 'traceparent']) {
    assert.equal(headers[absent], undefined, `${absent}: ${headers[absent]}`);
  }
  const logged = () => world.gateway.lines.find((line) => line.includes('"/spoofed"'));
  await eventually('the access line is written', logged);
  assert.equal(JSON.parse(logged()).client, '127.0.0.9');
  const warnings = world.front.lines.filter((line) => !line.includes('active downstream connections'));
  assert.deepEqual(warnings, [], 'no limit of connections is all that Envoy warns of');
});
