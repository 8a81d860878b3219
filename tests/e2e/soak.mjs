// People at work over three gateways while random things break; the checker of invariants must be silent at the end.
//
//   node tests/e2e/soak.mjs MINUTES [SEED]
//
// The seed is printed; the same seed breaks the same things in the same order. A soak goes in rounds of at most five
// minutes, each over processes of its own, so that what is recorded fits into memory.
import { randomInt } from 'node:crypto';
import { violations } from './harness/invariants.mjs';
import { startLoad } from './harness/load.mjs';
import { startReplicas } from './harness/replicas.mjs';
import { eventually } from './harness/wait.mjs';

const ROUND = 5 * 60_000;
const PEOPLE = 8;
/** How often everything is left in peace, and every gateway has to serve everybody. */
const PEACE = 30_000;
/** From the end of the last fault until a gateway serves again: a lease of a gateway that died lapses, and back-offs end. */
const RECOVERY = 90_000;
/** Longest that one thing stays broken: below what a gateway keeps new tokens in hand for, and below a lease. */
const LONGEST = 3_500;

const minutes = Number(process.argv[2] ?? 3);
const seed = Number(process.argv[3] ?? randomInt(2 ** 31));
if (!(minutes > 0)) {
  console.error('How many minutes?  node tests/e2e/soak.mjs MINUTES [SEED]');
  process.exit(2);
}
console.log(`soak of ${minutes} minute(s), seed ${seed}`);

/** Each gives what ends it. */
const FAULTS = {
  'a gateway is killed': async (world, draw) => {
    const gateway = world.gateways[draw(world.gateways.length)];
    await gateway.kill();
    return () => gateway.restart();
  },
  'a gateway stands still': async (world, draw) => {
    const gateway = world.gateways[draw(world.gateways.length)];
    gateway.freeze();
    return () => gateway.thaw();
  },
  'Redis is killed': async (world) => {
    await world.redis.down();
    return () => world.redis.up();
  },
  'Redis hangs': async (world) => {
    world.redis.freeze();
    return () => world.redis.thaw();
  },
  'a way to Redis is late': onLink((link, draw) => link.late(draw(1_500), 200)),
  'a way to Redis is slow': onLink((link) => link.slow(5)),
  'a way to Redis is half open': onLink((link) => link.hold('down')),
  'a way to Redis is held': onLink((link) => link.hold('up')),
  'a way to Redis is refused': onLink((link) => link.refuse()),
  'a reply of Redis is cut': onLink((link, draw) => link.cutDown(draw(400))),
  'the ways to Redis are reset': async (world) => {
    world.gateways.forEach(({ link }) => link.cut());
    return () => undefined;
  },
  'the provider answers 503': async ({ front }) => front.fail(503, { path: /./, headers: { 'retry-after': '1' } }).lift,
  'the token endpoint answers 429': async ({ front }) => front.fail(429, { headers: { 'retry-after': '2' } }).lift,
  'the provider answers late': async ({ front }) => front.hold('before').lift,
  'the provider’s answers are late': async ({ front }) => front.hold('after').lift,
  'calls are cut before the provider hears': async ({ front }) => front.cut('before').lift,
  'answers of the provider are lost': async ({ front }) => front.cut('after').lift,
  'the provider is refused': async ({ providerLink, recording }) => {
    recording.kills.push({ at: Date.now() });
    providerLink.refuse();
    return () => providerLink.heal();
  },
  'the provider rotates its keys': async ({ provider }) => {
    provider.rotateKeys();
    return () => undefined;
  },
  'somebody signs out at the provider': async ({ visitors, provider }, draw) => {
    const visitor = visitors[draw(visitors.length)];
    // A provider that does not answer cannot be asked, and who is there no more is asked nothing.
    if (visitor.session()) await visitor.leave(provider).catch(() => undefined);
    return () => undefined;
  },
  'somebody signs out': async ({ visitors, gateways }, draw) => {
    const visitor = visitors[draw(visitors.length)];
    // A gateway that was killed just now cannot be asked.
    if (visitor.session()) await visitor.signOut({ at: gateways[draw(gateways.length)].port });
    return () => undefined;
  },
};

