// Silent renewal: a page polls while its access token ends again and again, and never notices.
import assert from 'node:assert/strict';
import { eventually } from '../harness/wait.mjs';
import { scenario } from '../harness/world.mjs';

for (const store of ['memory', 'redis']) {
  scenario(`a polling page is renewed, ${store} store`, { store, provider: { lifetimes: { accessToken: 4 } } }, async (world) => {
    const { page } = await world.signedIn('ada');
    await page.evaluate(() => {
      window.statuses = [];
      window.polling = (async () => {
        while (!window.enough) {
          const answers = await Promise.all(Array.from({ length: 5 }, () => fetch('/api/poll')));
          window.statuses.push(...answers.map((answer) => answer.status));
          await new Promise((resolve) => setTimeout(resolve, 40));
        }
      })();
    });
    const tokens = () => new Set(world.upstream.to('/api/poll').map(({ headers }) => headers['x-access-token']));
    await eventually('the app saw four tokens', () => tokens().size >= 4, 30_000);
    const statuses = await page.evaluate(async () => {
      window.enough = true;
      await window.polling;
      return window.statuses;
    });
    assert.deepEqual([...new Set(statuses)], [200], 'every fetch succeeded');
    assert.ok(!tokens().has(undefined), 'every request carried a token');
    const renewals = world.provider.grants.filter(({ type }) => type === 'refresh_token');
    assert.deepEqual(renewals.filter(({ outcome }) => outcome !== 'success'), [], 'no refresh token was spent twice');
    assert.ok(renewals.length >= 3 && renewals.length <= tokens().size + 1, `${renewals.length} renewals`);
    assert.equal(world.provider.count('/auth'), 1, 'the person was asked once');
  });
}

scenario('a browser that was away comes back with one renewal', { provider: { lifetimes: { accessToken: 2 } } }, async (world) => {
  const { context, page } = await world.signedIn('ada');
  const signedInAt = Date.now();
  await eventually('the token is over', () => Date.now() - signedInAt > 2_500);
  const answers = await page.evaluate(async () => {
    const all = await Promise.all(Array.from({ length: 6 }, () => fetch('/api/burst')));
    return all.map((answer) => answer.status);
  });
  assert.deepEqual([...new Set(answers)], [200]);
  const tokens = new Set(world.upstream.to('/api/burst').map(({ headers }) => headers['x-access-token']));
  const renewals = world.provider.grants.filter(({ type }) => type === 'refresh_token');
  assert.ok(renewals.length >= 1 && renewals.every(({ outcome }) => outcome === 'success'));
  assert.ok(tokens.size <= renewals.length, 'nobody was served with the token that was over');
  await context.close();
});
