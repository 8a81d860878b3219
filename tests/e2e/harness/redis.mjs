// A real Redis in a folder of its own.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort, startChild, tempFolder } from './child.mjs';
import { eventually } from './wait.mjs';

const run = promisify(execFile);

/** Starts it. `aof`: what was written survives a restart · `config`: further directives, each a list of words. */
export async function startRedis({ aof = false, config = [], port: wanted = undefined } = {}) {
  const folder = tempFolder('redis');
  const port = wanted ?? (await freePort());
  const socket = join(folder.path, 'redis.sock');
  const args = [
    ['--bind', '127.0.0.1'],
    ['--port', String(port)],
    ['--unixsocket', socket],
    ['--dir', folder.path],
    ['--save', ''],
    ['--appendonly', aof ? 'yes' : 'no'],
    ['--appendfsync', 'always'],
    ['--daemonize', 'no'],
    ...config.map(([name, ...words]) => [`--${name}`, ...words]),
  ].flat();
  const start = async () => {
    const started = startChild('redis', 'redis-server', args);
    await started.line(/Ready to accept connections/);
    return started;
  };
  let child = await start();
  const cli = async (...words) => {
    const { stdout } = await run('redis-cli', ['-s', socket, '--raw', ...words], { maxBuffer: 1 << 24 });
    return stdout.trimEnd();
  };
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    socket,
    cli,
    /** Everything kept, as one text: keys and the raw values of strings, hashes and sets. */
    async everything() {
      const keys = (await cli('KEYS', '*')).split('\n').filter(Boolean);
      const readers = { string: ['GET'], hash: ['HGETALL'], set: ['SMEMBERS'], zset: ['ZRANGE', '0', '-1'] };
      const values = keys.map(async (key) => {
        const reader = readers[await cli('TYPE', key)];
        return reader ? cli(reader[0], key, ...reader.slice(1)) : '';
      });
      return [...keys, ...(await Promise.all(values))].join('\n');
    },
    /**
     * Waits until every replica has said that it has all that was acknowledged until now. That its link is up is not
     * enough: after a first copy the master sends nothing more until the replica speaks up, a second later.
     */
    async copied() {
      const info = () => cli('INFO', 'replication');
      const until = Number(/master_repl_offset:(\d+)/.exec(await info())[1]);
      await eventually('the replicas have all of it', async () => {
        const offsets = [...(await info()).matchAll(/slave\d+:.*,offset=(\d+)/g)].map(([, offset]) => Number(offset));
        return offsets.length > 0 && offsets.every((offset) => offset >= until);
      });
    },
    down: () => child.stop('SIGKILL'),
    async up() {
      child = await start();
    },
    /** Stands still, connections open; `thaw` ends that. */
    freeze: () => child.signal('SIGSTOP'),
    thaw: () => child.signal('SIGCONT'),
    tail: (count) => child.tail(count),
    async stop() {
      child.signal('SIGCONT');
      await child.stop('SIGKILL');
      folder.remove();
    },
  };
}
