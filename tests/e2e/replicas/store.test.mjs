// Redis dies, hangs, crawls and lies in pieces under three gateways with people at work.
import assert from 'node:assert/strict';
import { expired, statuses } from '../harness/expired.mjs';
import { replicas } from '../harness/replicas.mjs';
import { eventually } from '../harness/wait.mjs';
import { atWork, felt, well } from '../harness/work.mjs';

/** Everybody is told to wait, and open routes go on. */
async function feltAndOpen(world, load) {
  await felt(load);
  const open = world.visitor('p0', 'passer-by');
  const answers = await Promise.all(world.gateways.map(({ port }) => open.send('/public/x', { at: port })));
  assert.deepEqual(statuses(answers), [200], 'open routes do not ask Redis');
}

const told = (answers) => answers.filter(({ status }) => status === 503);

// RS-02
replicas('Redis killed under load and back empty: 503, then one new sign-in each', {}, async (world) => {
  const answers = await atWork(world, async ({ load, visitors }) => {
    await world.redis.down();
    await feltAndOpen(world, load);
    world.recording.losses.push({ at: Date.now() });
    await world.redis.up();
    await well(load);
    const each = visitors.map(({ name }) => world.recording.sessions.filter(({ visitor }) => visitor === name).length);
    assert.deepEqual([...new Set(each)], [2], 'signed in once more, each');
  });
  assert.deepEqual(statuses(answers), [200, 401, 503]);
  assert.ok(told(answers).every(({ headers }) => headers['retry-after']));
});

// RS-03
replicas('Redis killed under load and back with its log: 503, and nobody signs in again', { redis: { aof: true } }, async (world) => {
  const answers = await atWork(world, async ({ load, visitors }) => {
    for (let round = 0; round < 2; round += 1) {
      await world.redis.down();
      await feltAndOpen(world, load);
      await world.redis.up();
      await well(load);
    }
    assert.equal(world.recording.sessions.length, visitors.length);
  });
  assert.deepEqual(statuses(answers), [200, 503]);
});

// RS-04
replicas('Redis that hangs is given up on, and found again', {}, async (world) => {
  const answers = await atWork(world, async ({ load }) => {
    world.redis.freeze();
    await feltAndOpen(world, load);
    const before = told(load.answers).length;
    await eventually('many are told at once, not each after its own deadline', () => told(load.answers).length > before + 30);
    const paths = world.gateways.map(({ link }) => link.open());
    assert.ok(Math.max(...paths) <= 4, `connections do not pile up: ${paths}`);
    world.redis.thaw();
    await well(load);
  });
  assert.deepEqual(statuses(answers), [200, 503]);
});

/** Faults of the way to Redis, each ended by `heal`; whether requests still succeed meanwhile. */
const FAULTS = {
  'late by 50 ms': [(link) => link.late(50, 20), 200],
  'late by 150 ms': [(link) => link.late(150, 50), 200],
  'late by 5 s': [(link) => link.late(5_000), 503],
  'a byte at a time': [(link) => link.slow(10), 503],
  'half open': [(link) => link.hold('down'), 503],
  'refused and reset': [(link) => link.refuse(), 503],
};

// RS-05
for (const [name, [fault, status]] of Object.entries(FAULTS)) {
  // Where people are served all the same, there is something to ask of Redis meanwhile, and a deadline that a busy machine keeps.
  const patient = { lifetimes: { accessToken: 4 }, redisSettings: { timeout: '4s', connect_timeout: '4s' } };
  const options = status === 200 ? patient : {};
  replicas(`the way to Redis is broken, ${name}: ${status}, no reply for another, nobody signed out`, options, async (world) => {
    const answers = await atWork(world, async ({ load }) => {
      world.gateways.forEach(({ link }) => fault(link));
      if (status === 503) await feltAndOpen(world, load);
      const renewals = world.front.refreshes().length;
      const renewed = () => world.front.refreshes().length >= renewals + Object.keys(world.recording.people).length;
      if (status === 200) await eventually('sessions are renewed over it', renewed, 20_000);
      const since = Date.now();
      await eventually('many are answered', () => load.answers.filter(({ began }) => began > since).length > 40, 30_000);
      world.gateways.forEach(({ link }) => link.heal());
      await well(load);
    });
    assert.deepEqual(statuses(answers), status === 200 ? [200] : [200, 503]);
  });
}

// RS-05
replicas('replies of Redis are reset in the middle: never another’s reply, nobody signed out', { lifetimes: { accessToken: 4 } }, async (world) => {
  const answers = await atWork(world, async ({ load }) => {
    const opened = () => world.gateways.map(({ link }) => link.opened());
    const renewals = world.front.refreshes().length;
    for (let cut = 0; cut < 12; cut += 1) {
      const before = opened();
      for (const { link } of world.gateways) link.cutDown(3 + cut * 40);
      await eventually('each was cut, and connected anew', () => opened().every((now, n) => now > before[n]));
      const since = Date.now();
      await eventually('they went on', () => load.answers.filter(({ began }) => began > since).length > 8);
    }
    await eventually('sessions were renewed meanwhile', () => world.front.refreshes().length > renewals + 3, 20_000);
    world.gateways.forEach(({ link }) => link.heal());
    await well(load);
  });
  assert.ok(statuses(answers).every((status) => [200, 503].includes(status)), `${statuses(answers)}`);
});

// RS-12: as in a store that is full and evicts what ends first.
replicas('leases vanish as soon as they are written: 503 and no token spent, not a rush of calls', { count: 1, settings: { timeout: '2s', connect_timeout: '1s' } }, async (world) => {
  const visitor = await expired(world);
  const [gateway] = world.gateways;
  // Each call finds another place where the lease would be.
  gateway.link.garble(/(?<=doorward:l:)[\w-]{8}/g);
  const answer = await visitor.send('/api/evicted');
  assert.equal(answer.status, 503);
  assert.ok(answer.headers['retry-after']);
  assert.equal(world.front.refreshes().length, 0, 'nobody can be sure to be the only one');
  const line = (await gateway.metrics()).split('\n').find((one) => /^doorward_store_call_seconds_count\{.*op="lease"/.test(one));
  assert.ok(Number(line.split(' ').at(-1)) < 100, line);
  gateway.link.heal();
  await eventually('it is renewed', async () => (await visitor.send('/api/healed')).status === 200);
  assert.equal(world.front.refreshes().length, 1);
});
