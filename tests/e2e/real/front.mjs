// What has to hold of any proxy in front of the gateway, both as docs/behind-a-proxy.md says.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { signInAtProvider } from '../harness/browser.mjs';
import { people } from '../harness/people.mjs';
import { SECRET, startProvider } from '../harness/provider.mjs';
import { eventually } from '../harness/wait.mjs';
import { documented } from './parts.mjs';

/** The provider of a gateway behind a proxy, and how the page's configuration comes to stand here. */
export async function behindProxy({ origin, certificate }) {
  const provider = await startProvider({
    redirectUris: [`${origin}/.doorward/callback`],
    signedOutUris: [`${origin}/.doorward/signed-out`],
    registered: [{ id: 'doorward', secret: SECRET, method: 'client_secret_basic' }],
    tls: { cert: readFileSync(certificate.cert), key: readFileSync(certificate.key) },
  });
  const [config] = documented('behind-a-proxy.md');
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
  };
}

/** Waits until the gateway answers through a proxy that was just started. */
export function answers(child, origin, ca) {
  return eventually('the proxy answers for the gateway', async () => {
    assert.ok(child.running(), child.tail());
    const { status } = await ask(origin, ca);
    assert.equal(status, 302, child.tail());
    return true;
  });
}

/** One request from an address of its own, so that it is not taken for a trusted proxy's. */
export function ask(origin, ca, path = '/', headers = {}) {
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
  'true-client-ip': '6.6.6.6',
  'x-request-id': 'a-word-of-the-client',
  'client-cert': ':AAAA:',
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  'x-forwarded-user': 'chief',
};

/** Somebody signs in through the proxy, opens a WebSocket and an event stream, and nothing that a client says is believed. */
export async function holds(world) {
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
  await speaks(page);

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
  for (const absent of ['forwarded', 'client-cert', 'traceparent', 'true-client-ip']) {
    assert.equal(headers[absent], undefined, `${absent}: ${headers[absent]}`);
  }
  const logged = () => world.gateway.lines.find((line) => line.includes('"/spoofed"'));
  await eventually('the access line is written', logged);
  assert.equal(JSON.parse(logged()).client, '127.0.0.9');
}

async function speaks(page) {
  const greeting = await page.evaluate(
    () =>
      new Promise((resolve, reject) => {
        const socket = new WebSocket(`wss://${location.host}/ws`);
        socket.onmessage = ({ data }) => resolve(JSON.parse(data));
        socket.onerror = () => reject(new Error('no WebSocket'));
      }),
  );
  assert.equal(greeting.user, people.ada.sub, 'a WebSocket opens');
  const event = await page.evaluate(
    () =>
      new Promise((resolve, reject) => {
        const source = new EventSource('/events');
        source.onmessage = ({ data }) => {
          source.close();
          resolve(data);
        };
        source.onerror = () => reject(new Error('no event stream'));
      }),
  );
  assert.equal(event, 'tick 1', 'an event arrives before its stream ends');
}
