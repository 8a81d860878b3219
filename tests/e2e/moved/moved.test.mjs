// A configuration of oauth2-proxy, turned by `doorward import` and served as it came out, with nothing written by hand: its
// redirect URI is the one that is registered, and the same people pass, and no others.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { signInAtProvider, startBrowser } from '../harness/browser.mjs';
import { freePort, startChild, tempFolder } from '../harness/child.mjs';
import { HOST } from '../harness/config.mjs';
import { binary, request } from '../harness/gateway.mjs';
import { people } from '../harness/people.mjs';
import { SECRET, clients, startProvider } from '../harness/provider.mjs';
import { startUpstream } from '../harness/upstream.mjs';
import { eventually } from '../harness/wait.mjs';

const run = promisify(execFile);

test('what was imported from oauth2-proxy serves', async () => {
  const ending = [];
  const started = (part) => (ending.push(part), part);
  try {
    const [port, adminPort] = [await freePort(), await freePort()];
    const origin = `http://${HOST}:${port}`;
    const provider = started(
      await startProvider({
        redirectUris: [`${origin}/oauth2/callback`],
        signedOutUris: [`${origin}/.doorward/signed-out`],
      }),
    );
    const upstream = started(await startUpstream());
    const folder = tempFolder('moved');
    ending.push({ stop: () => folder.remove() });
    writeFileSync(join(folder.path, 'oauth2-proxy.cfg'), former({ origin, port, adminPort, provider, upstream }));
    const options = { cwd: folder.path, env: { ...process.env, OAUTH2_PROXY_CLIENT_SECRET: SECRET } };
    // What is stricter is said, and everything has its equivalent: exit code 0.
    const { stdout, stderr } = await run(binary(), ['import', 'oauth2-proxy', 'oauth2-proxy.cfg'], options);
    assert.match(stderr, /, 0 not known/);
    assert.ok(!stdout.includes(SECRET) && !stderr.includes(SECRET), 'no secret is repeated');
    writeFileSync(join(folder.path, 'doorward.yaml'), stdout);
    const checked = await run(binary(), ['check', '--config', 'doorward.yaml'], options);
    assert.match(checked.stdout, new RegExp(`redirect URI +${origin}/oauth2/callback`));
    started(startChild('doorward', binary(), ['run', '--config', 'doorward.yaml'], options));
    await eventually('the gateway is ready', async () => (await fetch(`http://127.0.0.1:${adminPort}/ready`)).ok);
    const browser = started(await startBrowser());
    await peopleCome({ browser, origin, upstream });
  } finally {
    for (const part of ending.reverse()) await part.stop();
  }
});

/** As somebody had it. */
const former = ({ origin, port, adminPort, provider, upstream }) => `
provider = "oidc"
oidc_issuer_url = "${provider.issuer}"
client_id = "${clients.basic.id}"
client_secret = "${SECRET}"
cookie_secret = "OQINaROshtE9TcZkNAm-5Zs2Pv3xaWytBmc5W7sPX7w="
http_address = "127.0.0.1:${port}"
metrics_address = "127.0.0.1:${adminPort}"
redirect_url = "${origin}/oauth2/callback"
upstreams = ["${upstream.url}/"]
email_domains = ["*"]
allowed_groups = ["admins"]
skip_auth_routes = ["GET=^/open$"]
cookie_expire = "4h"
set_xauthrequest = true
`;

async function peopleCome({ browser, origin, upstream }) {
  const { port } = new URL(origin);
  const open = await request(port, '/open', { headers: { 'x-forwarded-user': 'mallory' } });
  assert.equal(open.status, 200, 'open before anybody signs in');
  assert.equal(upstream.to('/open').at(-1).headers['x-forwarded-user'], undefined, 'nobody says who they are');
  assert.equal((await request(port, '/open', { method: 'POST' })).status, 401, 'for one method');
  assert.equal((await request(port, '/opened')).status, 401, 'and by whole segments');

  for (const [account, status] of [['ada', 200], ['grace', 403], ['mallory', 403]]) {
    const page = await (await browser.person()).newPage();
    await page.goto(`${origin}/home`);
    const [answer] = await Promise.all([
      page.waitForResponse((response) => response.url() === `${origin}/home` && response.status() !== 302),
      signInAtProvider(page, account),
    ]);
    assert.equal(answer.status(), status, account);
  }
  const { headers } = upstream.to('/home').at(-1);
  assert.equal(upstream.to('/home').length, 1, 'ada alone');
  assert.equal(headers['x-forwarded-user'], people.ada.sub);
  assert.equal(headers['x-auth-request-email'], people.ada.email);
}
