// In the place of oauth2-proxy: its links still sign in and out, and the redirect URI registered for it still holds.
import assert from 'node:assert/strict';
import { screenshot, signInAtProvider } from '../harness/browser.mjs';
import { freePort } from '../harness/child.mjs';
import { HOST } from '../harness/config.mjs';
import { people } from '../harness/people.mjs';
import { fetchFrom, scenario, sessionCookie } from '../harness/world.mjs';

const settings = { compatibility: { oauth2_proxy: true } };
const port = await freePort();
const origin = `http://${HOST}:${port}`;
// What was registered for oauth2-proxy, and nothing else: the provider takes no other address.
const provider = { redirectUris: [`${origin}/oauth2/callback`] };

scenario('a site that moved from oauth2-proxy', { settings, provider, port }, async (world) => {
  const { context, page } = await world.person();
  const app = encodeURIComponent(`${origin}/deep/page?a=1&b=%2Fx`);
  await page.goto(world.url(`/oauth2/sign_in?rd=${app}`));
  assert.equal(new URL(page.url()).origin, world.provider.issuer, 'sent to the provider');
  await signInAtProvider(page, 'ada');
  await page.waitForURL(world.url('/deep/page?a=1&b=%2Fx'));
  await screenshot(page, 'former-signed-in');

  const { headers } = world.upstream.to('/deep/page').at(-1);
  for (const names of ['x-auth-request', 'x-forwarded']) {
    assert.equal(headers[`${names}-user`], people.ada.sub);
    assert.equal(headers[`${names}-email`], people.ada.email);
    assert.deepEqual(headers[`${names}-groups`].split(','), people.ada.groups);
  }
  const told = JSON.parse((await fetchFrom(page, '/oauth2/userinfo')).text);
  assert.deepEqual(told, {
    user: people.ada.sub,
    email: people.ada.email,
    groups: people.ada.groups,
    preferredUsername: people.ada.preferred_username,
  });

  // A link of the app, as it was written for oauth2-proxy, signs out at once; the same address typed in asks first.
  await page.goto(world.url('/oauth2/sign_out'));
  await page.getByRole('button', { name: /sign out/i }).waitFor();
  assert.ok(await sessionCookie(context), 'still signed in');
  await page.goto(world.url('/deep/page'));
  await page.evaluate(() => {
    const link = document.createElement('a');
    link.href = '/oauth2/sign_out?rd=%2Fgoodbye';
    link.textContent = 'Leave';
    document.body.append(link);
  });
  await page.getByRole('link', { name: 'Leave' }).click();
  await page.waitForURL((url) => url.pathname === '/.doorward/signed-out');
  assert.equal(world.provider.count('/session/end'), 1, 'signed out at the provider');
  assert.equal(await sessionCookie(context), undefined, 'the cookie is gone');
  const onward = await page.getByRole('link').first().getAttribute('href');
  assert.equal(onward, '/.doorward/sign-in?return_to=%2Fgoodbye');
});
