// `doorward demo`: nothing but the binary, and every person in it signs in and sees what the policy says of them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { screenshot, startBrowser } from '../harness/browser.mjs';
import { startChild, tempFolder } from '../harness/child.mjs';
import { binary } from '../harness/gateway.mjs';

const people = [
  { email: 'ada@example.com', password: 'analytical', engineer: true },
  { email: 'grace@example.com', password: 'compiler', engineer: true },
  { email: 'linus@example.com', password: 'handshake', engineer: false },
  { email: 'guest@example.com', password: 'welcome', engineer: false },
];

test('each person of the demo signs in', async (t) => {
  const { url, browser } = await startDemo(t);
  for (const person of people) await visit(browser, url, person);
});

test('each kind of route of the demo does what it says', async (t) => {
  const { url, browser, demo } = await startDemo(t, ['--token-life', '4']);
  for (const { email, password } of people) await demo.line(new RegExp(`${email} +${password} `));

  const program = await fetch(url('/api/me'), { redirect: 'manual' });
  assert.equal(program.status, 401);
  assert.equal(program.headers.get('content-type'), 'application/problem+json');
  assert.ok(program.headers.get('www-authenticate'));

  const page = await (await browser.person()).newPage();
  assert.equal((await page.goto(url('/'))).status(), 200);
  await page.getByRole('heading', { name: 'Hello, whoever you are' }).waitFor();
  await page.getByRole('button', { name: 'Fetch /api/me' }).click();
  await page.getByText('401 application/problem+json').waitFor();

  await page.goto(url('/api/me'));
  await signIn(page, people[0]);
  await page.waitForURL(url('/api/me'));
  const me = JSON.parse(await page.locator('body').innerText());
  assert.equal(me.assertion_verified, true);
  assert.equal(me.assertion.email, people[0].email);
  await page.goto(url('/'));
  await page.getByText('The app checked the gateway').waitFor();

  await page.goto(url('/ws'));
  await page.getByText('Open.').waitFor();
  await page.getByRole('button', { name: 'Send' }).click();
  await page.getByText('← Is anybody there?').waitFor();

  await page.goto(url('/events'));
  await page.waitForFunction(() => Number(document.getElementById('tick').textContent) >= 2);

  await page.goto(url('/poll'));
  await page.waitForFunction(() => Number(document.getElementById('renewals').textContent) >= 1);
  await page.getByText('200: signed in').waitFor();
});

/** A demo on a port of its own, and a browser; both end with the test. */
async function startDemo(t, more = []) {
  const folder = tempFolder('demo');
  const demo = startChild('demo', binary(), ['demo', '--listen', '127.0.0.1:0', ...more], { cwd: folder.path });
  const browser = await startBrowser();
  t.after(async () => {
    if (!t.passed) console.error(demo.tail());
    await browser.stop();
    await demo.stop();
    folder.remove();
  });
  const [found] = await demo.line(/http:\/\/(localhost|127\.0\.0\.1|[a-z.]+\.localhost):\d+/);
  return { url: (path) => new URL(path, found).toString(), browser, demo };
}

async function signIn(page, { email, password }) {
  await page.getByLabel('Email').fill(email);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
}

async function visit(browser, url, person) {
  const context = await browser.person();
  const page = await context.newPage();
  const name = person.email.split('@')[0];
  await page.goto(url('/'));
  await page.getByRole('heading', { level: 1 }).waitFor();
  await screenshot(page, `demo-${name}-start`);

  await page.goto(url('/me?deep=link&n=42'));
  await signIn(page, { ...person, password: 'not the password' });
  await page.getByRole('alert').waitFor();
  await page.getByLabel('Email').fill(person.email);
  await page.getByLabel('Password').fill(person.password);
  await screenshot(page, `demo-${name}-form`);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.waitForURL(url('/me?deep=link&n=42'));
  await page.getByText('Verified against the key set').waitFor();
  assert.ok((await page.locator('main').innerText()).includes(person.email));
  await screenshot(page, `demo-${name}-received`);

  const answer = await page.goto(url('/engineering'));
  assert.equal(answer.status(), person.engineer ? 200 : 403, person.email);
  await screenshot(page, `demo-${name}-engineering`);
  await context.close();
}
