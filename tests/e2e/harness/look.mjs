// A page of the gateway's own, judged: status, headers, and whether people can read it.
import assert from 'node:assert/strict';
import { assertAccessible } from './accessible.mjs';
import { screenshot } from './browser.mjs';

/** Keeps a screenshot as `page-NAME` and fails unless the page keeps every promise. `answer` is its response. */
export async function look(page, answer, name, status) {
  assert.equal(answer.status(), status, name);
  const headers = answer.headers();
  const policy = headers['content-security-policy'] ?? '';
  assert.match(policy, /default-src 'none'/, `${name}: ${policy}`);
  assert.match(policy, /frame-ancestors 'none'/, `${name}: ${policy}`);
  assert.ok(!/unsafe-inline|unsafe-eval|\*/.test(policy), `${name}: ${policy}`);
  assert.match(headers['cache-control'] ?? '', /no-store/, name);
  assert.equal(headers['x-content-type-options'], 'nosniff', name);
  assert.equal(headers.server, undefined, `${name}: no server banner`);
  await screenshot(page, `page-${name}`);
  await page.setViewportSize({ width: 320, height: 640 });
  await assertAccessible(page, name);
  await page.setViewportSize({ width: 1280, height: 720 });
}
