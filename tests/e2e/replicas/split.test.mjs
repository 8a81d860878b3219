// The network between gateways, Redis and the provider falls apart, and comes together again.
import assert from 'node:assert/strict';
import { expired, statuses } from '../harness/expired.mjs';
import { startLink } from '../harness/link.mjs';
import { startRedis } from '../harness/redis.mjs';
import { replicas } from '../harness/replicas.mjs';
import { AT_ONCE } from '../harness/sentinel.mjs';
import { eventually } from '../harness/wait.mjs';

/** A master that takes no writes without its replica, as the documentation says, and that replica. */
async function twoServers(started, count) {
  const master = started(await startRedis({ config: [['min-replicas-to-write', '1'], ['min-replicas-max-lag', '10']] }));
  const replication = started(await startLink(master.port));
  const follow = [...AT_ONCE, ['replicaof', '127.0.0.1', String(replication.port)]];
  const replica = started(await startRedis({ config: follow }));
  await eventually('it follows', async () => /state=online/.test(await master.cli('INFO', 'replication')), 20_000);
  const links = [];
  for (let n = 0; n < count; n += 1) links.push(started(await startLink(master.port)));
  return {
    settings: (n) => ({ url: `redis://127.0.0.1:${links[n].port}`, timeout: '1s', connect_timeout: '1s' }),
    link: (n) => links[n],
    parts: { redis: { master, replica, replication } },
  };
}

/** The second server becomes a master as well, and all gateways but the first find that one. */
async function split({ redis: { master, replica, replication }, gateways }) {
  const has = async (server) => (await server.cli('DBSIZE')).trim();
  await eventually('the replica has everything', async () => (await has(master)) === (await has(replica)));
  replication.refuse();
  await eventually('the master knows that it is alone', async () => {
    return /connected_slaves:0/.test(await master.cli('INFO', 'replication'));
  });
  await replica.cli('REPLICAOF', 'NO', 'ONE');
  for (const { link } of gateways.slice(1)) {
    link.aim(replica.port);
    link.cut();
  }
}

/** The first master follows the second one; sockets to it stay. */
async function healed({ redis: { master, replica, replication }, gateways }) {
  replication.heal();
  await master.cli('REPLICAOF', '127.0.0.1', String(replica.port));
  gateways[0].link.aim(replica.port);
}

// RS-10
replicas('two masters: the cut off one lets nobody spend a token or believe in a sign-out, and heals', { store: twoServers }, async (world) => {
  const [alone, ...others] = world.gateways;
  const reading = world.visitor('p1');
  world.provider.lifetimes.accessToken = 3600;
  await reading.signIn();
  const visitor = await expired(world);
  await split(world);

  const waits = await visitor.send('/api/alone', { at: alone.port });
  assert.equal(waits.status, 503, 'no lease, so no renewal');
  assert.ok(waits.headers['retry-after']);
  assert.equal(world.front.refreshes().length, 0, 'its refresh token was not spent');
  assert.equal((await reading.send('/api/alone', { at: alone.port })).status, 200, 'whoever needs no write is served');
  assert.equal((await reading.signOut({ at: alone.port })).status, 503, 'a sign-out that the others never hear of is not claimed');
  const refused = await world.visitor('p2').visit('/home', { at: alone.port });
  assert.equal(refused.status, 503, 'nobody signs in');

  const answers = await Promise.all(others.map(({ port }) => visitor.send('/api/others', { at: port })));
  assert.deepEqual(statuses(answers), [200]);
  assert.equal(world.front.refreshes().length, 1, 'renewed once, on the side that takes writes');
  assert.equal((await visitor.send('/api/alone', { at: alone.port })).status, 503, 'the other side has the old token still');

  await healed(world);
  await eventually('the first finds the new master', async () => (await visitor.send('/api/healed', { at: alone.port })).status === 200, 20_000);
  assert.equal(world.front.refreshes().length, 1, 'one chain of tokens, and each spent once');
  assert.equal((await visitor.send('/api/healed', { at: alone.port })).headers['set-cookie'], undefined);
  const cookie = visitor.cookie();
  assert.equal((await visitor.signOut({ at: alone.port })).status, 200);
  const after = world.gateways.map(({ port }) => eventually('it is over', async () => (await visitor.send('/api/after', { at: port, cookie })).status === 401));
  await Promise.all(after);
  const all = await Promise.all(world.gateways.map(({ port }) => reading.send('/api/all', { at: port })));
  assert.deepEqual(statuses(all), [200], 'who was not signed out is signed in everywhere');
});

const ready = async (gateway, full = '') => (await fetch(`${gateway.admin()}/ready${full}`)).status;

// GW-11
replicas('one gateway reaches Redis alone, one the provider alone: each does what it still can', {}, async (world) => {
  const [noProvider, noRedis, whole] = world.gateways;
  const settled = world.visitor('p1');
  world.provider.lifetimes.accessToken = 3600;
  await settled.signIn();
  const over = await expired(world);
  await eventually('the notes of use are written, and the session is served from what is at hand', async () => {
    await settled.send('/api/b', { at: noRedis.port });
    return /cache_lookups_total\{what="hit"\} \d\d/.test(await noRedis.metrics());
  });
  world.providerLink.refuseFrom(noProvider.pid());
  noRedis.link.refuse();

  // Redis and no provider: sessions are served, and whatever needs the provider is told to wait.
  assert.equal((await settled.send('/api/a', { at: noProvider.port })).status, 200);
  const renewal = await over.send('/api/a', { at: noProvider.port });
  assert.equal(renewal.status, 503);
  assert.ok(renewal.headers['retry-after']);
  assert.equal(await ready(noProvider), 200, 'it can serve who is signed in');
  const newcomer = world.visitor('p2');
  const callback = await newcomer.visit('/home', { at: noProvider.port });
  assert.equal(callback.status, 503, 'the code cannot be redeemed here');
  assert.equal(newcomer.session(), undefined);

  // The provider and no Redis: who needs a session is told to wait, and open routes go on.
  await eventually('what is kept is not served', async () => (await settled.send('/api/b', { at: noRedis.port })).status === 503);
  assert.equal((await over.send('/api/b', { at: noRedis.port })).status, 503);
  assert.equal((await settled.send('/public/b', { at: noRedis.port })).status, 200);
  assert.equal(await ready(noRedis), 503, 'a load balancer leaves it out');
  assert.equal((await settled.signOut({ at: noRedis.port })).status, 503);
  assert.equal(world.front.refreshes().length, 0, 'nobody of the two renewed');

  // Who reaches both does it all, and the first hears of it.
  assert.equal((await over.send('/api/c', { at: whole.port })).status, 200);
  await newcomer.signIn({ at: whole.port });
  for (const visitor of [over, newcomer]) {
    await eventually('the first has the new tokens', async () => (await visitor.send('/api/a', { at: noProvider.port })).status === 200);
  }
  assert.equal(world.front.refreshes().length, 1);
  const cookie = over.cookie();
  assert.equal((await over.signOut({ at: whole.port })).status, 200);

  world.providerLink.heal();
  noRedis.link.heal();
  await eventually('the second serves again', async () => (await settled.send('/api/b', { at: noRedis.port })).status === 200, 20_000);
  assert.equal((await over.send('/api/b', { at: noRedis.port, cookie })).status, 401, 'and knows what was ended meanwhile');
  assert.equal(await ready(noRedis), 200);
  await eventually('people sign in at the first again', () => world.visitor('p3').signIn({ at: noProvider.port }), 20_000);
});
