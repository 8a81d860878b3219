// Programs get a proper 401, people a redirect.
import assert from 'node:assert/strict';
import { fetchFrom, scenario } from '../harness/world.mjs';

// AR-21
scenario('a fetch without a session gets 401 and problem JSON, never a redirect', {}, async (world) => {
  const { page } = await world.person();
  await page.goto(world.url('/public/page'));
  for (const options of [{}, { method: 'POST', body: 'x' }, { headers: { accept: 'text/html' } }]) {
    const answer = await fetchFrom(page, '/api/data', options);
    assert.equal(answer.status, 401, JSON.stringify(options));
    assert.equal(answer.redirected, false);
    assert.match(answer.type, /application\/problem\+json/);
    assert.equal(JSON.parse(answer.text).status, 401);
  }
  assert.equal(world.upstream.to('/api/data').length, 0);
});

scenario('a program gets 401, a navigation 302', {}, async (world) => {
  const program = await world.gateway.request('/api/data', { headers: { accept: 'application/json' } });
  assert.equal(program.status, 401);
  assert.ok(program.headers['www-authenticate']);
  assert.match(program.headers['cache-control'], /no-store/);
  assert.equal((await world.gateway.request('/api/data')).status, 401);

  const headers = { accept: 'text/html', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' };
  const navigation = await world.gateway.request('/deep?x=1', { headers });
  assert.equal(navigation.status, 302);
  assert.match(navigation.headers['cache-control'], /no-store/);
  const to = new URL(navigation.headers.location);
  assert.equal(to.origin, world.provider.issuer);
  assert.equal(to.searchParams.get('response_type'), 'code');
  assert.equal(to.searchParams.get('code_challenge_method'), 'S256');
  assert.match(to.searchParams.get('nonce'), /^[A-Za-z0-9._~-]{22,43}$/);
  assert.ok(!to.toString().includes('deep'), 'the return address does not leave the gateway');
});

scenario('a malformed cookie is no session', {}, async (world) => {
  for (const value of ['', 'x', 'A'.repeat(43), 'A'.repeat(5000), '%00', '"quoted"', '{}']) {
    const answer = await world.gateway.request('/api/data', { headers: { cookie: `doorward=${value}` } });
    assert.equal(answer.status, 401, value.slice(0, 20));
  }
  const hello = await world.gateway.request('/hello/page', { headers: { cookie: 'doorward=x' } });
  assert.equal(hello.status, 200);
  assert.equal(hello.json().headers['x-forwarded-user'], undefined);
});
