// Silent renewal across three gateways: one Redis, one provider that punishes a refresh token spent twice.
import assert from 'node:assert/strict';
import { TAKES_LEASE, WRITES_BACK, expired, statuses } from '../harness/expired.mjs';
import { DEAF } from '../harness/feed.mjs';
import { replicas } from '../harness/replicas.mjs';
import { eventually } from '../harness/wait.mjs';

const leases = async (redis) => (await redis.cli('KEYS', 'doorward:l:*')).split('\n').filter(Boolean);
const sessions = async (redis) => (await redis.cli('KEYS', 'doorward:s:*')).split('\n').filter(Boolean);

// RF-01
replicas('500 requests at expiry over three gateways make one token call', {}, async (world) => {
  const visitor = await expired(world);
  const answers = await Promise.all(Array.from({ length: 500 }, (_, n) => visitor.send(`/api/${n}`)));
  assert.deepEqual(statuses(answers), [200]);
  assert.equal(world.front.refreshes().length, 1);
  const tokens = new Set(world.upstream.requests.slice(1).map(({ headers }) => headers['x-access-token']));
  assert.deepEqual([...tokens], [world.front.refreshes()[0].accessToken], 'everybody has the new token');
});

// RF-01, RS-05
replicas('a renewal that another gateway has not heard of is found in the store', { count: 2 }, async (world) => {
  const [near, far] = world.gateways;
  const visitor = await expired(world, 'p0', (person) => person.send('/api/kept', { at: far.port }));
  DEAF['half open'](far.link);
  const answers = [await visitor.send('/api/here', { at: near.port }), await visitor.send('/api/there', { at: far.port })];
  assert.deepEqual(statuses(answers), [200]);
  assert.equal(world.front.refreshes().length, 1, 'what is kept is old, and its token spent');
});

// RF-02
replicas('a token endpoint slower than the lease keeps the lease', { settings: { connect_timeout: '1s', timeout: '12s' } }, async (world) => {
  const visitor = await expired(world);
  const hold = world.front.hold('before');
  const answers = Array.from({ length: 12 }, (_, n) => visitor.send(`/api/${n}`));
  await eventually('the call is under way', () => hold.met() === 1);
  const [lease] = await leases(world.redis);
  const lasts = async () => Number(await world.redis.cli('PTTL', lease));
  const [owner, since, least] = [await world.redis.cli('GET', lease), Date.now(), (await lasts()) - 4_000];
  const found = [];
  await eventually('the lease outlived the time for which it was taken', async () => {
    found.push([await world.redis.cli('GET', lease), await lasts()]);
    return Date.now() - since > 7_000;
  });
  assert.deepEqual([...new Set(found.map(([who]) => who))], [owner], 'one owner throughout');
  assert.ok(found.every(([, ms]) => ms > least), 'it is extended throughout');
  hold.lift();
  assert.deepEqual(statuses(await Promise.all(answers)), [200]);
  assert.equal(world.front.refreshes().length, 1);
  await eventually('the lease is given back', async () => (await leases(world.redis)).length === 0);
});

// RF-04, GW-11
const SLOWLY = { settings: { connect_timeout: '1s', timeout: '20s' } };
replicas('the way to Redis breaks while a slow provider has the call: nobody else spends the old token', SLOWLY, async (world) => {
  const visitor = await expired(world);
  const [{ link, port }, ...others] = world.gateways;
  const hold = world.front.hold('after');
  const renewing = visitor.send('/api/renewing', { at: port });
  await eventually('the provider rotated', () => hold.replies() === 1);
  link.refuse();
  const waiting = others.map((other) => visitor.send('/api/waiting', { at: other.port }));
  const [lease] = await leases(world.redis);
  const left = async () => Number(await world.redis.cli('PTTL', lease));
  const lasts = await left();
  const again = () => world.front.refreshes().length > 1;
  await eventually('the call takes longer than writing back is tried', async () => again() || (await left()) < lasts - 13_000, 30_000);
  assert.equal(world.front.refreshes().length, 1, 'to the provider, a second time is theft');
  link.heal();
  hold.lift();
  assert.deepEqual(statuses(await Promise.all([renewing, ...waiting])), [200]);
  const after = await Promise.all(world.gateways.map((gateway) => visitor.send('/api/after', { at: gateway.port })));
  assert.deepEqual(statuses(after), [200]);
  assert.equal(world.front.refreshes().length, 1);
});

