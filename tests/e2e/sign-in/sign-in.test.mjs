// The first sign-in: back to the very URL that was asked for, and the app learns who it is.
import assert from 'node:assert/strict';
import { createPublicKey, verify } from 'node:crypto';
import { screenshot, signInAtProvider } from '../harness/browser.mjs';
import { people } from '../harness/people.mjs';
import { fetchFrom, scenario, sessionCookie } from '../harness/world.mjs';

const DEEP = '/deep/page?a=1&b=%2Fx&b=2&next=https%3A%2F%2Fexample.com%2F%3Fq%3D1&empty=';

const ways = [
  { store: 'memory', client: 'basic' },
  { store: 'redis', client: 'basic' },
  { store: 'memory', client: 'post' },
  { store: 'memory', client: 'none' },
  { store: 'memory', client: 'basic', provider: { claimsInIdToken: false } },
];

for (const way of ways) {
  const claims = way.provider ? 'userinfo' : 'ID token';
  const name = `sign-in with the ${way.store} store, client ${way.client}, claims by ${claims}`;
  scenario(name, way, async (world) => {
    const { context, page } = await world.person();
    await page.goto(world.url(DEEP));
    assert.equal(new URL(page.url()).origin, world.provider.issuer, 'sent to the provider');
    assert.equal(world.upstream.requests.length, 0, 'nothing reached the app');
    await signInAtProvider(page, 'ada');
    await page.waitForURL(world.url(DEEP));
    assert.equal(await page.locator('#url').textContent(), DEEP);
    await screenshot(page, `sign-in-${way.store}-${way.client}`);

    const { headers } = world.upstream.to('/deep/page').at(-1);
    assert.equal(headers['x-forwarded-user'], people.ada.sub);
    assert.equal(headers['x-forwarded-email'], people.ada.email);
    assert.equal(headers['x-forwarded-preferred-username'], people.ada.preferred_username);
    assert.deepEqual(headers['x-forwarded-groups'].split(','), people.ada.groups);
    assert.equal(headers.authorization, undefined, 'no token unless the route asks');
    await assertAssertion(world, headers['x-doorward-assertion']);
    await assertCookie(world, context, headers);
    await assertNobodyElse(world, page);
    if (world.redis) await assertSealed(world, context);
  });
}

async function assertAssertion(world, assertion) {
  const [head, payload, signature] = assertion.split('.');
  const header = JSON.parse(Buffer.from(head, 'base64url'));
  const set = (await world.gateway.request('/.doorward/jwks.json')).json();
  const key = set.keys.find((one) => one.kid === header.kid);
  assert.equal(header.alg, 'ES256');
  assert.equal(key.d, undefined, 'the key set is public');
  const publicKey = { key: createPublicKey({ key, format: 'jwk' }), dsaEncoding: 'ieee-p1363' };
  const signed = Buffer.from(`${head}.${payload}`);
  assert.ok(verify('sha256', signed, publicKey, Buffer.from(signature, 'base64url')), 'the signature holds');
  const claims = JSON.parse(Buffer.from(payload, 'base64url'));
  assert.equal(claims.sub, people.ada.sub);
  assert.equal(claims.email, people.ada.email);
  assert.deepEqual(claims.groups, people.ada.groups);
  assert.ok(claims.exp - claims.iat <= 300, 'five minutes at most');
}

async function assertCookie(world, context, headers) {
  const cookie = await sessionCookie(context);
  assert.match(cookie.value, /^[A-Za-z0-9_-]{43}$/, 'a handle and nothing else');
  assert.equal(cookie.httpOnly, true);
  assert.equal(cookie.sameSite, 'Lax');
  assert.equal(cookie.path, '/');
  const sent = headers.cookie ?? '';
  assert.ok(!sent.includes(cookie.value) && !sent.includes('doorward'), `the app saw: ${sent}`);
  const left = (await context.cookies(world.origin)).filter(({ name }) => name.includes('doorward'));
  assert.deepEqual(left.map(({ name }) => name), [cookie.name], 'the attempt cookie is gone');
}

async function assertNobodyElse(world, page) {
  const spoofed = { 'X-Forwarded-User': 'ceo', X_Forwarded_User: 'ceo', 'X-Forwarded-Email': 'ceo@example.com' };
  const answer = await fetchFrom(page, '/api/spoof', { headers: spoofed });
  assert.equal(answer.status, 200);
  const { headers } = world.upstream.to('/api/spoof').at(-1);
  assert.equal(headers['x-forwarded-user'], people.ada.sub);
  assert.equal(headers['x-forwarded-email'], people.ada.email);
  assert.ok(!JSON.stringify(headers).includes('ceo'), 'nothing of the caller is left');
  const open = await world.gateway.request('/public/page', { headers: { 'x-forwarded-user': 'ceo' } });
  assert.equal(open.status, 200);
  assert.equal(open.json().headers['x-forwarded-user'], undefined, 'public routes are stripped too');
}

async function assertSealed(world, context) {
  const cookie = await sessionCookie(context);
  const kept = await world.redis.everything();
  assert.ok(kept.length > 100, 'the session is in Redis');
  for (const secret of [cookie.value, people.ada.email, people.ada.sub, 'eyJ']) {
    assert.ok(!kept.includes(secret), `Redis holds ${secret} in the clear`);
  }
}
