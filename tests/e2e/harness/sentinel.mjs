// One master, two replicas and three sentinels that agree on who is the master.
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort, startChild, tempFolder } from './child.mjs';
import { startWays } from './link.mjs';
import { startRedis } from './redis.mjs';
import { eventually } from './wait.mjs';

const run = promisify(execFile);
const SERVICE = 'doorward';
/** A first copy is sent when a replica asks, not when others might ask too. */
export const AT_ONCE = [['repl-diskless-sync-delay', '0']];

/** A store for `startReplicas`: `redis.master()` is the server that the sentinels name now. */
export async function sentinelStore(started, count) {
  const servers = [started(await startRedis({ config: AT_ONCE }))];
  const follow = [...AT_ONCE, ['replicaof', '127.0.0.1', String(servers[0].port)]];
  for (let n = 0; n < 2; n += 1) servers.push(started(await startRedis({ config: follow })));
  await eventually('both follow', async () => {
    const lines = (await servers[0].cli('INFO', 'replication')).match(/state=online/g);
    return lines?.length === 2;
  });
  const sentinels = [];
  for (let n = 0; n < 3; n += 1) sentinels.push(started(await startSentinel(servers[0].port)));
  await eventually(
    'the sentinels know each other',
    async () => {
      const known = await Promise.all(sentinels.map((sentinel) => sentinel.facts()));
      return known.every((facts) => facts['num-other-sentinels'] === '2' && facts['num-slaves'] === '2');
    },
    30_000,
  );
  const master = async (sentinel = sentinels[0]) => {
    const [, port] = (await sentinel.cli('SENTINEL', 'get-master-addr-by-name', SERVICE)).split('\n');
    return servers.find((server) => server.port === Number(port));
  };
  const ways = await startWays(started, count, servers, sentinels);
  const nodes = (n) => sentinels.map((sentinel) => `127.0.0.1:${ways[n].to(sentinel)}`);
  return {
    settings: (n) => ({ sentinel: { nodes: nodes(n), service: SERVICE }, timeout: '1s', connect_timeout: '1s' }),
    link: (n) => ways[n].link,
    parts: {
      redis: { servers, sentinels, master, failover: () => sentinels[0].cli('SENTINEL', 'FAILOVER', SERVICE) },
    },
  };
}

async function startSentinel(master) {
  const folder = tempFolder('sentinel');
  const port = await freePort();
  const file = join(folder.path, 'sentinel.conf');
  const lines = [
    'bind 127.0.0.1',
    `port ${port}`,
    `dir ${folder.path}`,
    `sentinel monitor ${SERVICE} 127.0.0.1 ${master} 2`,
    `sentinel down-after-milliseconds ${SERVICE} 1000`,
    `sentinel failover-timeout ${SERVICE} 6000`,
    `sentinel parallel-syncs ${SERVICE} 2`,
  ];
  writeFileSync(file, `${lines.join('\n')}\n`);
  const child = startChild('sentinel', 'redis-server', [file, '--sentinel']);
  await child.line(/\+monitor master/);
  const cli = async (...words) => (await run('redis-cli', ['-p', String(port), '--raw', ...words])).stdout.trimEnd();
  return {
    port,
    cli,
    async facts() {
      const words = (await cli('SENTINEL', 'master', SERVICE)).split('\n');
      return Object.fromEntries(words.flatMap((word, n) => (n % 2 === 0 ? [[word, words[n + 1]]] : [])));
    },
    down: () => child.stop('SIGKILL'),
    async stop() {
      await child.stop('SIGKILL');
      folder.remove();
    },
  };
}
