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
  const folder = tempFolder('demo');
  const demo = startChild('demo', binary(), ['demo'], { cwd: folder.path });
  const browser = await startBrowser();
  t.after(async () => {
    await browser.stop();
    await demo.stop();
    folder.remove();
  });
  try {
    const [found] = await demo.line(/http:\/\/(localhost|127\.0\.0\.1|[a-z.]+\.localhost):\d+/);
    const url = (path) => new URL(path, found).toString();
    for (const person of people) await visit(browser, url, person);
  } catch (error) {
    console.error(demo.tail());
    throw error;
  }
});

async function visit(browser, url, person) {
  const context = await browser.person();
  const page = await context.newPage();
  const name = person.email.split('@')[0];
  await page.goto(url('/'));
  await page.getByRole('heading', { level: 1 }).waitFor();
  await screenshot(page, `demo-${name}-start`);

  await page.goto(url('/me?deep=link&n=42'));
  await page.getByLabel('Email').fill(person.email);
  await page.getByLabel('Password').fill('not the password');
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
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