function onLink(break_) {
  return async ({ gateways }, draw) => {
    const { link } = gateways[draw(gateways.length)];
    break_(link, draw);
    return () => link.heal();
  };
}

let failed = false;
for (let left = minutes * 60_000, round = 0; left > 0; left -= ROUND, round += 1) {
  failed = (await soak(Math.min(left, ROUND), seed + round)) || failed;
}
process.exit(failed ? 1 : 0);

async function soak(duration, ownSeed) {
  const draw = generator(ownSeed);
  const world = await startReplicas({ people: PEOPLE, redis: { aof: true }, lifetimes: { accessToken: 4 } });
  world.faults = [];
  const done = new Map();
  const broken = new Map();
  const problems = [];
  let load;
  try {
    world.visitors = Object.keys(world.recording.people).map((account) => world.visitor(account));
    for (const visitor of world.visitors) await visitor.signIn();
    // By the balancer, and past it: what one gateway answers is seen whatever the others do.
    load = startLoad(world.visitors, { pause: 60, ports: [undefined, ...world.gateways.map(({ port }) => port)] });
    const until = Date.now() + duration;
    let peace = Date.now() + PEACE;
    let deck = [];
    while (Date.now() < until) {
      if (Date.now() > peace) {
        await recovered(world, broken, load);
        peace = Date.now() + PEACE;
      }
      if (deck.length === 0) deck = shuffled(Object.keys(FAULTS), draw);
      // At most two things at once, and nothing twice: an end must find its beginning.
      const at = deck.findIndex((one) => broken.size < 2 && !broken.has(one) && !clash(one, broken));
      const [name] = at < 0 ? [] : deck.splice(at, 1);
      if (name) {
        done.set(name, (done.get(name) ?? 0) + 1);
        const entry = { at: Date.now(), what: name };
        world.faults.push(entry);
        const end = await FAULTS[name](world, draw);
        const lasting = pause(200 + draw(LONGEST - 200))
          .then(end)
          .then(() => Object.assign(entry, { until: Date.now() }));
        broken.set(name, lasting.catch((error) => problems.push(`${name}: ${error.message}`)).finally(() => broken.delete(name)));
      }
      await pause(100 + draw(900));
    }
    await recovered(world, broken, load);
  } catch (error) {
    problems.push(error.message);
    world.gateways.forEach((gateway) => console.error(`the end of ${gateway.name}:\n${gateway.tail(20)}`));
  } finally {
    await load?.stop();
    await world.stop();
  }
  problems.push(...idle(load?.answers ?? [], world, done, duration));
  const found = [...problems.map((what) => ({ rule: 'soak', what })), ...violations(world.recording)];
  report(ownSeed, load?.answers ?? [], world, done, found);
  return found.length > 0;
}

/** Waits until nothing is broken any more, and then until each gateway serves each person, whoever asked it before. */
async function recovered({ gateways }, broken, load) {
  await Promise.all(broken.values());
  const since = Date.now();
  for (const { name, port } of gateways) {
    await eventually(`${name} serves everybody again`, () => load.all(200, since, port), since + RECOVERY - Date.now());
  }
}

/** What a soak that tried nothing would hide. */
function idle(answers, { gateways }, done, duration) {
  const found = [];
  for (const { name, port } of gateways) {
    const own = answers.filter(({ at }) => at === port);
    const served = own.filter(({ status }) => status === 200).length;
    if (served * 3 < own.length) found.push(`${name} served ${served} of ${own.length} requests only`);
    if (own.length === 0) found.push(`${name} was asked nothing`);
  }
  if (duration < ROUND) return found;
  found.push(...Object.keys(FAULTS).filter((name) => !done.has(name)).map((name) => `never happened: ${name}`));
  const felt = [0, 401, 503].filter((status) => answers.every((answer) => answer.status !== status));
  return [...found, ...felt.map((status) => `nothing that was broken was felt: no answer was ${status}`)];
}

