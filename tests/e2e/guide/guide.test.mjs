// README.md's five-minute guide, word for word: its files, its commands, its configuration, its verifier. Only ports, the
// issuer and the certificate of the provider are this machine's. TLS throughout, a real provider, a real Redis.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { get } from 'node:https';
import { delimiter, dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { makeAuthority, publicKey } from '../harness/authority.mjs';
import { screenshot, signInAtProvider, startBrowser } from '../harness/browser.mjs';
import { freePort, startChild, tempFolder } from '../harness/child.mjs';
import { binary } from '../harness/gateway.mjs';
import { people } from '../harness/people.mjs';
import { SECRET, startProvider } from '../harness/provider.mjs';
import { startRedis } from '../harness/redis.mjs';
import { startUpstream } from '../harness/upstream.mjs';
import { eventually } from '../harness/wait.mjs';
import { readGuide, substitute } from './readme.mjs';

const run = promisify(execFile);
const HERE = dirname(fileURLToPath(import.meta.url));
const ROOT = join(HERE, '..', '..', '..');
const HOSTS = ['wiki.example.com', 'grafana.example.com'];
const staff = {
  ada: { ...people.ada, groups: ['engineering', 'wiki-admins'] },
  grace: people.grace,
  mallory: people.mallory,
};

test('the guide of the README works as written', async () => {
  const world = await startWorld();
  try {
    await theFirstVisit(world);
    await whoMayPass(world);
    await theAppKnowsWhoSent(world);
    await aRestartSignsNobodyOut(world);
    await anotherHost(world);
    await signingOut(world);
    await healthAndMetrics(world);
  } catch (error) {
    for (const page of world.browser.contexts().flatMap((context) => context.pages())) {
      console.error(`page: ${page.url()}`);
      await screenshot(page, 'failed-guide');
    }
    console.error(world.gateway.tail());
    throw error;
  } finally {
    await world.stop();
  }
});

/** Follows the guide from its first step to a gateway that serves and a person in front of it. */
async function startWorld() {
  const ending = [];
  const started = (part) => {
    ending.push(part);
    return part;
  };
  const stop = async () => {
    for (const part of ending.reverse()) await part.stop();
  };
  try {
    const guide = readGuide();
    const folder = tempFolder('guide');
    started({ stop: folder.remove });
    const ports = { door: await freePort(), admin: await freePort() };
    const door = ['8443', String(ports.door)];
    const redirectUris = guide.redirectUris.map((uri) => substitute(uri, [door]));
    assert.deepEqual(redirectUris, HOSTS.map((host) => `https://${host}:${ports.door}/.doorward/callback`));

    const wiki = started(await startUpstream());
    const grafana = started(await startUpstream());
    const redis = started(await startRedis());
    const localhost = await (await makeAuthority(folder.path)).vouch('provider', ['localhost']);
    const provider = started(
      await startProvider({
        redirectUris,
        signedOutUris: redirectUris.map((uri) => substitute(uri, [['callback', 'signed-out']])),
        registered: [{ id: 'doorward', secret: SECRET, method: 'client_secret_basic' }],
        people: staff,
        tls: localhost,
      }),
    );

    followBuild(guide.build);
    const shell = shellIn(folder.path);
    await shell(guide.secrets, `${SECRET}\n`);
    await shell(guide.certificate);
    const config = substitute(guide.config, [
      ['0.0.0.0:8443', `127.0.0.1:${ports.door}`],
      ['127.0.0.1:9090', `127.0.0.1:${ports.admin}`],
      ['https://id.example.com/realms/staff', provider.issuer],
      ['# ca_file: corporate-ca.crt', 'ca_file: corporate-ca.crt'],
      ['redis://127.0.0.1:6379/0', redis.url],
      ['http://127.0.0.1:3000', wiki.url],
      ['http://127.0.0.1:3001', grafana.url],
    ]);
    writeFileSync(join(folder.path, 'doorward.yaml'), config);
    const { stdout } = await shell(guide.check);
    assert.equal(stdout, substitute(guide.checked, [door]), 'the guide shows what `doorward check` prints');

    const serve = async () => {
      const child = startChild('doorward', 'sh', ['-c', `exec ${guide.run}`], {
        cwd: folder.path,
        env: { ...process.env, PATH: path() },
      });
      await eventually('the gateway is ready', async () => {
        assert.ok(child.running(), child.tail());
        return (await fetch(`http://127.0.0.1:${ports.admin}/ready`)).ok;
      });
      return child;
    };
    const gateway = { child: await serve(), tail: () => gateway.child.tail() };
    started({ stop: () => gateway.child.stop() });
    const certificate = readFileSync(join(folder.path, 'tls.crt'));
    const browser = started(
      await startBrowser({ hosts: HOSTS, trusted: [certificate, localhost.cert].map(publicKey) }),
    );
    const page = await (await browser.person()).newPage();
    return {
      guide,
      folder: folder.path,
      ports,
      wiki,
      grafana,
      provider,
      gateway,
      browser,
      page,
      certificate,
      stop,
      url: (where, host = HOSTS[0]) => `https://${host}:${ports.door}${where}`,
      async restart() {
        const ended = await gateway.child.stop();
        assert.equal(ended.code, 0, 'it ends well when asked to');
        gateway.child = await serve();
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The build itself is not done again: what it calls is there, and the binary is the one of the tests. */
function followBuild(build) {
  const [make, ...rest] = build.trim().split('\n');
  const target = make.replace(/^make /, '');
  const makefile = readFileSync(join(ROOT, 'Makefile'), 'utf8');
  const rule = new RegExp(`^${target}:[^\n]*\n((?:\t[^\n]*\n)+)`, 'm').exec(makefile);
  assert.ok(rule, `the Makefile has ${target}`);
  assert.match(rule[1], /build --release --locked --no-default-features/);
  assert.deepEqual(rest, ['export PATH="$PWD/target/release:$PATH"']);
  const [, rust] = /^rust-version = "(.*)"$/m.exec(readFileSync(join(ROOT, 'Cargo.toml'), 'utf8'));
  assert.ok(readFileSync(join(ROOT, 'README.md'), 'utf8').includes(`Rust ${rust} or later`), `Rust ${rust} is needed`);
}

const path = () => `${dirname(binary())}${delimiter}${process.env.PATH}`;

function shellIn(cwd) {
  return (commands, input = '') => {
    const child = run('sh', ['-euc', commands], { cwd, env: { ...process.env, PATH: path() } });
    child.child.stdin.end(input);
    return child;
  };
}

async function theFirstVisit({ page, url, wiki }) {
  const deep = url('/page/7?q=a%20b&tab=2');
  await page.goto(deep);
  assert.equal(wiki.requests.length, 0, 'nothing reached the app before the sign-in');
  await signInAtProvider(page, 'grace');
  await page.waitForURL(deep);
  assert.equal(await page.locator('#url').textContent(), '/page/7?q=a%20b&tab=2');
  assert.equal(await page.locator('#user').textContent(), people.grace.sub);

  const [cookie, ...others] = await page.context().cookies(url('/'));
  assert.deepEqual(others, [], 'one cookie and nothing else');
  const { name, domain, secure, httpOnly, sameSite } = cookie;
  assert.deepEqual(
    { name, domain, path: cookie.path, secure, httpOnly, sameSite },
    // A cookie with a Domain would have a dot in front of it.
    { name: '__Host-doorward', domain: HOSTS[0], path: '/', secure: true, httpOnly: true, sameSite: 'Lax' },
  );
}

async function whoMayPass({ browser, page, url, wiki, certificate, ports }) {
  const refused = await page.goto(url('/admin/users'));
  assert.equal(refused.status(), 403, 'grace is no wiki-admin');
  assert.deepEqual(wiki.to('/admin/users'), []);

  const admin = await (await browser.person()).newPage();
  await admin.goto(url('/admin/users'));
  await signInAtProvider(admin, 'ada');
  await admin.waitForURL(url('/admin/users'));
  assert.equal(wiki.to('/admin/users').length, 1, 'ada is');
  await admin.goto(url('/.doorward/whoami'));
  assert.match(await admin.locator('main').innerText(), /wiki-admins/);
  await admin.context().close();

  const program = (where) => asProgram(certificate, ports.door, where);
  assert.equal((await program('/assets/style.css')).statusCode, 200, 'assets are open');
  assert.equal(wiki.to('/assets/style.css')[0].headers['x-forwarded-user'], undefined);
  const unknown = await program('/page');
  assert.equal(unknown.statusCode, 401);
  assert.equal(unknown.headers['content-type'], 'application/problem+json');
}

/** One request without a browser, over TLS that is verified with the guide's certificate. */
function asProgram(ca, port, where) {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, path: where, servername: HOSTS[0], ca, headers: { host: `${HOSTS[0]}:${port}` } };
    get(options, (answer) => answer.resume().on('end', () => resolve(answer))).on('error', reject);
  });
}

/** The guide's verifier, in a process of its own as an app would have it. */
async function theAppKnowsWhoSent({ guide, folder, page, url, wiki, ports }) {
  await page.goto(url('/verified'));
  const { headers } = wiki.to('/verified')[0];
  assert.equal(headers['x-forwarded-user'], people.grace.sub);
  assert.equal(headers['x-forwarded-email'], people.grace.email);
  assert.equal(headers['x-forwarded-preferred-username'], people.grace.preferred_username);
  assert.equal(headers['x-forwarded-groups'], people.grace.groups.join(','));
  assert.equal(headers['x-forwarded-for'], '127.0.0.1');
  assert.equal(headers['x-forwarded-host'], `${HOSTS[0]}:${ports.door}`);
  assert.equal(headers['x-forwarded-proto'], 'https');
  assert.match(headers['x-request-id'], /^[0-9a-f]{32}$/);
  assert.equal(headers.cookie, undefined, 'the session stays with the gateway');

  const verify = await verifier(guide.verifier, folder, ports.door);
  const { claims } = await verify(headers);
  const { sub, email, groups } = claims;
  assert.deepEqual({ sub, email, groups }, { sub: 'u-1906', email: 'grace@example.com', groups: ['engineering'] });
  assert.equal(claims.aud, `${HOSTS[0]}/`);
  assert.ok(claims.exp - claims.iat <= 300, 'good for minutes');

  const [head, , signature] = headers['x-doorward-assertion'].split('.');
  const chief = Buffer.from(JSON.stringify({ ...claims, sub: 'chief' })).toString('base64url');
  const forged = { ...headers, 'x-doorward-assertion': `${head}.${chief}.${signature}` };
  assert.match((await verify(forged)).error, /signature verification failed/);
  assert.match((await verify({})).error, /Invalid Compact JWS/);
}

async function verifier(source, folder, port) {
  const modules = join(folder, 'node_modules');
  if (!existsSync(modules)) symlinkSync(join(HERE, '..', 'node_modules'), modules);
  writeFileSync(join(folder, 'app.mjs'), substitute(source, [['8443', String(port)]]));
  const ask = `
    import { whoSent } from './app.mjs';
    const answer = await whoSent({ headers: JSON.parse(process.env.HEADERS) }).then(
      (claims) => ({ claims }),
      (error) => ({ error: error.message }),
    );
    console.log(JSON.stringify(answer));`;
  writeFileSync(join(folder, 'ask.mjs'), ask);
  return async (headers) => {
    const env = { ...process.env, NODE_EXTRA_CA_CERTS: 'tls.crt', HEADERS: JSON.stringify(headers) };
    const { stdout } = await run(process.execPath, ['--import', join(HERE, 'names.mjs'), 'ask.mjs'], { cwd: folder, env });
    return JSON.parse(stdout);
  };
}

async function aRestartSignsNobodyOut({ page, url, provider, restart }) {
  const sent = provider.count('/auth');
  await restart();
  const answer = await page.goto(url('/after/restart'));
  assert.equal(answer.status(), 200);
  assert.equal(await page.locator('#user').textContent(), people.grace.sub);
  assert.equal(provider.count('/auth'), sent, 'the provider was not asked again');
}

async function anotherHost({ page, url, grafana }) {
  const board = url('/d/board?from=now-1h', HOSTS[1]);
  await page.goto(board);
  // No form this time: the provider knows her.
  await page.waitForURL(board);
  assert.equal(grafana.to('/d/board').length, 1);
  assert.equal(await page.locator('#user').textContent(), people.grace.sub);
}

async function signingOut({ page, url, provider }) {
  await page.goto(url('/.doorward/sign-out'));
  await page.getByRole('button', { name: 'Sign out', exact: true }).click();
  await page.waitForURL(({ origin, pathname }) => origin + pathname === url('/.doorward/signed-out'));
  assert.equal(provider.count('/session/end'), 1, 'signed out at the provider');
  assert.deepEqual(await page.context().cookies(url('/')), []);
  await page.goto(url('/page/7'));
  await page.getByLabel('User name').waitFor();
}

async function healthAndMetrics({ ports }) {
  const ask = async (where) => {
    const answer = await fetch(`http://127.0.0.1:${ports.admin}${where}`);
    assert.equal(answer.status, 200, where);
    return answer.text();
  };
  await ask('/live');
  assert.match(await ask('/ready'), /"ready":true/);
  assert.match(await ask('/metrics'), /^doorward_decisions_total\{route="grafana\.example\.com\/",verdict="admit"\} [1-9]/m);
}
