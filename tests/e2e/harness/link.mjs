// A TCP path that breaks on demand: late, slow, cut, reset, half open, or held until the test lets go.
import { randomBytes } from 'node:crypto';
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { latch } from './wait.mjs';

/**
 * Starts a path to `target` (a port of the loopback interface).
 *
 * Directions: `up` from the caller to the target, `down` back. Each fault is for all connections, those that are open
 * included, until `heal`:
 *
 * - `late(ms, jitter)` each piece waits, and holds up none but those that would overtake it · `slow(ms)` one byte at a time, a pause after each
 * - `hold(direction)` nothing passes and nothing closes: half open; `heal` lets what was held through
 * - `refuse()` new connections are closed at once, the open ones are reset
 * - `cutDown(bytes)` the next answer is reset after so many bytes
 * - `cut()` resets what is open, once
 * - `part(pattern)` resets connections on which that was said towards the target, among the first things
 * - `mute(pattern)` lets nothing back on such connections, and does not close them
 * - `garble(pattern)` what matches towards the target is other letters there, as many
 * - `refuseFrom(pid)` as `refuse`, for the connections of one process
 *
 * `translate` changes each piece on its way back: servers that tell of each other can so be made to tell of paths.
 */
export async function startLink(target, { translate = (piece) => piece } = {}) {
  const pairs = new Set();
  const none = () => ({ late: undefined, slow: undefined, held: {}, refuse: false, cutDown: undefined, parted: undefined, muted: undefined, garbled: undefined, pids: [] });
  const faults = none();
  const triggers = new Set();
  let opened = 0;

  const server = createServer((near) => {
    opened += 1;
    const from = near.remotePort;
    if (faults.refuse || faults.pids.some((pid) => holds(pid, from))) return near.resetAndDestroy();
    const far = connect({ host: '127.0.0.1', port: target });
    const pair = { near, far, from, said: '' };
    pairs.add(pair);
    const end = () => {
      pairs.delete(pair);
      near.destroy();
      far.destroy();
    };
    for (const socket of [near, far]) socket.setNoDelay(true).on('error', end).on('close', end);
    carry(pair, 'up', near, far);
    carry(pair, 'down', far, near);
    return undefined;
  });
  await new Promise((resolve, reject) => server.on('error', reject).listen(0, '127.0.0.1', resolve));

  function carry(pair, direction, from, to) {
    let before = Promise.resolve();
    const after = (work) => {
      before = before.then(work);
    };
    from.on('data', (piece) => {
      if (direction === 'up' && pair.said.length < SAID) pair.said += piece.toString('latin1');
      if (faults.parted?.test(pair.said)) return reset(pair);
      for (const trigger of triggers) {
        if (trigger.direction === direction && trigger.pattern.test(piece.toString('latin1'))) trigger.fire();
      }
      const due = faults.late ? Date.now() + faults.late.ms + Math.random() * faults.late.jitter : 0;
      after(() => pass(direction === 'down' ? translate(piece) : garbled(piece), due));
      return undefined;
    });
    async function pass(piece, due) {
      for (const part of parts(piece)) {
        if (faults.late && due > Date.now()) await pause(due - Date.now());
        if (faults.slow) await pause(faults.slow);
        if (faults.held[direction]) await faults.held[direction].opened;
        if (direction === 'down' && faults.muted?.pattern.test(pair.said)) await faults.muted.gate.opened;
        if (!pairs.has(pair)) return;
        if (direction === 'down' && faults.cutDown !== undefined) {
          to.write(part.subarray(0, faults.cutDown), () => reset(pair));
          faults.cutDown = undefined;
          return;
        }
        to.write(part);
      }
    }
    from.on('end', () => after(() => faults.held[direction] || to.end()));
  }

  const letters = (word) => randomBytes(word.length).toString('hex').slice(0, word.length);
  const garbled = (piece) =>
    faults.garbled ? Buffer.from(piece.toString('latin1').replace(faults.garbled, letters), 'latin1') : piece;
  const parts = (piece) => (faults.slow ? [...piece].map((byte) => Buffer.from([byte])) : [piece]);
  const reset = (pair) => {
    pair.near.resetAndDestroy();
    pair.far.destroy();
  };
  const cut = () => [...pairs].forEach(reset);

  return {
    port: server.address().port,
    opened: () => opened,
    open: () => pairs.size,
    late(ms, jitter = 0) {
      faults.late = { ms, jitter };
    },
    slow(ms) {
      faults.slow = ms;
    },
    hold(direction) {
      faults.held[direction] ??= latch();
    },
    /** Holds `direction` as soon as `pattern` goes by towards the target; gives what is fulfilled then. */
    holdWhen(pattern, direction) {
      return new Promise((resolve) => {
        const trigger = {
          direction: 'up',
          pattern,
          fire() {
            triggers.delete(trigger);
            faults.held[direction] ??= latch();
            resolve();
          },
        };
        triggers.add(trigger);
      });
    },
    cutDown(bytes) {
      faults.cutDown = bytes;
    },
    cut,
    refuse() {
      faults.refuse = true;
      cut();
    },
    part(pattern) {
      faults.parted = pattern;
      [...pairs].filter(({ said }) => pattern.test(said)).forEach(reset);
    },
    mute(pattern) {
      faults.muted = { pattern, gate: latch() };
    },
    garble(pattern) {
      faults.garbled = pattern;
    },
    refuseFrom(pid) {
      faults.pids.push(pid);
      [...pairs].filter(({ from }) => holds(pid, from)).forEach(reset);
    },
    /** Leads elsewhere from now on; what is open stays. */
    aim(port) {
      target = port;
    },
    heal() {
      triggers.clear();
      Object.values(faults.held).forEach((held) => held?.open());
      faults.muted?.gate.open();
      Object.assign(faults, none());
    },
    async stop() {
      this.heal();
      const closed = new Promise((resolve) => server.close(resolve));
      pairs.forEach(({ near, far }) => [near, far].forEach((socket) => socket.destroy()));
      await closed;
    },
  };
}

