// The doctor beside a certified provider: it knows an address that is registered from one that is not, and a client that it
// knows from one that it does not.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { freePort, tempFolder } from '../harness/child.mjs';
import { binary } from '../harness/gateway.mjs';
import { clients, SECRET, startProvider } from '../harness/provider.mjs';
import { startRedis } from '../harness/redis.mjs';
import { listen } from '../harness/listener.mjs';

test('the doctor sees what the provider knows', async () => {
  const port = await freePort();
  const callback = `http://127.0.0.1:${port}/.doorward/callback`;
  const provider = await startProvider({ redirectUris: [callback], signedOutUris: [] });
  const redis = await startRedis();
  const app = await listen((_, response) => response.end());
  const folder = tempFolder('doctor');
  // Not the waiting kind: the provider lives in this process and has to answer.
  const examined = (host, clientId) =>
    new Promise((resolve) => {
      const file = join(folder.path, 'doorward.yaml');
      const config = {
        listeners: [{ address: `127.0.0.1:${port}` }],
        admin: { enabled: false },
        providers: {
          op: { issuer: provider.issuer, insecure_http_issuer: true, client_id: clientId, client_secret: SECRET },
        },
        session: {
          store: 'redis',
          redis: { url: redis.url },
          keys: [{ id: 'one', key: randomBytes(32).toString('base64') }],
        },
        routes: [{ host, path: '/', upstream: `http://127.0.0.1:${app.port}`, access: 'signed_in' }],
      };
      writeFileSync(file, JSON.stringify(config), { mode: 0o600 });
      execFile(binary(), ['doctor', '--config', file, '--format', 'json'], (error, out) => {
        assert.ok(!out.includes(SECRET));
        resolve({ code: error?.code ?? 0, findings: JSON.parse(out).findings });
      });
    });
  const notWell = ({ findings }) => findings.filter(({ verdict }) => verdict !== 'ok').map(({ check }) => check);
  try {
    const well = await examined('127.0.0.1', clients.basic.id);
    assert.deepEqual([well.code, notWell(well)], [0, []], JSON.stringify(well.findings, null, 2));

    const unregistered = await examined('localhost', clients.basic.id);
    assert.deepEqual([unregistered.code, notWell(unregistered)], [1, ['callback']]);
    const told = unregistered.findings.find(({ check }) => check === 'callback');
    assert.match(told.advice, /^register http:\/\/localhost:\d+\/\.doorward\/callback as a redirect URI/);

    const stranger = await examined('127.0.0.1', 'nobody');
    assert.deepEqual([stranger.code, notWell(stranger)], [1, ['callback']]);
    assert.match(stranger.findings.find(({ check }) => check === 'callback').advice, /look at `client_id`/);

    assert.equal(await redis.cli('DBSIZE'), '0', 'nothing was written');
  } finally {
    await app.close();
    await redis.stop();
    await provider.stop();
    folder.remove();
  }
});
