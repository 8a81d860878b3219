// A gateway configured as a page of `docs/` says, in front of a real provider, over TLS throughout.
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { get } from 'node:https';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeAuthority, publicKey } from '../harness/authority.mjs';
import { screenshot, startBrowser } from '../harness/browser.mjs';
import { freePort, startChild, tempFolder } from '../harness/child.mjs';
import { binary } from '../harness/gateway.mjs';
import { startRedis } from '../harness/redis.mjs';
import { startUpstream } from '../harness/upstream.mjs';
import { eventually } from '../harness/wait.mjs';
import { substitute } from './parts.mjs';

/**
 * A test with a world of its own. `make` is given its beginnings (`origin`, `folder`, `ca`, `certificate`) and gives:
 *
 * - `provider`: the running one, with its `issuer`
 * - `config`: the gateway's, as the page has it · `issuer`: what stands there for it
 * - `secret`: of the client, with the name of its file
 * - `listening`: what stands for the listener there, and what does here; by default that of docs/providers.md
 * - `front`: starts what stands in front at `origin`'s port, given it and the port that the gateway has then
 */
export function scenario(name, make, body) {
  test(name, async () => {
    const ending = [];
    let world;
    try {
      world = await startWorld(make, (part) => {
        ending.push(part);
        return part;
      });
      await body(world);
    } catch (error) {
      await evidence(name, world);
      throw error;
    } finally {
      for (const part of ending.reverse()) await part.stop();
    }
  });
}

async function startWorld(make, started) {
  const folder = tempFolder('real');
  started({ stop: folder.remove });
  const ports = { door: await freePort(), inner: await freePort(), admin: await freePort() };
  // Another site than the provider's, which is 127.0.0.1.
  const origin = `https://localhost:${ports.door}`;
  const authority = await makeAuthority(folder.path);
  const certificates = [
    await authority.vouch('tls', ['localhost']),
    await authority.vouch('provider', ['127.0.0.1', 'localhost']),
  ].map(({ cert }) => cert);
  const file = (name) => join(folder.path, name);
  const certificate = { cert: file('provider.crt'), key: file('provider.key') };
  const made = await make({ origin, folder: folder.path, ca: authority.file, certificate });
  const provider = started(made.provider);
  const upstream = started(await startUpstream());
  const redis = started(await startRedis());

  writeFileSync(file(made.secret.file), made.secret.value, { mode: 0o600 });
  writeFileSync(file('session.key'), randomBytes(32).toString('base64'), { mode: 0o600 });
  const listening = made.listening?.(ports) ?? [
    ['0.0.0.0:8443', `127.0.0.1:${ports.door}`],
    ['public_port: 443', `public_port: ${ports.door}`],
  ];
  const config = substitute(made.config, [
    ['https://apps.example.com', origin],
    ...listening,
    [`issuer: ${made.issuer}\n`, `issuer: ${provider.issuer}\n    ca_file: corporate-ca.crt\n`],
    ['rediss://redis.example.com:6379/0', redis.url],
    ['http://127.0.0.1:3000', upstream.url],
  ]);
  const administered = /^admin:/m.test(config) ? '' : `admin: { address: "127.0.0.1:${ports.admin}" }\n`;
  writeFileSync(file('doorward.yaml'), `${config}\n${administered}`);

  const admin = `http://127.0.0.1:${ports.admin}`;
  const command = (...words) =>
    new Promise((resolve) => {
      execFile(binary(), [...words, '--config', 'doorward.yaml'], { cwd: folder.path }, (error, stdout, stderr) =>
        resolve({ code: error?.code ?? 0, stdout, stderr }));
    });
  const gateway = started(startChild('doorward', binary(), ['run', '--config', 'doorward.yaml'], { cwd: folder.path }));
  await eventually('the gateway is ready', async () => {
    if (!gateway.running()) return true;
    return (await fetch(`${admin}/ready`)).ok;
  });
  if (!gateway.running()) throw new Error(`the gateway ended\n${gateway.tail()}`);
  const front = made.front && started(await made.front(ports));
  const browser = started(await startBrowser({ trusted: certificates.map(publicKey) }));
  return {
    origin,
    provider,
    upstream,
    redis,
    browser,
    gateway,
    front,
    ca: authority.file,
    command,
    url: (path) => `${origin}${path}`,
    metrics: async () => (await fetch(`${admin}/metrics`)).text(),
    /** A browser of somebody's own, with one page open. */
    person: async () => (await browser.person()).newPage(),
    /** What a program gets with this browser's cookies. */
    asProgram: (page, path) => asProgram(page, `${origin}${path}`, authority.file),
    /** Who somebody is, as `/.doorward/whoami` says to a program. */
    whoami: async (page) => JSON.parse((await asProgram(page, `${origin}/.doorward/whoami`, authority.file)).text),
  };
}

async function asProgram(page, url, authority) {
  const cookie = (await page.context().cookies(url)).map(({ name, value }) => `${name}=${value}`).join('; ');
  return new Promise((resolve, reject) => {
    const options = { ca: readFileSync(authority), agent: false, headers: { cookie, accept: 'application/json' } };
    get(url, options, async (answer) => {
      let text = '';
      for await (const piece of answer.setEncoding('utf8')) text += piece;
      resolve({ status: answer.statusCode, headers: answer.headers, text });
    }).on('error', reject);
  });
}

async function evidence(name, world) {
  const pages = world?.browser.contexts().flatMap((context) => context.pages()) ?? [];
  for (const [index, page] of pages.entries()) {
    console.error(`page ${index + 1}: ${page.url()}`);
    const file = `failed-${name.replace(/[^a-z0-9]+/gi, '-')}-${index + 1}`;
    await screenshot(page, file).catch((error) => console.error(`no screenshot: ${error.message}`));
  }
  if (world) console.error(`${world.gateway.tail()}\n${world.provider.tail?.() ?? ''}\n${world.front?.tail() ?? ''}`);
}
