// A Redis Cluster: three masters, a replica each.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { freePort } from './child.mjs';
import { startWays } from './link.mjs';
import { startRedis } from './redis.mjs';
import { AT_ONCE } from './sentinel.mjs';
import { eventually } from './wait.mjs';

const run = promisify(execFile);

/** A store for `startReplicas`: `redis.nodes()` says who is what now. */
export async function clusterStore(started, count) {
  const servers = [];
  for (let n = 0; n < 6; n += 1) {
    const config = [
      ...AT_ONCE,
      ['cluster-enabled', 'yes'],
      ['cluster-config-file', 'nodes.conf'],
      ['cluster-node-timeout', '1500'],
      ['cluster-port', String(await freePort())],
    ];
    servers.push(started(await startRedis({ config })));
  }
  const addresses = servers.map(({ port }) => `127.0.0.1:${port}`);
  await run('redis-cli', ['--cluster', 'create', ...addresses, '--cluster-replicas', '1', '--cluster-yes']);
  await eventually(
    'the cluster is whole',
    async () => {
      const known = await Promise.all(servers.map(({ cli }) => cli('CLUSTER', 'INFO')));
      const copies = await Promise.all(servers.map(({ cli }) => cli('INFO', 'replication')));
      const followed = copies.filter((info) => /master_link_status:up/.test(info)).length === 3;
      return followed && known.every((info) => /cluster_state:ok/.test(info) && /cluster_known_nodes:6/.test(info));
    },
    30_000,
  );

  /** Who is what, as one server sees it: `{ server, role, slots, failed }`. */
  async function nodes(asked) {
    const lines = (await asked.cli('CLUSTER', 'NODES')).split('\n');
    return lines.map((line) => {
      const [id, address, flags, master, , , , , ...slots] = line.split(' ');
      const port = Number(/:(\d+)@/.exec(address)[1]);
      const role = flags.includes('master') ? 'master' : 'slave';
      return { id, master, server: servers.find((one) => one.port === port), role, slots, failed: /fail/.test(flags) };
    });
  }

  const ways = await startWays(started, count, servers);
  const seeds = (n) => servers.slice(0, 3).map((server) => `127.0.0.1:${ways[n].to(server)}`);
  return {
    settings: (n) => ({ cluster: { nodes: seeds(n) }, timeout: '1s', connect_timeout: '1s' }),
    link: (n) => ways[n].link,
    parts: { redis: { servers, nodes } },
  };
}
