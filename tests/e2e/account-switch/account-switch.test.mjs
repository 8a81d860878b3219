// From the page that says "not allowed" to another account, and back to the page that was asked for.
import assert from 'node:assert/strict';
import { signInAtProvider } from '../harness/browser.mjs';
import { people } from '../harness/people.mjs';
import { fetchFrom, scenario, sessionCookie } from '../harness/world.mjs';

scenario('a person changes the account and gets in', {}, async (world) => {
  const { context, page } = await world.person();
  await page.goto(world.url('/admin/panel?x=1'));
  await signInAtProvider(page, 'grace');
  await page.waitForURL(world.url('/admin/panel?x=1'));
  const before = await sessionCookie(context);

  const change = page.getByRole('link', { name: /account/i }).or(page.getByRole('button', { name: /account/i }));
  await change.first().click();
  await signInAtProvider(page, 'ada');
  await page.waitForURL(world.url('/admin/panel?x=1'));
  assert.equal(await page.locator('#user').textContent(), people.ada.sub);

  const after = await sessionCookie(context);
  assert.notEqual(after.value, before.value, 'a new handle at every sign-in');
  const whoami = await fetchFrom(page, '/.doorward/whoami');
  assert.ok(whoami.text.includes(people.ada.sub));
});
