// Dex itself with people of a real directory, both as docs/providers.md has them.
import assert from 'node:assert/strict';
import { freePort } from '../harness/child.mjs';
import { eventually } from '../harness/wait.mjs';
import { startDex } from './dex.mjs';
import { startDirectory } from './directory.mjs';
import { documented, substitute } from './parts.mjs';
import { scenario } from './world.mjs';

const SECRET = 'a-secret-of-the-client-of-this-test';
const PASSWORD = 'a password of this test';
const ada = { uid: 'ada', name: 'Ada Lovelace', mail: 'ada@example.com', password: PASSWORD };
const grace = { uid: 'grace', name: 'Grace Hopper', mail: 'grace@example.com', password: PASSWORD };

async function dex({ origin, folder, ca, certificate }) {
  const directory = await startDirectory({
    certificate,
    people: [ada, grace],
    groups: { 'wiki-admins': ['ada', 'grace'], staff: ['ada'] },
  });
  const port = await freePort();
  const issuer = `https://127.0.0.1:${port}`;
  const [theirs, ours] = documented('providers.md', 'Dex');
  const config = substitute(theirs, [
    ['https://dex.example.com', issuer],
    [/^storage:.*$/m.exec(theirs)[0], 'storage: { type: memory }'],
    ['0.0.0.0:5554', `127.0.0.1:${port}`],
    ['/etc/dex/tls.crt', certificate.cert],
    ['/etc/dex/tls.key', certificate.key],
    ['https://apps.example.com', origin],
    ['host: ldap.example.com:636', `host: 127.0.0.1:${directory.port}\n      rootCA: ${ca}`],
    ['idTokens: 10m', 'idTokens: 6s'],
  ]);
  const running = await startDex({ config, folder, issuer, env: { DOORWARD_CLIENT_SECRET: SECRET } });
  const provider = {
    ...running,
    directory,
    async stop() {
      await running.stop();
      await directory.stop();
    },
  };
  return {
    provider,
    config: ours,
    issuer: 'https://dex.example.com',
    secret: { file: 'dex-client-secret', value: SECRET },
  };
}

async function signIn(world, account, path = '/home') {
  const page = await world.person();
  await page.goto(world.url(path));
  await page.locator('#login').fill(account);
  await page.locator('#password').fill(PASSWORD);
  await page.locator('#submit-login').click();
  await page.waitForURL(world.url(path));
  return page;
}

/** Waits until a program with this browser's cookies gets this status. */
const becomes = (world, page, status) =>
  eventually(`answered ${status}`, async () => (await world.asProgram(page, '/home')).status === status, 60_000);

const renewals = async (world, page) => (await world.whoami(page)).session.renewals;

/** Every request is admitted until there are so many renewals more. */
async function renewsAgain(world, page, times) {
  const before = await renewals(world, page);
  const done = async () => {
    const answers = await Promise.all(Array.from({ length: 4 }, () => world.asProgram(page, '/home')));
    assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
    return (await renewals(world, page)) >= before + times;
  };
  await eventually(`${times} renewals`, done, 60_000);
}

scenario('Dex, as documented', dex, async (world) => {
  const { code, stdout } = await world.command('doctor');
  assert.equal(code, 0, stdout);

  const laptop = await signIn(world, 'ada');
  const { groups, email, preferred_username: name } = await world.whoami(laptop);
  assert.deepEqual({ groups: groups.sort(), email, name }, { groups: ['staff', 'wiki-admins'], email: ada.mail, name: 'ada' });
  await renewsAgain(world, laptop, 3);
  assert.ok(!/endpoint="userinfo"/.test(await world.metrics()), 'the ID token says everything');

  await anotherBrowser(world, laptop);
  await gone(world);
  await signedOut(world);
});

/** Dex keeps one refresh token for a person and a client: the older browser is asked to sign in, and is told no more. */
async function anotherBrowser(world, laptop) {
  const phone = await signIn(world, 'ada');
  await becomes(world, laptop, 401);
  await renewsAgain(world, phone, 2);
}

/** Whoever is gone from the directory is served no more, which Dex tells by a failure of its own; nobody else waits for it. */
async function gone(world) {
  const [leaver, other] = [await signIn(world, 'grace'), await signIn(world, 'ada')];
  await world.provider.directory.change({ people: [ada], groups: { 'wiki-admins': ['ada'] } });
  await becomes(world, leaver, 503);
  const asking = { on: true };
  const asked = (async () => {
    while (asking.on) assert.equal((await world.asProgram(leaver, '/home')).status, 503);
  })();
  await becomes(world, other, 200);
  await renewsAgain(world, other, 2);
  asking.on = false;
  await asked;

  await world.provider.directory.change({ people: [ada, grace], groups: { 'wiki-admins': ['grace'] } });
  await becomes(world, other, 403);
}

async function signedOut(world) {
  const page = await signIn(world, 'grace');
  await page.goto(world.url('/.doorward/sign-out'));
  await page.getByRole('button', { name: 'Sign out', exact: true }).click();
  await page.waitForURL(({ pathname }) => pathname === '/.doorward/signed-out');
  await page.goto(world.url('/home'));
  await page.locator('#login').waitFor();
}
