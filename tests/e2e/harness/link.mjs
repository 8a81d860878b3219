// A TCP path that breaks on demand: late, slow, cut, reset, half open, or held until the test lets go.
import { connect, createServer } from 'node:net';
import { latch } from './wait.mjs';

/**
 * Starts a path to `target` (a port of the loopback interface).
 *
 * Directions: `up` from the caller to the target, `down` back. Each fault is for all connections, those that are open
 * included, until `heal`:
 *
 * - `late(ms, jitter)` each piece waits · `slow(ms)` one byte at a time, a pause after each
 * - `hold(direction)` nothing passes and nothing closes: half open; `heal` lets what was held through
 * - `refuse()` new connections are closed at once, the open ones are reset
 * - `cutDown(bytes)` the next answer is reset after so many bytes
 * - `cut()` resets what is open, once
 */
export async function startLink(target) {
  const pairs = new Set();
  const faults = { late: undefined, slow: undefined, held: {}, refuse: false, cutDown: undefined };
  const triggers = new Set();
  let opened = 0;

  const server = createServer((near) => {
    opened += 1;
    if (faults.refuse) return near.resetAndDestroy();
    const far = connect({ host: '127.0.0.1', port: target });
    const pair = { near, far };
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
    from.on('data', async (piece) => {
      from.pause();
      for (const trigger of triggers) {
        if (trigger.direction === direction && trigger.pattern.test(piece.toString('latin1'))) trigger.fire();
      }
      for (const part of parts(piece)) {
        if (faults.late) await pause(faults.late.ms + Math.random() * faults.late.jitter);
        if (faults.slow) await pause(faults.slow);
        if (faults.held[direction]) await faults.held[direction].opened;
        if (!pairs.has(pair)) return;
        if (direction === 'down' && faults.cutDown !== undefined) {
          to.write(part.subarray(0, faults.cutDown), () => reset(pair));
          faults.cutDown = undefined;
          return;
        }
        to.write(part);
      }
      from.resume();
    });
    from.on('end', () => {
      if (!faults.held[direction]) to.end();
    });
  }

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
    heal() {
      triggers.clear();
      Object.values(faults.held).forEach((held) => held?.open());
      Object.assign(faults, { late: undefined, slow: undefined, held: {}, refuse: false, cutDown: undefined });
    },
    async stop() {
      this.heal();
      const closed = new Promise((resolve) => server.close(resolve));
      pairs.forEach(({ near, far }) => [near, far].forEach((socket) => socket.destroy()));
      await closed;
    },
  };
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