// RF-04, RS-05
replicas('the way to Redis breaks with the new tokens in hand: nobody else spends the old one', {}, async (world) => {
  const visitor = await expired(world);
  const [{ link, port }, ...others] = world.gateways;
  const held = link.holdWhen(WRITES_BACK, 'up');
  const renewing = visitor.send('/api/renewing', { at: port });
  await held;
  const waiting = others.map((other) => visitor.send('/api/waiting', { at: other.port }));
  const [lease] = await leases(world.redis);
  const lasts = Number(await world.redis.cli('PTTL', lease));
  assert.ok(lasts > 10_000, `the lease outlasts every try to write back, and lasts for ${lasts} ms`);
  await eventually('some tries have failed', async () => Number(await world.redis.cli('PTTL', lease)) < lasts - 6_000);
  link.heal();
  assert.deepEqual(statuses(await Promise.all([renewing, ...waiting])), [200]);
  assert.equal(world.front.refreshes().length, 1);
});

const STEPS = {
  'before the lease': (world) => linkHeld(world, TAKES_LEASE, 'up'),
  'with the lease': (world) => linkHeld(world, TAKES_LEASE, 'down'),
  'before the provider heard': (world) => held(world.front.hold('before'), 'met'),
  'before the provider answered': (world) => held(world.front.hold('after'), 'replies'),
  'with the new tokens': (world) => linkHeld(world, WRITES_BACK, 'up'),
  'with the new tokens stored': (world) => linkHeld(world, WRITES_BACK, 'down'),
};

function linkHeld({ gateways: [{ link }] }, pattern, direction) {
  return { reached: link.holdWhen(pattern, direction), lift: () => link.heal() };
}

function held(hold, count) {
  return { reached: eventually('the call is held', () => hold[count]() === 1), lift: hold.lift };
}

// RF-03, UP-15
for (const [step, prepare] of Object.entries(STEPS)) {
  replicas(`a client that goes away ${step} cancels nothing`, {}, async (world) => {
    const visitor = await expired(world);
    const { reached, lift } = prepare(world);
    const { gone, done } = visitor.hangUp('/api/gone', { at: world.gateways[0].port });
    await reached;
    gone();
    assert.equal((await done).status, 0);
    lift();
    const answers = await Promise.all(world.gateways.map(({ port }) => visitor.send('/api/next', { at: port })));
    assert.deepEqual(statuses(answers), [200]);
    assert.equal(world.front.refreshes().length, 1, 'the renewal that nobody waited for went on');
  });
}

// BL-10
replicas('a sign-out on one gateway wins over a renewal under way on another', {}, async (world) => {
  const visitor = await expired(world);
  const cookie = visitor.cookie();
  const hold = world.front.hold('after');
  const renewing = visitor.send('/api/renewing', { at: world.gateways[0].port });
  await eventually('the provider rotated', () => hold.replies() === 1);
  assert.equal((await visitor.signOut({ at: world.gateways[1].port })).status, 200);
  hold.lift();
  assert.equal((await renewing).status, 401, 'the new tokens are for nobody');
  const answers = await Promise.all(world.gateways.map(({ port }) => visitor.send('/api/after', { at: port, cookie })));
  assert.deepEqual(statuses(answers), [401]);
  assert.deepEqual(await sessions(world.redis), [], 'nothing came back');
});

// IP-03, IP-05, RF-07: as long as DOORWARD_OUTAGE_SECONDS, ten minutes in `make test-long`.
const OUTAGE = Number(process.env.DOORWARD_OUTAGE_SECONDS ?? 8) * 1000;
const outage = { lifetimes: { accessToken: 3 }, timeout: OUTAGE + 120_000 };
replicas('a provider that answers 503 and comes back with new keys signs nobody out', outage, async (world) => {
  const visitors = ['p0', 'p1', 'p2'].map((account) => world.visitor(account));
  for (const visitor of visitors) await visitor.signIn();
  const away = world.front.fail(503, { path: /./, headers: { 'retry-after': '1' } });
  const until = Date.now() + OUTAGE;
  const seen = new Set();
  await eventually(
    'the outage lasted, and was felt',
    async () => {
      const answers = await Promise.all(visitors.map((visitor) => visitor.send('/api/poll')));
      answers.forEach(({ status }) => seen.add(status));
      return Date.now() > until && answers.every(({ status }) => status === 503);
    },
    OUTAGE + 30_000,
  );
  assert.deepEqual([...seen].sort(), [200, 503]);
  assert.ok(world.front.refreshes().length < OUTAGE / 100, 'a provider that is down is not hammered');
  world.provider.rotateKeys();
  away.lift();
  await eventually(
    'everybody is renewed',
    async () => {
      const answers = await Promise.all(visitors.map((visitor) => visitor.send('/api/poll')));
      return answers.every(({ status }) => status === 200);
    },
    90_000,
  );
});
