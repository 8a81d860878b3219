// A logout at the provider reaches one gateway, and holds on all of them.
import assert from 'node:assert/strict';
import { expired, statuses } from '../harness/expired.mjs';
import { replicas } from '../harness/replicas.mjs';
import { eventually } from '../harness/wait.mjs';

const sessions = async (redis) => (await redis.cli('KEYS', 'doorward:s:*')).split('\n').filter(Boolean);

// I2, BL-10
replicas('a logout told to one gateway ends the session on all, and wins over a renewal under way on another', {}, async (world) => {
  const other = world.visitor('p1');
  await other.signIn();
  const visitor = await expired(world);
  const cookie = visitor.cookie();
  const hold = world.front.hold('after');
  const renewing = visitor.send('/api/renewing', { at: world.gateways[0].port });
  await eventually('the provider rotated', () => hold.replies() === 1);
  assert.deepEqual(await visitor.leave(world.provider), [{ client: 'doorward-basic', outcome: 'success' }]);
  hold.lift();
  assert.equal((await renewing).status, 401, 'the new tokens are for nobody');
  for (const { port } of world.gateways) {
    await eventually('it is over', async () => (await visitor.send('/api/after', { at: port, cookie })).status === 401);
  }
  assert.equal((await sessions(world.redis)).length, 1, 'nothing came back');
  const answers = await Promise.all(world.gateways.map(({ port }) => other.send('/api/other', { at: port })));
  assert.deepEqual(statuses(answers), [200], 'nobody else is signed out');
});

// I2
replicas('people at work who log out at the provider are served by no gateway a second later', { people: 6 }, async (world) => {
  const visitors = Object.keys(world.recording.people).map((account) => world.visitor(account));
  for (const visitor of visitors) await visitor.signIn();
  const cookies = visitors.map((visitor) => visitor.cookie());
  let over = false;
  const answers = [];
  const works = visitors.flatMap((visitor, n) =>
    world.gateways.map(async ({ port }) => {
      while (!over) answers.push({ n, answer: await visitor.send('/api/work', { at: port, cookie: cookies[n] }) });
    }),
  );
  const newest = (n, status, count) => answers.filter((one) => one.n === n).slice(-count).every(({ answer }) => answer.status === status);
  for (const [n, visitor] of visitors.entries()) {
    await visitor.leave(world.provider);
    const before = answers.length;
    await eventually('all gateways know', () => answers.length > before + 60 && newest(n, 401, world.gateways.length));
  }
  over = true;
  await Promise.all(works);
  assert.deepEqual(statuses(answers.map(({ answer }) => answer)), [200, 401]);
  assert.equal(world.recording.signOuts.filter(({ acked }) => acked).length, visitors.length, 'the checker knows of each');
});