/** What works on the same process or the same rules at the same time would undo the other. */
function clash(name, broken) {
  const kind = (one) => (/provider|token endpoint|calls are cut/.test(one) ? 'provider' : /Redis/.test(one) ? 'redis' : one.includes('gateway') ? 'gateway' : one);
  return [...broken.keys()].some((other) => kind(other) === kind(name));
}

function report(ownSeed, answers, { recording, faults, gateways }, done, found) {
  const counted = (some) => {
    const statuses = {};
    for (const { status } of some) statuses[status] = (statuses[status] ?? 0) + 1;
    return JSON.stringify(statuses);
  };
  const refreshes = recording.calls.filter(({ grant }) => grant === 'refresh_token');
  const lost = refreshes.filter(({ rotated, delivered }) => rotated && !delivered).length;
  console.log(`round with seed ${ownSeed}`);
  console.log(`  ${answers.length} answers by status (0: cut off): ${counted(answers)}`);
  for (const { name, port } of gateways) console.log(`    of ${name} itself: ${counted(answers.filter(({ at }) => at === port))}`);
  console.log(`  ${recording.sessions.length} sign-ins, ${recording.signOuts.length} sign-outs, ${refreshes.length} renewals, ${lost} of them lost on the way`);
  for (const [name, times] of [...done].sort()) console.log(`  ${String(times).padStart(4)} × ${name}`);
  console.log(found.length === 0 ? '  the invariants held' : `  ${found.length} VIOLATION(S)`);
  for (const { rule, what } of found.slice(0, 30)) console.log(`    ${rule}: ${what}`);
  const asked = found.filter(({ rule }) => rule === 'I6').map(({ what }) => what.split(': ')[0]);
  const firsts = new Map(asked.map((mark) => recording.answers.find((answer) => answer.mark === mark)).reverse().map((answer) => [answer.session, answer]));
  for (const [session, answer] of [...firsts].slice(0, 5)) console.log(story(recording, faults, session, answer));
}

/** What went before somebody was asked: the last calls of their family, and what was broken then. */
function story({ calls, requests, sessions }, faults, id, answer) {
  const own = new Set(requests.filter(({ headers }) => headers['x-mark']?.includes(`/${id}/`)).map(({ headers }) => headers['x-access-token']));
  const { code, since } = sessions.find((session) => session.id === id);
  const family = calls.find((call) => call.code && call.code === code)?.family;
  const when = (at) => (at === undefined ? '…' : `${((at - answer.began) / 1000).toFixed(2)} s`);
  const lines = [
    ...calls.filter((call) => call.family === family && family).slice(-6).map((call) => ({
      at: call.began,
      text: `call to ${when(call.ended)}, rotated ${call.rotated}, delivered ${call.delivered}, served ${own.has(call.accessToken)}, ${call.error ?? call.status}`,
    })),
    ...faults.filter(({ at }) => at > answer.began - 20_000 && at < answer.ended).map(({ at, until, what }) => ({ at, text: `${what}, to ${when(until)}` })),
  ].sort((a, b) => a.at - b.at);
  return [`  ${id}, signed in at ${when(since)}, was asked at 0:`, ...lines.map(({ at, text }) => `    ${when(at).padStart(9)} ${text}`)].join('\n');
}

/** In an order of chance (Fisher and Yates). */
function shuffled(names, draw) {
  const all = [...names];
  for (let n = all.length - 1; n > 0; n -= 1) {
    const m = draw(n + 1);
    [all[n], all[m]] = [all[m], all[n]];
  }
  return all;
}

function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Whole numbers below `most`, the same for the same seed (SplitMix32). */
function generator(start) {
  let state = start >>> 0;
  return (most) => {
    state = (state + 0x9e3779b9) >>> 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return ((z ^ (z >>> 15)) >>> 0) % most;
  };
}
