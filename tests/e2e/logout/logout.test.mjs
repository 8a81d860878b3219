// Every way a session ends by protocol, with the real provider: it tells the gateway, and the gateway tells it.
import assert from 'node:assert/strict';
import { screenshot } from '../harness/browser.mjs';
import { listen } from '../harness/listener.mjs';
import { people } from '../harness/people.mjs';
import { eventually } from '../harness/wait.mjs';
import { scenario, sessionCookie } from '../harness/world.mjs';

async function cookieOf(context) {
  const { name, value } = await sessionCookie(context);
  return { cookie: `${name}=${value}` };
}

async function isIn(world, context) {
  const answer = await world.gateway.request('/api/me', { headers: await cookieOf(context) });
  assert.ok([200, 401].includes(answer.status), `${answer.status}`);
  return answer.status === 200;
}

/** Signs out at the provider's own page, as if at another of its apps. */
async function signOutAtProvider(world, page) {
  await page.goto(`${world.provider.issuer}/session/end`);
  await page.getByRole('heading', { name: 'Signed out at the provider' }).waitFor();
}

for (const store of ['memory', 'redis']) {
  scenario(`a sign-out at the provider ends both browsers' sessions, ${store} store`, { store, backchannel: 'sub' }, async (world) => {
    const [laptop, phone] = [await world.signedIn('ada'), await world.signedIn('ada')];
    const other = await world.signedIn('grace');
    assert.ok(await isIn(world, laptop.context) && await isIn(world, phone.context));
    await signOutAtProvider(world, laptop.page);
    await eventually('the provider has told the gateway', () => world.provider.told.length > 0);
    assert.deepEqual(world.provider.told, [{ client: 'doorward-basic', outcome: 'success' }]);
    assert.equal(await isIn(world, laptop.context), false);
    assert.equal(await isIn(world, phone.context), false);
    assert.equal(await isIn(world, other.context), true, 'somebody else');
    assert.match(await world.gateway.metrics(), /doorward_provider_logouts_total\{channel="back",outcome="ended",provider="company"\} 1/);
    // The browser that did nothing is asked to sign in with its next page.
    await laptop.page.goto(world.url('/home'));
    await laptop.page.getByLabel('User name').waitFor();
  });
}

scenario('a sign-out at the provider by sid ends that browser’s session alone', { backchannel: 'sid' }, async (world) => {
  const [laptop, phone] = [await world.signedIn('ada'), await world.signedIn('ada')];
  await signOutAtProvider(world, laptop.page);
  await eventually('the provider has told the gateway', () => world.provider.told.length > 0);
  assert.equal(await isIn(world, laptop.context), false);
  assert.equal(await isIn(world, phone.context), true);
});

scenario('a sign-out here takes the tokens back, and is told back', { backchannel: 'sid' }, async (world) => {
  const { context, page } = await world.signedIn('ada');
  const stolen = await cookieOf(context);
  await page.goto(world.url('/.doorward/sign-out?return_to=/public/goodbye'));
  await page.getByRole('button', { name: /sign out/i }).click();
  await page.waitForURL((url) => url.pathname === '/.doorward/signed-out');
  assert.ok(new URL(page.url()).searchParams.get('state'), 'the provider gave it back');
  const onward = await page.getByRole('link', { name: 'Sign in again' }).getAttribute('href');
  assert.equal(onward, '/.doorward/sign-in?return_to=%2Fpublic%2Fgoodbye');
  const revoked = () => world.provider.count('/token/revocation') === 2;
  await eventually('refresh and access token are taken back', revoked);
  await eventually('the provider has told the gateway', () => world.provider.told.length > 0);
  assert.equal(world.provider.told[0].outcome, 'success', 'a session that is gone already is as good');
  const replay = await world.gateway.request('/api/me', { headers: stolen });
  assert.equal(replay.status, 401);
  const calls = /doorward_provider_call_seconds_count\{call="ok",endpoint="revocation",provider="company"\} 2/;
  assert.match(await world.gateway.metrics(), calls);
});

