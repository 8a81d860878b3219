// A real Dex, by a configuration of its own.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startChild } from '../harness/child.mjs';
import { part } from './parts.mjs';

/** Starts it with this configuration, in a file in `folder`; `env` are variables that the configuration names. */
export async function startDex({ config, folder, issuer, env }) {
  const file = join(folder, 'dex.yaml');
  writeFileSync(file, config, { mode: 0o600 });
  const child = startChild('dex', part('dex'), ['serve', file], { env: { ...process.env, ...env } });
  try {
    await child.line(/listening.*https/i);
  } catch (error) {
    await child.stop();
    throw error;
  }
  return {
    issuer,
    tail: (count) => child.tail(count),
    lines: child.lines,
    stop: () => child.stop(),
  };
}
