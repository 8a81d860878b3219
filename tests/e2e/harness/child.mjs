// Child processes: started here, ended here by their own pid, with the end of their output kept for a failure.
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const alive = new Set();
process.on('exit', () => alive.forEach((child) => child.kill('SIGKILL')));
for (const [signal, code] of [['SIGINT', 130], ['SIGTERM', 143]]) process.on(signal, () => process.exit(code));

/** What is left of a scenario that failed. */
export const ARTEFACTS = join(dirname(fileURLToPath(import.meta.url)), '..', 'artefacts');
const KEPT_LINES = 20_000;
const started = [];

/** Starts `command` and collects its output, line by line. */
export function startChild(name, command, args, options = {}) {
  const process_ = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
  const lines = [];
  const watchers = new Set();
  let failure;
  const exited = new Promise((resolve) => {
    process_.on('exit', (code, signal) => resolve({ code, signal }));
    process_.on('error', (error) => {
      failure = error;
      resolve({ code: null, signal: null });
    });
  });
  alive.add(process_);
  exited.then(() => {
    alive.delete(process_);
    watchers.forEach((watcher) => watcher());
  });
  for (const stream of [process_.stdout, process_.stderr]) {
    let rest = '';
    stream.setEncoding('utf8').on('data', (text) => {
      const parts = (rest + text).split('\n');
      rest = parts.pop();
      lines.push(...parts);
      if (lines.length > KEPT_LINES) lines.splice(0, lines.length - KEPT_LINES);
      watchers.forEach((watcher) => watcher());
    });
  }
  const tail = (count = 40) => lines.slice(-count).map((line) => `  ${name} | ${line}`).join('\n');
  const running = () => process_.exitCode === null && process_.signalCode === null && !failure;

  started.push({ name, pid: process_.pid, lines });
  return {
    name,
    pid: process_.pid,
    lines,
    tail,
    running,
    exited,
    /** The first line that matches, now or later; fails when the process ends first. */
    line(pattern, within = 20_000) {
      return new Promise((resolve, reject) => {
        const stop = (settle, value) => {
          clearTimeout(timer);
          watchers.delete(look);
          settle(value);
        };
        const look = () => {
          const match = lines.map((line) => pattern.exec(line)).find(Boolean);
          if (match) stop(resolve, match);
          else if (!running()) stop(reject, new Error(`${name} ended: ${failure?.message ?? ''}\n${tail()}`));
        };
        const timer = setTimeout(() => stop(reject, new Error(`${name} did not say ${pattern}\n${tail()}`)), within);
        watchers.add(look);
        look();
      });
    },
    signal: (signal) => process_.kill(signal),
    /** Asks the process to end, insists after ten seconds, and gives its exit code. */
    async stop(signal = 'SIGTERM') {
      if (running()) process_.kill(signal);
      const insist = setTimeout(() => process_.kill('SIGKILL'), 10_000);
      const end = await exited;
      clearTimeout(insist);
      return end;
    },
  };
}

/** Forgets what the children of an earlier test said. */
export const forgetOutput = () => started.splice(0);

/** Keeps what every child said as `artefacts/NAME/CHILD-PID.log`, and `facts` beside it; gives the folder. */
export function keepOutput(name, facts) {
  const folder = join(ARTEFACTS, `${name.replace(/[^a-z0-9]+/gi, '-').slice(0, 80)}-${process.pid}`);
  mkdirSync(folder, { recursive: true });
  for (const child of started) writeFileSync(join(folder, `${child.name}-${child.pid}.log`), `${child.lines.join('\n')}\n`);
  writeFileSync(join(folder, 'facts.json'), JSON.stringify(facts, null, 1));
  return folder;
}

const given = new Set();

/** A port of the loopback interface that was free a moment ago; never the same twice. */
export async function freePort() {
  const port = await new Promise((resolve, reject) => {
    const server = createServer().on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
  if (given.has(port)) return freePort();
  given.add(port);
  return port;
}

/** A folder of its own, and what removes it. */
export function tempFolder(name) {
  const path = mkdtempSync(join(tmpdir(), `doorward-${name}-`));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}
