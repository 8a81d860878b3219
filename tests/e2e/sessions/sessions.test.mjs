// Two browsers of one person: each sees both sessions, and one ends the other's. An administrator ends what is left.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { signInAtProvider } from '../harness/browser.mjs';
import { tempFolder } from '../harness/child.mjs';
import { binary } from '../harness/gateway.mjs';
import { listen } from '../harness/listener.mjs';
import { look } from '../harness/look.mjs';
import { people } from '../harness/people.mjs';
import { eventually } from '../harness/wait.mjs';
import { fetchFrom, scenario, sessionCookie } from '../harness/world.mjs';

const doorward = promisify(execFile);

for (const store of ['memory', 'redis']) {
  const folder = tempFolder('administration');
  const [tokenFile, auditFile] = [join(folder.path, 'token'), join(folder.path, 'audit.log')];
  writeFileSync(tokenFile, 'a-token-for-this-scenario\n', { mode: 0o600 });
  // The level leaves nothing but errors in the log: the audit trail is not asked.
  const logging = { level: 'error', audit: { file: auditFile, person: 'subject' } };
  const settings = { admin: { token_file: tokenFile }, logging };

  scenario(`one browser ends the other's session, ${store} store`, { store, settings }, async (world) => {
    const desk = await world.signedIn('ada');
    const away = await world.signedIn('ada', '/away', { userAgent: 'Mozilla/5.0 (X11; Linux) Gecko/20100101 Firefox/140.0' });
    await world.signedIn('grace');
    const cookies = [await sessionCookie(desk.context), await sessionCookie(away.context)];

    await look(desk.page, await desk.page.goto(world.url('/.doorward/sessions')), `sessions-${store}`, 200);
    assert.equal(await desk.page.getByRole('row').count(), 3, 'a head and two sessions');
    const other = desk.page.getByRole('row', { name: /Firefox on Linux/ });
    await other.getByRole('button', { name: /^End the session of Firefox on Linux/ }).click();
    await desk.page.waitForURL(world.url('/.doorward/sessions'));
    assert.equal(await desk.page.getByRole('row').count(), 2);
    assert.equal(await desk.page.getByText('This browser').count(), 1);

    // At once: the app hears nothing more of the other browser, and this one goes on.
    const seen = world.upstream.requests.length;
    assert.equal((await fetchFrom(away.page, '/api/after')).status, 401);
    assert.equal(world.upstream.requests.length, seen);
    await desk.page.goto(world.url('/home'));
    assert.equal(await desk.page.locator('#url').textContent(), '/home');

    const ask = async (...args) =>
      (await doorward(binary(), ['sessions', ...args, '--admin', world.gateway.admin, '--token-file', tokenFile])).stdout;
    const listed = JSON.parse(await ask('list', '--json')).sessions;
    assert.deepEqual(listed.map(({ subject }) => subject).sort(), [people.ada.sub, people.grace.sub]);
    assert.equal(await ask('end', '--subject', people.ada.sub), 'ended 1 session\n');
    assert.equal((await fetchFrom(desk.page, '/api/after')).status, 401);

    // The trail: every act by name, and none of the secrets.
    const trail = () => readFileSync(auditFile, 'utf8').trim().split('\n').map((line) => JSON.parse(line));
    await eventually('the last act is in the trail', async () => trail().some(({ act }) => act === 'end_sessions'));
    const acts = trail().map(({ act, outcome, subject }) => [act, outcome, subject].join(' '));
    assert.deepEqual(acts, [
      `sign_in ok ${people.ada.sub}`,
      `sign_in ok ${people.ada.sub}`,
      `sign_in ok ${people.grace.sub}`,
      `end_own_sessions ok ${people.ada.sub}`,
      'list_sessions ok ',
      'end_sessions ok ',
    ]);
    const text = readFileSync(auditFile, 'utf8');
    for (const secret of [...cookies.map(({ value }) => value), 'a-token-for-this-scenario', 'ada@example.com', 'Bearer']) {
      assert.ok(!text.includes(secret), 'nothing secret or personal');
    }
    assert.ok(!world.gateway.tail().includes('doorward::audit'), 'the trail is in its own file');
    folder.remove();
  });
}

scenario('the page ends sessions without script, and another site ends none', {}, async (world) => {
  const { page } = await world.signedIn('ada');
  const still = await world.signedIn('ada');
  const target = world.url('/.doorward/sessions?end=others');
  const evil = await listen((request, response) => {
    response.writeHead(200, { 'content-type': 'text/html' });
    response.end(`<!doctype html><title>Evil</title><form method="post" action="${target}"><button>Win</button></form>`);
  });
  try {
    await page.goto(evil.origin.replace('127.0.0.1', 'localhost'));
    await page.getByRole('button', { name: 'Win' }).click();
    await page.waitForURL(target);
    assert.equal((await fetchFrom(still.page, '/api/still')).status, 200);

    const plain = await world.person({ javaScriptEnabled: false });
    await plain.page.goto(world.url('/home'));
    await signInAtProvider(plain.page, 'ada');
    await plain.page.waitForURL(world.url('/home'));
    await plain.page.goto(world.url('/.doorward/sessions'));
    await plain.page.getByRole('button', { name: 'End all others' }).click();
    await plain.page.waitForURL(world.url('/.doorward/sessions'));
    assert.equal(await plain.page.getByRole('row').count(), 2);
    assert.equal((await fetchFrom(still.page, '/api/still')).status, 401);
  } finally {
    await evil.close();
  }
});
