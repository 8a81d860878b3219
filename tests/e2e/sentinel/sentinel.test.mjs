// Sentinel fails over under three gateways with people at work.
import assert from 'node:assert/strict';
import { statuses } from '../harness/expired.mjs';
import { replicas } from '../harness/replicas.mjs';
import { sentinelStore } from '../harness/sentinel.mjs';
import { eventually } from '../harness/wait.mjs';
import { atWork, well } from '../harness/work.mjs';

/** The longest that anybody is told to wait after the sentinels named the new master. */
const AFTER_SWITCH = 10_000;

async function switched(world, old) {
  await eventually('another master is named', async () => (await world.redis.master()) !== old, 30_000);
  return Date.now();
}

/** Whoever is connected to a server, sentinels and whoever asks this aside. */
const guests = async (server) => {
  const lines = (await server.cli('CLIENT', 'LIST', 'TYPE', 'normal')).split('\n');
  return lines.filter((line) => line && !/ name=sentinel-| cmd=client/.test(line));
};

const nobodyAsked = (world, visitors) => assert.equal(world.recording.sessions.length, visitors.length);
const lastTold = (answers) => Math.max(0, ...answers.filter(({ status }) => status === 503).map(({ began }) => began));

// RS-08
replicas('the master is killed under load: 503 until the failover, and nobody is signed out', { store: sentinelStore }, async (world) => {
  const answers = await atWork(world, async ({ load, visitors }) => {
    const old = await world.redis.master();
    await old.copied();
    await old.down();
    const at = await switched(world, old);
    await well(load, 30_000);
    assert.ok(lastTold(load.answers) < at + AFTER_SWITCH, `told to wait ${lastTold(load.answers) - at} ms after the switch`);
    nobodyAsked(world, visitors);
    // What comes back is a replica: whoever still holds on to it would be told READONLY.
    await old.up();
    await well(load);
    const next = world.visitor('p0', 'newcomer');
    await eventually('new sessions are written too', () => next.signIn(), 30_000);
    assert.equal((await next.signOut()).status, 200);
  });
  assert.deepEqual(statuses(answers), [200, 503]);
  assert.ok(answers.filter(({ status }) => status === 503).every(({ headers }) => headers['retry-after']));
});

// RS-07, RS-08
replicas('the master is replaced and stays up: it is left, and what is written from then on is there when it is demoted', { store: sentinelStore }, async (world) => {
  const answers = await atWork(world, async ({ load, visitors }) => {
    const old = await world.redis.master();
    await old.copied();
    assert.equal(await world.redis.failover(), 'OK');
    await switched(world, old);
    // Until then it took writes that are lost: of tokens that last nobody misses any.
    await eventually('no gateway asks the old master', async () => (await guests(old)).length === 0, 20_000);
    world.provider.lifetimes.accessToken = 4;
    const newcomers = ['p0', 'p1'].map((account) => world.visitor(account, `${account}, new`));
    for (const newcomer of newcomers) await newcomer.signIn();
    const renewed = world.front.refreshes().length;
    const served = () => Promise.all(newcomers.map((newcomer) => newcomer.send('/api/new')));
    await eventually('the old master is a replica', async () => (await served()) && (await old.cli('ROLE')).startsWith('slave'), 30_000);
    await eventually('renewals are written', async () => (await served()) && world.front.refreshes().length >= renewed + 4, 20_000);
    assert.deepEqual(statuses(await served()), [200]);
    await well(load);
    nobodyAsked(world, [...visitors, ...newcomers]);
  });
  assert.ok(statuses(answers).every((status) => [200, 503].includes(status)), `${statuses(answers)}`);
});

// RS-08
replicas('two of three sentinels away: what is served goes on', { store: sentinelStore }, async (world) => {
  const answers = await atWork(world, async ({ load, visitors }) => {
    await Promise.all(world.redis.sentinels.slice(0, 2).map((sentinel) => sentinel.down()));
    await well(load);
    await world.visitor('p1', 'newcomer').signIn();
    assert.equal(world.recording.sessions.length, visitors.length + 1);
  });
  assert.deepEqual(statuses(answers), [200]);
});
