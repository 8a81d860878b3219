// What passes through, passes at once: events as they come, uploads whole.
import assert from 'node:assert/strict';
import { scenario } from '../harness/world.mjs';

scenario('server-sent events arrive while the stream is open', {}, async (world) => {
  const { page } = await world.signedIn('ada');
  const ticks = await page.evaluate(
    () =>
      new Promise((resolve) => {
        const seen = [];
        const source = new EventSource('/events');
        source.onmessage = ({ data }) => {
          seen.push(data);
          if (seen.length === 3) {
            source.close();
            resolve(seen);
          }
        };
      }),
  );
  assert.deepEqual(ticks, ['tick 1', 'tick 2', 'tick 3']);
});

scenario('an upload arrives whole', {}, async (world) => {
  const { page } = await world.signedIn('ada');
  const sunk = await page.evaluate(async () => {
    const body = new Uint8Array(5_000_000).map((_, index) => index % 251);
    const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', body));
    const sha256 = [...digest].map((byte) => byte.toString(16).padStart(2, '0')).join('');
    const answer = await fetch('/sink', { method: 'POST', body });
    return { sha256, answer: await answer.json() };
  });
  assert.deepEqual(sunk.answer, { bytes: 5_000_000, sha256: sunk.sha256 });
});