// RL-01: whoever stayed for long has nothing fresher to show.
scenario('an ID token that has expired is a hint that the provider takes', { provider: { lifetimes: { idToken: 1 } } }, async (world) => {
  const { context, page } = await world.signedIn('ada');
  const me = await world.gateway.request('/.doorward/whoami', { headers: await cookieOf(context) });
  await eventually('the ID token has expired', () => Date.now() / 1000 > me.json().claims.exp);
  await page.goto(world.url('/.doorward/sign-out'));
  await page.getByRole('button', { name: /sign out/i }).click();
  await page.waitForURL((url) => url.pathname === '/.doorward/signed-out');
  const asked = world.provider.requests.find((request) => request.path === '/session/end');
  const claims = JSON.parse(Buffer.from(asked.query.get('id_token_hint').split('.')[1], 'base64url'));
  assert.equal(claims.exp, me.json().claims.exp);
  assert.ok(new URL(page.url()).searchParams.get('state'), 'the provider knew whom, and the way back');
  await page.goto(world.url('/home'));
  await page.getByLabel('User name').waitFor();
});

// RL-01
scenario('a provider that refuses the way back keeps nobody signed in here', { provider: { signedOutUris: [] } }, async (world) => {
  const { context, page } = await world.signedIn('ada');
  const stolen = await cookieOf(context);
  await page.goto(world.url('/.doorward/sign-out'));
  await page.getByRole('button', { name: /sign out/i }).click();
  await page.getByRole('heading', { name: 'Provider error' }).waitFor();
  assert.match(await page.locator('#error').textContent(), /post_logout_redirect_uri/);
  assert.equal(await sessionCookie(context), undefined);
  assert.equal((await world.gateway.request('/api/me', { headers: stolen })).status, 401);
});

const crowded = {
  ada: { ...people.ada, groups: Array.from({ length: 120 }, (_, n) => `a-group-with-a-long-name-${n}`) },
};

for (const javaScriptEnabled of [true, false]) {
  const how = javaScriptEnabled ? 'with' : 'without';
  const options = { provider: { people: crowded }, backchannel: 'sid' };
  scenario(`an ID token too long for an address goes by a form, ${how} script`, options, async (world) => {
    const { context, page } = await world.signedIn('ada', '/home', { javaScriptEnabled });
    await page.goto(world.url('/.doorward/sign-out'));
    await page.getByRole('button', { name: /sign out/i }).click();
    await page.getByRole('heading', { name: 'One more step to sign out' }).waitFor();
    await screenshot(page, `sign-out-finish-${how}-script`);
    assert.equal(await sessionCookie(context), undefined, 'signed out here already');
    await page.getByRole('button', { name: 'Sign out there too' }).click();
    if (javaScriptEnabled) {
      // There and back: the page's policy names the provider, and ourselves for the way back.
      await page.waitForURL((url) => url.pathname === '/.doorward/signed-out');
    } else {
      await page.waitForURL((url) => url.origin === world.provider.issuer);
    }
    const asked = world.provider.requests.filter((request) => request.path === '/session/end');
    assert.equal(asked[0].method, 'POST');
    assert.equal(asked[0].query.size, 0, 'nothing in the address');
    if (javaScriptEnabled) {
      await eventually('the provider has told the gateway', () => world.provider.told.length > 0);
    }
  });
}

const frames = { backchannel: 'sid', providerSettings: { front_channel_logout: true } };

scenario('a frame on the provider’s page ends the session, and only it may show the frame', frames, async (world) => {
  const [laptop, phone] = [await world.signedIn('ada'), await world.signedIn('ada')];
  const me = await world.gateway.request('/.doorward/whoami', { headers: await cookieOf(laptop.context) });
  const query = new URLSearchParams({ iss: world.provider.issuer, sid: me.json().claims.sid });
  const frame = world.url(`/.doorward/frontchannel-logout/company?${query}`);
  // The answer is framed by a page of the provider; a page of anybody else is shown nothing.
  const evil = await listen((request, response) => {
    response.writeHead(200, { 'content-type': 'text/html' });
    response.end(`<!doctype html><title>Evil</title><iframe src="${frame.replace(/sid=.*/, 'sid=nobody')}"></iframe>`);
  });
  try {
    const refused = laptop.page.waitForEvent('console', (message) => /frame-ancestors/.test(message.text()));
    await laptop.page.goto(evil.origin.replace('127.0.0.1', 'localhost'));
    await refused;
    assert.ok(await isIn(world, laptop.context));

    await laptop.page.goto(world.provider.framed(frame));
    await eventually('the frame is shown', async () => (await laptop.page.frames()[1]?.title()) === 'Signed out');
    assert.equal(await isIn(world, laptop.context), false);
    assert.equal(await isIn(world, phone.context), true);
    assert.equal(world.provider.count('/token/revocation'), 0);
  } finally {
    await evil.close();
  }
});
