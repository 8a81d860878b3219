// The program is replaced in place while people are at work and their tokens end: sessions and renewals pass from one
// process to the next through Redis. DOORWARD_BEFORE names an earlier program to begin with: then it is N and N+1, side by side.
import assert from 'node:assert/strict';
import { copyFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { tempFolder } from '../harness/child.mjs';
import { statuses } from '../harness/expired.mjs';
import { binary } from '../harness/gateway.mjs';
import { replicas } from '../harness/replicas.mjs';
import { eventually } from '../harness/wait.mjs';

/** Has gateways begin as the program before, where one is named. Called, what is started from then on is this one. */
function programBefore() {
  const before = process.env.DOORWARD_BEFORE;
  if (!before) return () => {};
  const [now, place] = [binary(), join(tempFolder('programs').path, 'doorward')];
  copyFileSync(before, place);
  process.env.DOORWARD_BIN = place;
  return () => {
    copyFileSync(now, `${place}.new`);
    renameSync(`${place}.new`, place);
  };
}

const install = programBefore();

// GW-01, GW-09
replicas('every gateway upgraded in place under load: no request fails, nobody is signed out, no renewal is lost', {
  people: 3,
  lifetimes: { accessToken: 4 },
}, async (world) => {
  const people = ['p0', 'p1', 'p2'].map((account) => world.visitor(account));
  for (const person of people) await person.signIn();
  let done = false;
  const answers = [];
  const works = people.map(async (person) => {
    while (!done) answers.push(await person.send('/api/work'));
  });
  install();
  for (const gateway of world.gateways) {
    const [before, renewals] = [answers.length, world.front.refreshes().length];
    assert.deepEqual(await gateway.upgrade(), { code: 0, signal: null });
    await eventually('work goes on', () => answers.length > before + 50);
    await eventually('tokens are renewed', () => world.front.refreshes().length > renewals);
  }
  done = true;
  await Promise.all(works);
  assert.deepEqual(statuses(answers), [200]);
  assert.equal(world.recording.sessions.length, people.length, 'nobody signed in again');
});
