// The doctor beside a Redis as it is run in earnest: followed by sentinels, as a cluster, and behind TLS.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeAuthority } from '../harness/authority.mjs';
import { freePort, tempFolder } from '../harness/child.mjs';
import { clusterStore } from '../harness/cluster.mjs';
import { binary } from '../harness/gateway.mjs';
import { startRedis } from '../harness/redis.mjs';
import { sentinelStore } from '../harness/sentinel.mjs';
import { eventually } from '../harness/wait.mjs';

/** A test with a folder and parts that are stopped at its end. */
function practice(name, body) {
  test(name, async () => {
    const ending = [];
    const started = (part) => {
      ending.push(part);
      return part;
    };
    const folder = tempFolder('doctor');
    started({ stop: folder.remove });
    try {
      await body(folder.path, started);
    } finally {
      for (const part of ending.reverse()) await part.stop();
    }
  });
}

/** What the doctor says of this Redis. Whatever is not well comes with what to do. */
async function examined(folder, redis) {
  const file = join(folder, 'doorward.yaml');
  const config = {
    listeners: [{ address: `127.0.0.1:${await freePort()}` }],
    admin: { enabled: false },
    session: { store: 'redis', redis, keys: [{ id: 'one', key: randomBytes(32).toString('base64') }] },
    routes: [{ host: 'app.test', path: '/', upstream: 'unix:/nobody.sock', access: 'open' }],
  };
  writeFileSync(file, JSON.stringify(config), { mode: 0o600 });
  return new Promise((resolve) => {
    execFile(binary(), ['doctor', '--config', file, '--format', 'json', '--timeout', '3'], (_, out, err) => {
      assert.equal(err, '');
      const all = JSON.parse(out).findings.filter(({ of }) => ['redis', 'sentinel'].includes(of));
      for (const finding of all) assert.ok(finding.verdict === 'ok' || finding.advice, JSON.stringify(finding));
      resolve({
        all,
        text: JSON.stringify(all, null, 1),
        notWell: all.filter(({ verdict }) => verdict !== 'ok'),
        of: (check, of) => all.filter((finding) => finding.check === check && finding.of === of),
      });
    });
  });
}

// RS-08
practice('sentinels are asked for the master, and each of them is looked at', async (folder, started) => {
  const store = await sentinelStore(started, 1);
  const { redis } = store.parts;
  const well = await examined(folder, store.settings(0));
  assert.deepEqual(well.notWell, [], well.text);
  assert.equal(well.of('connect', 'sentinel').length, 3, well.text);
  assert.deepEqual(well.of('role', 'redis').map(({ seen }) => seen), ['it takes writes'], well.text);

  await redis.sentinels[0].down();
  const settings = store.settings(0);
  const nodes = redis.sentinels.map(({ port }) => `127.0.0.1:${port}`);
  const direct = { ...settings, sentinel: { ...settings.sentinel, nodes } };
  const one = await examined(folder, direct);
  assert.deepEqual(one.notWell.map(({ check, of }) => [check, of]), [['connect', 'sentinel']], one.text);
  assert.match(one.notWell[0].seen, new RegExp(`:${redis.sentinels[0].port}: .*refused`));

  const stranger = await examined(folder, { ...direct, sentinel: { nodes: nodes.slice(1), service: 'another' } });
  assert.deepEqual(stranger.notWell.map(({ check, of }) => [check, of]), [['store', 'redis']], stranger.text);
  assert.match(stranger.notWell[0].seen, /another/);
});

// RS-09
practice('each master of a cluster is looked at, and a hole in its slots is told', async (folder, started) => {
  const store = await clusterStore(started, 1);
  const { redis } = store.parts;
  const well = await examined(folder, store.settings(0));
  assert.deepEqual(well.notWell, [], well.text);
  assert.deepEqual(well.of('role', 'redis').map(({ seen }) => seen), Array(3).fill('it takes writes'), well.text);

  const nodes = await redis.nodes(redis.servers[0]);
  const lost = nodes.find(({ role, server }) => role === 'master' && server !== redis.servers[0]);
  const copy = nodes.find(({ master }) => master === lost.id);
  await copy.server.down();
  await lost.server.down();
  await eventually('the cluster knows', async () => /cluster_state:fail/.test(await redis.servers[0].cli('CLUSTER', 'INFO')), 30_000);
  const hole = await examined(folder, { cluster: { nodes: [`127.0.0.1:${redis.servers[0].port}`] }, timeout: '1s' });
  const away = hole.of('store', 'redis');
  assert.deepEqual(away.map(({ verdict }) => verdict), ['fail'], hole.text);
  assert.match(away[0].seen, /does not answer/);
});

// RS-15
practice('what is wrong with the certificates of Redis is told apart', async (folder, started) => {
  const authority = await makeAuthority(folder);
  await authority.vouch('redis', ['127.0.0.1'], 30);
  await authority.vouch('elsewhere', ['redis.example.com']);
  await authority.vouch('client', ['doorward']);
  const serve = async (name, clients) => {
    const port = await freePort();
    const file = (of) => join(folder, of);
    const config = [
      ['tls-port', String(port)],
      ['tls-cert-file', file(`${name}.crt`)],
      ['tls-key-file', file(`${name}.key`)],
      ['tls-ca-cert-file', authority.file],
      ['tls-auth-clients', clients],
    ];
    started(await startRedis({ config }));
    return `rediss://127.0.0.1:${port}`;
  };
  const ca_file = authority.file;
  const url = await serve('redis', 'no');
  const well = await examined(folder, { url, ca_file });
  assert.deepEqual(well.notWell, [], well.text);
  assert.match(well.of('tls', 'redis')[0].seen, /is for 127\.0\.0\.1 and valid until/);

  const wrong = async (settings, advice) => {
    const told = await examined(folder, settings);
    const tls = told.notWell.find(({ check }) => ['tls', 'store'].includes(check));
    assert.match(tls?.advice ?? '', advice, told.text);
  };
  await wrong({ url }, /name that CA in `session\.redis\.ca_file`/);
  await wrong({ url: await serve('elsewhere', 'no'), ca_file }, /have one made for this name/);
  await wrong({ url: (await serve('redis', 'no')).replace('rediss', 'redis') }, /rediss/);

  const mutual = await serve('redis', 'yes');
  await wrong({ url: mutual, ca_file }, /client certificate/);
  const shown = { client_certificate_file: join(folder, 'client.crt'), client_key_file: join(folder, 'client.key') };
  const both = await examined(folder, { url: mutual, ca_file, ...shown });
  assert.deepEqual(both.notWell, [], both.text);
});
