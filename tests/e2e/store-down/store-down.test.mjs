// Redis is away: 503, the cookie stays. Redis comes back empty: a fresh sign-in, no loop.
import assert from 'node:assert/strict';
import { signInAtProvider } from '../harness/browser.mjs';
import { look } from '../harness/look.mjs';
import { eventually } from '../harness/wait.mjs';
import { fetchFrom, scenario, sessionCookie } from '../harness/world.mjs';

// RS-02
scenario('an outage of Redis does not clear the cookie', { store: 'redis' }, async (world) => {
  const { context, page } = await world.signedIn('ada');
  const cookie = await sessionCookie(context);
  await world.redis.down();
  const down = await eventually('the outage is seen', async () => {
    const answer = await page.reload();
    return answer.status() === 503 && answer;
  });
  assert.ok(down.headers()['retry-after']);
  await look(page, down, 'store-down', 503);
  assert.equal((await sessionCookie(context)).value, cookie.value);
  // Our own pages let nothing be fetched; a page of the app does.
  await page.goto(world.url('/public/page'));
  assert.equal((await fetchFrom(page, '/api/data')).status, 503);
  assert.equal((await world.gateway.request('/public/page')).status, 200, 'open routes go on');
  const hello = { headers: { cookie: `${cookie.name}=${cookie.value}` } };
  const recognised = await world.gateway.request('/hello/page', hello);
  assert.equal(recognised.status, 200, 'identity is optional there');
  assert.equal(recognised.json().headers['x-forwarded-user'], undefined);
  assert.equal(recognised.headers['set-cookie'], undefined);

  await world.redis.up();
  await eventually('a fresh sign-in', async () => {
    await page.goto(world.url('/home?b=2'));
    return page.url().includes('/home') && (await page.locator('#url').isVisible());
  });
  assert.equal(await page.locator('#url').textContent(), '/home?b=2');
  assert.notEqual((await sessionCookie(context)).value, cookie.value);
  const other = await world.person();
  await other.page.goto(world.url('/home'));
  await signInAtProvider(other.page, 'grace');
  await other.page.waitForURL(world.url('/home'));
});
