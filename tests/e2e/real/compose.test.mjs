// What deploy/docker/compose.yaml starts, by its own two configurations, with a real Dex and Redis and without containers.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startBrowser } from '../harness/browser.mjs';
import { freePort, startChild, tempFolder } from '../harness/child.mjs';
import { binary } from '../harness/gateway.mjs';
import { startRedis } from '../harness/redis.mjs';
import { startUpstream } from '../harness/upstream.mjs';
import { eventually } from '../harness/wait.mjs';
import { part, substitute } from './parts.mjs';

const FOLDER = join(dirname(fileURLToPath(import.meta.url)), '../../../deploy/docker');

test('compose.yaml, by its configurations', async () => {
  const ending = [];
  const started = (one) => {
    ending.push(one);
    return one;
  };
  const folder = tempFolder('compose');
  started({ stop: folder.remove });
  try {
    const [redis, app] = [started(await startRedis()), started(await startUpstream())];
    const [door, dex, admin] = [await freePort(), await freePort(), await freePort()];
    const here = (name, changes) => {
      const file = join(folder.path, name);
      writeFileSync(file, substitute(readFileSync(join(FOLDER, name), 'utf8'), changes));
      return file;
    };
    const ports = [
      ['localhost:5556', `localhost:${dex}`],
      ['localhost:8080', `localhost:${door}`],
    ];
    const theirs = here('dex.yaml', [...ports, ['0.0.0.0:5556', `127.0.0.1:${dex}`]]);
    const ours = here('doorward.yaml', [
      ...ports,
      ['0.0.0.0:8080', `127.0.0.1:${door}`],
      ['redis://redis:6379', redis.url],
      ['http://app:80', app.url],
      ['\nproviders:', `\nadmin: { address: "127.0.0.1:${admin}" }\nproviders:`],
    ]);
    const secrets = { SESSION_KEY: randomBytes(32).toString('base64'), CLIENT_SECRET: randomBytes(24).toString('hex') };
    const options = { env: { ...process.env, ...secrets } };
    const gateway = started(startChild('doorward', binary(), ['run', '--config', ours], options));
    // Dex comes after the gateway whose network it shares.
    await gateway.line(/health and metrics/);
    const provider = started(startChild('dex', part('dex'), ['serve', theirs], options));
    await provider.line(/listening/);
    await eventually('both are there', async () => (await fetch(`http://127.0.0.1:${admin}/ready?full=1`)).ok);

    const browser = started(await startBrowser());
    const page = await (await browser.person()).newPage();
    await page.goto(`http://localhost:${door}/`);
    await page.locator('input[name=login]').fill('jane@example.com');
    await page.locator('input[name=password]').fill('password');
    await page.locator('button[type=submit]').click();
    await page.waitForURL(`http://localhost:${door}/`);
    const { headers } = app.to('/').at(-1);
    assert.equal(headers['x-forwarded-email'], 'jane@example.com');
    assert.ok(headers['x-doorward-assertion']);
  } finally {
    for (const one of ending.reverse()) await one.stop();
  }
});
