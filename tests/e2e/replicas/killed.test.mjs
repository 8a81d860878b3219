// `kill -9` of a gateway at each step of a renewal and of a sign-in. What another gateway then does is what counts.
import assert from 'node:assert/strict';
import { TAKES_LEASE, WRITES_BACK, expired, statuses } from '../harness/expired.mjs';
import { replicas } from '../harness/replicas.mjs';
import { eventually } from '../harness/wait.mjs';

const leases = async (redis) => (await redis.cli('KEYS', 'doorward:l:*')).split('\n').filter(Boolean);
const sessions = async (redis) => (await redis.cli('KEYS', 'doorward:s:*')).split('\n').filter(Boolean);

// From the moment the token may be spent, the lease of a dead one lasts for a provider's slowest answer and more.
const QUICK = { settings: { connect_timeout: '1s', timeout: '2s' } };

/** Kills the first gateway when `reached` is fulfilled, and gives what the others then answer, and what in the end. */
async function killedAt(world, visitor, reached, lift) {
  const [first, ...others] = world.gateways;
  const lost = visitor.send('/api/lost', { at: first.port });
  await reached();
  await first.kill();
  await lift();
  assert.equal((await lost).status, 0, 'nobody answered that one');
  const ask = () => Promise.all(others.flatMap(({ port }) => [visitor.send('/api/a', { at: port }), visitor.send('/api/b', { at: port })]));
  const seen = [];
  const inTheEnd = async () => {
    const answers = await ask();
    seen.push(...answers);
    return answers.every(({ status }) => status !== 503) && answers;
  };
  const answers = await eventually('nobody waits any more', inTheEnd, 40_000);
  const meanwhile = seen.filter(({ status }) => status === 503);
  assert.ok(meanwhile.every(({ headers }) => Number(headers['retry-after']) > 0), 'whoever waited in vain is told when to ask again');
  assert.ok(meanwhile.every(({ text }) => text.includes('renewing_elsewhere')), 'and what for');
  return { answers, meanwhile };
}

// GW-02, RS-17
replicas('killed with the lease, before it sent: the lease lapses and another renews', {}, async (world) => {
  const visitor = await expired(world);
  const { link } = world.gateways[0];
  const held = link.holdWhen(TAKES_LEASE, 'down');
  const { answers, meanwhile } = await killedAt(world, visitor, () => held, link.heal);
  assert.deepEqual(statuses(answers), [200]);
  assert.deepEqual(meanwhile, [], 'a lease that was not held to spend lapses while they wait');
  assert.equal(world.front.refreshes().length, 1, 'the dead one had sent nothing');
});

