// The provider is away: sessions go on, new sign-ins are told to wait, and all is well when it is back.
import assert from 'node:assert/strict';
import { signInAtProvider } from '../harness/browser.mjs';
import { look } from '../harness/look.mjs';
import { eventually } from '../harness/wait.mjs';
import { fetchFrom, scenario } from '../harness/world.mjs';

scenario('an outage of the provider does not sign anybody out', { provider: { lifetimes: { accessToken: 3 } } }, async (world) => {
  const ada = await world.signedIn('ada');
  await world.provider.down();
  assert.equal((await ada.page.reload()).status(), 200, 'the session goes on');

  await eventually('the token is over and nobody can renew it', async () => {
    const { status } = await fetchFrom(ada.page, '/api/late');
    assert.ok([200, 503].includes(status), `never anything but 200 or 503: ${status}`);
    return status === 503;
  });
  const waiting = await ada.page.reload();
  assert.equal(waiting.status(), 503);
  assert.ok(waiting.headers()['retry-after']);
  assert.equal(waiting.headers()['set-cookie'], undefined, 'the cookie stays');

  await world.provider.up();
  await eventually('the session is renewed', async () => (await ada.page.reload()).status() === 200, 60_000);
  assert.equal(world.provider.count('/interaction'), 0);
});

scenario('a sign-in while the provider is away gets a page, and succeeds later', {}, async (world) => {
  // Down before its metadata was ever read: with metadata at hand the browser itself would find nobody there.
  await world.provider.down();
  const { page } = await world.person();
  const answer = await page.goto(world.url('/home?a=1'));
  assert.equal(answer.status(), 503);
  assert.ok(answer.headers()['retry-after']);
  await look(page, answer, 'provider-down', 503);

  await world.provider.up();
  await eventually(
    'the sign-in works again',
    async () => {
      await page.goto(world.url('/home?a=1'));
      return page.getByLabel('User name').isVisible();
    },
    60_000,
  );
  await signInAtProvider(page, 'ada');
  await page.waitForURL(world.url('/home?a=1'));
});
