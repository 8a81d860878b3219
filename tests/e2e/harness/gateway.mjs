// The gateway's own binary, with a configuration in a folder of its own.
import { existsSync, writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startChild, tempFolder } from './child.mjs';
import { HOST } from './config.mjs';
import { eventually } from './wait.mjs';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');

export function binary() {
  const target = process.env.CARGO_TARGET_DIR ?? join(ROOT, 'target');
  const path = process.env.DOORWARD_BIN ?? join(target, 'debug', 'doorward');
  if (!existsSync(path)) throw new Error(`${path} is missing. Run: cargo build`);
  return path;
}

/** Starts `doorward run` and waits until it is ready. */
export async function startGateway({ config, port, adminPort, readyWithin = 20_000 }) {
  const folder = tempFolder('gateway');
  const file = join(folder.path, 'doorward.yaml');
  writeFileSync(file, JSON.stringify(config, null, 2), { mode: 0o600 });
  const child = startChild('doorward', binary(), ['run', '--config', file], { cwd: folder.path });
  const admin = `http://127.0.0.1:${adminPort}`;
  try {
    await eventually(
      'the gateway is ready',
      async () => {
        if (!child.running()) return true;
        return (await fetch(`${admin}/ready`)).ok;
      },
      readyWithin,
    );
    if (!child.running()) throw new Error('the gateway ended');
  } catch (error) {
    const tail = child.tail();
    await child.stop();
    folder.remove();
    throw new Error(`${error.message}\n${tail}`, { cause: error });
  }
  return {
    admin,
    child,
    tail: (count) => child.tail(count),
    metrics: async () => (await fetch(`${admin}/metrics`)).text(),
    request: (path, options) => request(port, path, options),
    /** Ends it as a power cut does. */
    async kill() {
      await child.stop('SIGKILL');
      folder.remove();
    },
    async stop() {
      const end = await child.stop();
      folder.remove();
      return end;
    },
  };
}

/** One request as a program makes it: no browser, no redirect followed. `cookie` and any header can be given. */
export function request(port, path, { method = 'GET', headers = {}, body, host = `${HOST}:${port}` } = {}) {
  return new Promise((resolve, reject) => {
    const sent = httpRequest({ host: '127.0.0.1', port, path, method, headers: { host, ...headers } });
    const finish = (response, text) =>
      resolve({
        status: response.statusCode,
        headers: response.headers,
        text,
        json: () => JSON.parse(text),
      });
    sent.on('error', reject);
    sent.on('upgrade', (response, socket) => {
      socket.destroy();
      finish(response, '');
    });
    sent.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part) => {
        text += part;
      });
      response.on('end', () => finish(response, text));
      response.on('error', reject);
    });
    sent.end(body);
  });
}
