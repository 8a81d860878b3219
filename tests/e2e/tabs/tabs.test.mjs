// Many tabs: each lands on its own URL; with a session nobody is asked again.
import assert from 'node:assert/strict';
import { signInAtProvider } from '../harness/browser.mjs';
import { scenario, sessionCookie } from '../harness/world.mjs';

const paths = Array.from({ length: 20 }, (_, index) => `/tab/${index + 1}?n=${index + 1}&q=a%20b`);

scenario('twenty tabs opened at once each land on their own URL', {}, async (world) => {
  // The provider knows the person, the gateway does not: no form stands between.
  const { context } = await world.signedIn('ada');
  await context.clearCookies({ name: (await sessionCookie(context)).name });
  const asked = world.provider.count('/auth');
  await Promise.all(
    paths.map(async (path) => {
      const tab = await context.newPage();
      await tab.goto(world.url(path));
      await tab.waitForURL(world.url(path));
      assert.equal(await tab.locator('#url').textContent(), path);
    }),
  );
  assert.ok(world.provider.count('/auth') > asked, 'they went by the provider');
});

scenario('seven tabs that wait at the sign-in form each land on their own URL', {}, async (world) => {
  const { context } = await world.person();
  const tabs = [];
  for (const path of paths.slice(0, 7)) {
    const tab = await context.newPage();
    await tab.goto(world.url(path));
    tabs.push({ tab, path });
  }
  for (const { tab, path } of tabs.reverse()) {
    await signInAtProvider(tab, 'ada');
    await tab.waitForURL(world.url(path));
    assert.equal(await tab.locator('#url').textContent(), path);
  }
});

scenario('a second tab needs no new sign-in', {}, async (world) => {
  const { context, page } = await world.signedIn('ada');
  const [asked, cookie] = [world.provider.count('/auth'), await sessionCookie(context)];
  const second = await context.newPage();
  await second.goto(world.url('/second?tab=2'));
  assert.equal(await second.locator('#url').textContent(), '/second?tab=2');
  await page.reload();
  assert.equal(await page.locator('#url').textContent(), '/home');
  assert.equal(world.provider.count('/auth'), asked);
  assert.equal((await sessionCookie(context)).value, cookie.value);
});
