// One gateway does not hear the feed of changes any more, and everything else of it works: what it keeps in its process must
// not outlive what another gateway ends.
import assert from 'node:assert/strict';
import { eventually } from './wait.mjs';

const FEED = /\r\nSUBSCRIBE\r\n/;

/** How the feed breaks, on every path of one gateway. */
export const DEAF = {
  cut: (link) => link.part(FEED),
  'half open': (link) => link.mute(FEED),
};

async function metric(gateway, name, label) {
  const lines = (await gateway.metrics()).split('\n');
  const line = lines.find((one) => one.startsWith(`${name}{`) && one.includes(`"${label}"`));
  return Number(line?.split(' ').at(-1) ?? 0);
}

/** How often the gateway found what it looked for in its process, or did not trust it. */
const lookups = (gateway, result) => metric(gateway, 'doorward_session_cache_lookups_total', result);

/** Asks at the gateway until all that it needs of a session is in its process, and it has nothing more to note of it. */
async function isKept(gateway, visitor) {
  const notes = () => metric(gateway, 'doorward_store_call_seconds_count', 'touch');
  await eventually(`${gateway.name} keeps it`, async () => {
    const [hits, noted] = [await lookups(gateway, 'hit'), await notes()];
    for (let n = 0; n < 5; n += 1) assert.equal((await visitor.send('/api/kept', { at: gateway.port })).status, 200);
    return (await lookups(gateway, 'hit')) === hits + 5 && (await notes()) === noted;
  });
}

/** Asks at the gateway until it has answered from where `result` says. */
async function answersFrom(gateway, result, visitor) {
  const before = await lookups(gateway, result);
  await eventually(
    `${gateway.name} answers: ${result}`,
    async () => {
      assert.equal((await visitor.send('/api/asked', { at: gateway.port })).status, 200);
      return (await lookups(gateway, result)) > before;
    },
    20_000,
  );
}

const ended = (gateway, visitor, cookie) =>
  eventually(`${gateway.name} knows that it is over`, async () => {
    return (await visitor.send('/api/over', { at: gateway.port, cookie })).status === 401;
  });

/** A sign-out on one gateway while another is deaf, and what the deaf one does before, meanwhile and after. */
export async function signedOutElsewhere(world, deafen) {
  const [deaf, other] = world.gateways;
  const [leaving, staying] = [world.visitor('p0'), world.visitor('p1')];
  for (const visitor of [leaving, staying]) {
    await visitor.signIn();
    await isKept(deaf, visitor);
  }
  const cookie = leaving.cookie();
  deafen(deaf.link);
  assert.equal((await leaving.signOut({ at: other.port })).status, 200);
  // That nothing of it reached the app for longer than a second is the checker's to say.
  await ended(deaf, leaving, cookie);
  await answersFrom(deaf, 'bypassed', staying);
  const kept = await lookups(deaf, 'hit');
  for (let n = 0; n < 10; n += 1) assert.equal((await staying.send('/api/went-on', { at: deaf.port })).status, 200);
  assert.equal(await lookups(deaf, 'hit'), kept, 'what is kept is passed by');
  deaf.link.heal();
  await isKept(deaf, staying);
  const again = staying.cookie();
  assert.equal((await staying.signOut({ at: other.port })).status, 200);
  await ended(deaf, staying, again);
}
