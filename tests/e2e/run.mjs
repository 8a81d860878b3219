// Runs the scenarios with node's own test runner:  node tests/e2e/run.mjs [scenario ...]
// A scenario is a folder; its tests are in files that end in .test.mjs. `real` runs when it is named: what it needs is large.
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const wanted = process.argv.slice(2);

const testsOf = (name) => readdirSync(join(here, name)).filter((file) => file.endsWith('.test.mjs'));
const scenarios = readdirSync(here, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && testsOf(entry.name).length > 0)
  .map((entry) => entry.name)
  .sort();
const unknown = wanted.filter((name) => !scenarios.includes(name));
if (unknown.length > 0) {
  console.error(`No scenario ${unknown.join(', ')}. There are: ${scenarios.join(', ')}`);
  process.exit(2);
}
if (!existsSync(join(here, 'node_modules'))) {
  console.error('The Node packages are missing. Run: .ci/need node-modules');
  process.exit(2);
}

if (wanted.length === 0) rmSync(join(here, 'artefacts'), { recursive: true, force: true });
const files = scenarios
  .filter((name) => (wanted.length === 0 ? name !== 'real' : wanted.includes(name)))
  .flatMap((name) => testsOf(name).map((file) => join(here, name, file)));
const child = spawn(
  process.execPath,
  ['--test', '--test-reporter=spec', '--test-concurrency=2', '--test-timeout=600000', ...files],
  { stdio: ['ignore', 'inherit', 'inherit'] },
);
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
child.on('exit', (code, signal) => process.exit(signal ? 1 : code));
