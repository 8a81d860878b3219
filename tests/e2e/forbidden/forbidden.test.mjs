// Signed in, and not allowed: a page that says so, and no loop.
import assert from 'node:assert/strict';
import { screenshot, signInAtProvider } from '../harness/browser.mjs';
import { people } from '../harness/people.mjs';
import { fetchFrom, scenario } from '../harness/world.mjs';

scenario('a person without the group is told so', {}, async (world) => {
  const { page } = await world.person();
  await page.goto(world.url('/admin/panel?x=1'));
  await signInAtProvider(page, 'grace');
  await page.waitForURL(world.url('/admin/panel?x=1'));
  const again = await page.reload();
  assert.equal(again.status(), 403);
  assert.match(again.headers()['cache-control'], /no-store/);
  const text = await page.locator('body').innerText();
  assert.ok(text.includes(people.grace.email) || text.includes(people.grace.name), `who one is: ${text}`);
  assert.match(text, /[0-9a-f]{8}/i, 'the request id');
  await page.getByRole('link', { name: /account/i }).or(page.getByRole('button', { name: /account/i })).first().waitFor();
  await screenshot(page, 'forbidden');
  assert.equal(world.upstream.requests.length, 0, 'nothing reached the app');
  assert.equal(world.provider.count('/auth'), 1, 'no loop');

  // Our own pages let nothing be fetched; a page of the app does.
  await page.goto(world.url('/public/page'));
  const answer = await fetchFrom(page, '/admin/data');
  assert.ok(!JSON.stringify(world.upstream.requests).includes('/admin/data'), 'nothing reached the app');
  assert.equal(answer.status, 403);
  assert.match(answer.type, /application\/problem\+json/);
  const problem = JSON.parse(answer.text);
  assert.equal(problem.status, 403);
  assert.ok(!answer.text.includes(people.grace.email), 'nothing personal in the problem');
});

scenario('a person with the group passes', {}, async (world) => {
  const { page } = await world.signedIn('ada', '/admin/panel');
  assert.equal(await page.locator('#user').textContent(), people.ada.sub);
});