/** How much of what a caller says is remembered of each connection. */
const SAID = 4096;

/** Several paths as one: what is done to it is done to each. */
export function bundle(links) {
  const all = (name) => [name, (...words) => links.forEach((link) => link[name](...words))];
  const names = ['late', 'slow', 'hold', 'cut', 'refuse', 'part', 'mute', 'heal'];
  return Object.fromEntries(names.map(all));
}

/**
 * A path to each of these servers for each of `count` callers, who are told of paths where servers tell of each other:
 * `ways[n].to(server)` is the port of a path, `ways[n].link` all of them as one. `asked` are servers that only tell.
 */
export async function startWays(started, count, servers, asked = []) {
  const ways = [];
  for (let n = 0; n < count; n += 1) {
    const ports = new Map();
    const translate = (piece) => told(piece, servers, ports);
    const links = [];
    for (const { port } of [...servers, ...asked]) {
      const link = started(await startLink(port, { translate }));
      ports.set(port, link.port);
      links.push(link);
    }
    ways.push({ link: bundle(links), to: ({ port }) => ports.get(port) });
  }
  return ways;
}

/** A piece of an answer with other ports in it: of a sentinel, of `CLUSTER SLOTS`, of a redirect. */
function told(piece, servers, ports) {
  const names = servers.filter(({ port }) => piece.includes(String(port)));
  if (names.length === 0) return piece;
  const text = names.reduce((all, { port }) => {
    const to = ports.get(port);
    const forms = [(at) => `127.0.0.1\r\n$${`${at}`.length}\r\n${at}\r\n`, (at) => `127.0.0.1\r\n:${at}\r\n`, (at) => `127.0.0.1:${at}\r\n`];
    return forms.reduce((said, form) => said.replaceAll(form(port), () => form(to)), all);
  }, piece.toString('latin1'));
  return Buffer.from(text, 'latin1');
}

/** Whether a process has the end of a loopback connection that is at this port. Asks the kernel, so Linux alone. */
function holds(pid, port) {
  const local = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const rows = readFileSync('/proc/net/tcp', 'utf8').split('\n').map((row) => row.trim().split(/\s+/));
  const inode = rows.find(([, address]) => address === local)?.[9];
  const at = `/proc/${pid}/fd`;
  return readdirSync(at).some((fd) => isOpen(`${at}/${fd}`, `socket:[${inode}]`));
}

function isOpen(path, name) {
  try {
    return readlinkSync(path) === name;
  } catch {
    return false; // closed meanwhile
  }
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