// GW-02, RS-17
replicas('killed after it sent, the provider has not heard: whoever waits in vain is told so and till when, then another renews', QUICK, async (world) => {
  const visitor = await expired(world);
  const hold = world.front.hold('before');
  const [first, ...others] = world.gateways;
  const lost = visitor.send('/api/lost', { at: first.port });
  await eventually('the call is held', () => hold.met() === 1);
  await first.kill();
  assert.equal((await lost).status, 0);
  await eventually('the connection is gone', () => world.front.refreshes()[0].ended);
  hold.lift();
  const [program, person] = await Promise.all([
    visitor.send('/api/told', { at: others[0].port }),
    visitor.send('/told', { at: others[1].port, headers: { accept: 'text/html', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' } }),
  ]);
  const [lease] = await leases(world.redis);
  const left = Number(await world.redis.cli('PTTL', lease));
  assert.ok(left > 0, 'the lease of the dead one lasts');
  for (const { status, headers } of [program, person]) {
    assert.equal(status, 503);
    assert.ok(Number(headers['retry-after']) * 1000 >= left, `not before the lease lapses: ${headers['retry-after']} s of ${left} ms`);
    assert.equal(headers['set-cookie'], undefined);
  }
  const { type, title, detail, retry_after: seconds } = JSON.parse(program.text);
  assert.deepEqual([type, seconds], ['urn:doorward:problem:renewing_elsewhere', Number(program.headers['retry-after'])]);
  for (const words of [title, detail, `trying again in ${person.headers['retry-after']} seconds`]) assert.ok(person.text.includes(words), words);
  for (const gateway of others) {
    const counted = (await gateway.metrics()).split('\n').filter((line) => /renewing_elsewhere|provider_down/.test(line));
    const names = counted.map((line) => /^(\w+)\{.*?(\w*_elsewhere|provider_down)/.exec(line).slice(1).join(' '));
    assert.deepEqual(names.sort(), ['audit_events', 'decisions', 'renewals', 'requests'].map((what) => `doorward_${what}_total renewing_elsewhere`));
    const said = gateway.said().map((line) => JSON.parse(line)).filter(({ outcome }) => outcome === 'renewing_elsewhere');
    const warning = said.find(({ level }) => level === 'WARN');
    assert.match(warning.message, /another gateway began to renew this session and has not finished/);
    assert.ok(warning.retry_after_seconds * 1000 >= left);
    assert.ok(said.some(({ act }) => act === 'renewal'), 'the audit trail has it');
  }
  await eventually('the lease has lapsed', async () => (await leases(world.redis)).length === 0, 40_000);
  const then = await Promise.all(others.flatMap(({ port }) => [visitor.send('/api/a', { at: port }), visitor.send('/api/b', { at: port })]));
  assert.deepEqual(statuses(then), [200], 'at the first try');
  assert.deepEqual(world.front.refreshes().map(({ rotated }) => rotated), [false, true]);
});

const LOST = {
  // IP-04
  'before the provider’s answer arrived': (world) => {
    const hold = world.front.hold('after');
    return { reached: () => eventually('the answer is held', () => hold.replies() === 1), lift: hold.lift };
  },
  'with the answer, before it was stored': (world) => {
    const { link } = world.gateways[0];
    const held = link.holdWhen(WRITES_BACK, 'up');
    return { reached: () => held, lift: () => link.stop() };
  },
};

// GW-02
for (const [name, prepare] of Object.entries(LOST)) {
  replicas(`killed with the new tokens lost, ${name}: one new sign-in, and no loop`, QUICK, async (world) => {
    const visitor = await expired(world);
    const { reached, lift } = prepare(world);
    const { answers } = await killedAt(world, visitor, reached, lift);
    assert.deepEqual(statuses(answers), [401], 'the refresh token is spent and its successor lost');
    assert.equal(world.front.refreshes().length, 2, 'it was tried once more, by one');
    assert.deepEqual(await sessions(world.redis), [], 'the session is over');
    await visitor.signIn();
    assert.equal((await visitor.send('/api/again')).status, 200);
    assert.equal(world.front.refreshes().length, 2);
  });
}

// GW-02
replicas('killed after it stored, before it gave the lease back: nobody waits', {}, async (world) => {
  // The script is known to Redis after a first renewal, so that the write itself goes by.
  const before = await expired(world, 'p1');
  assert.equal((await before.send('/api/first')).status, 200);
  const visitor = await expired(world);
  const [{ link }] = world.gateways;
  const keys = await sessions(world.redis);
  const values = () => Promise.all(keys.map((key) => world.redis.cli('GET', key)));
  const written = await values();
  const held = link.holdWhen(WRITES_BACK, 'down');
  const reached = async () => {
    await held;
    await eventually('the new tokens are stored', async () => (await values()).some((value, n) => value !== written[n]));
  };
  const { answers, meanwhile } = await killedAt(world, visitor, reached, link.heal);
  assert.deepEqual(statuses(answers), [200]);
  assert.deepEqual(meanwhile, []);
  assert.equal(world.front.refreshes().length, 2, 'one for each');
});

// GW-03
replicas('killed during the callback, the code spent: the person signs in anew', {}, async (world) => {
  const visitor = world.visitor('p0');
  const { url } = await visitor.visit('/home', { until: (at) => at.includes('/.doorward/callback') });
  const callback = url.slice(world.origin.length);
  const hold = world.front.hold('after', { grant: 'authorization_code' });
  const [first, second] = world.gateways;
  const lost = visitor.send(callback, { at: first.port });
  await eventually('the code is spent', () => hold.replies() === 1);
  await first.kill();
  hold.lift();
  assert.equal((await lost).status, 0);
  assert.deepEqual(await sessions(world.redis), [], 'no half session');
  const again = await visitor.send(callback, { at: second.port });
  assert.ok([302, 303, 400, 502].includes(again.status), `a spent code is told, not a crash: ${again.status}`);
  assert.deepEqual(await sessions(world.redis), []);
  await visitor.signIn();
  assert.equal((await visitor.send('/api/after')).status, 200);
});
