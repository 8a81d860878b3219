// People at work while something breaks: everybody signed in and served before, and the load ended after.
import { startLoad } from './load.mjs';
import { eventually } from './wait.mjs';

/** Runs `body` with everybody of the world at work; gives every answer they got. */
export async function atWork(world, body) {
  const visitors = Object.keys(world.recording.people).map((account) => world.visitor(account));
  for (const visitor of visitors) await visitor.signIn();
  const load = startLoad(visitors);
  try {
    await well(load);
    await body({ load, visitors });
  } finally {
    await load.stop();
  }
  return load.answers;
}

/** Waits until everybody's newest answer is a good one. */
export const well = (load, within = 20_000) => {
  const since = Date.now();
  return eventually('everybody is served', () => load.all(200, since), within);
};

/** Waits until everybody is told to wait. */
export const felt = (load) => {
  const since = Date.now();
  return eventually('the outage is felt', () => load.all(503, since), 20_000);
};
