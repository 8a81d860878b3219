// Several gateways with one configuration behind one address, one Redis, the real provider, and a path that can be
// broken between each of them. What everybody saw is recorded, and the invariants are checked at the end of every scenario.
import { test } from 'node:test';
import { startBalancer } from './balancer.mjs';
import { forgetOutput, freePort, keepOutput } from './child.mjs';
import { HOST, gatewayConfig } from './config.mjs';
import { startFront } from './front.mjs';
import { startGateway } from './gateway.mjs';
import { assertInvariants, emptyRecording, violations } from './invariants.mjs';
import { startLink } from './link.mjs';
import { clients, startProvider } from './provider.mjs';
import { startRedis } from './redis.mjs';
import { startUpstream } from './upstream.mjs';
import { startVisitor } from './visitor.mjs';

/** So many people, no two of whom share a word that a page could show. */
export function crowd(count) {
  const one = (n) => ({
    sub: `subject-${n}-of-crowd`,
    name: `Person ${n} Crowd`,
    preferred_username: `person${n}x`,
    email: `person${n}x@example.com`,
    email_verified: true,
    groups: [`team-${n}x`, 'staff'],
  });
  return Object.fromEntries(Array.from({ length: count }, (_, n) => [`p${n}`, one(n)]));
}

/** A test over replicas; `options` are those of `startReplicas`. */
export function replicas(name, options, body) {
  test(name, { timeout: options.timeout ?? 120_000 }, async () => {
    forgetOutput();
    const world = await startReplicas(options);
    try {
      await body(world);
      assertInvariants(world.recording);
      assertDiscreet(world);
    } catch (error) {
      for (const { rule, what } of violations(world.recording).slice(0, 10)) console.error(`${rule}: ${what}`);
      for (const gateway of world.gateways) console.error(`the end of ${gateway.name}:\n${gateway.tail(25)}`);
      console.error(`all of it is kept in ${keepOutput(name, evidence(world.recording, error))}`);
      throw error;
    } finally {
      await world.stop();
    }
  });
}

/** Who was told what when, without the tokens. */
function evidence({ sessions, answers, signOuts, kills, losses, calls }, error) {
  const at = (time) => time && new Date(time).toISOString();
  return {
    error: error.message,
    sessions: sessions.map(({ id, since }) => ({ id, since: at(since) })),
    answers: answers
      .filter(({ status }) => status !== 200)
      .map(({ mark, path, status, error: cause, began, ended }) => ({ mark, path, status, cause, began: at(began), ended: at(ended) })),
    served: answers.filter(({ status }) => status === 200).length,
    signOuts,
    kills,
    losses,
    calls: calls.map(({ grant, began, ended, rotated, delivered }) => ({ grant, began: at(began), ended: at(ended), rotated, delivered })),
  };
}

/** Throws when a gateway said, on its output, what is nobody's to read: of cookies, codes, tokens or people. */
export function assertDiscreet({ gateways, recording: { sessions, answers, calls, people } }) {
  const hidden = new Set([
    ...sessions.map(({ handle }) => handle),
    ...calls.flatMap(({ code, accessToken, refreshTokens }) => [code, accessToken, ...refreshTokens]),
    ...Object.values(people).flatMap(({ sub, email, name }) => [sub, email, name]),
  ]);
  for (const { name, said } of gateways) {
    const lines = said();
    if (answers.length > 0 && lines.length === 0) throw new Error(`${name} said nothing at all`);
    for (const word of hidden) {
      const line = word && lines.find((one) => one.includes(word));
      if (line) throw new Error(`${name} said ${word}: ${line}`);
    }
  }
}

/**
 * - `count`: gateways · `people`: how many accounts, `p0`, `p1` …
 * - `redis`: options of `startRedis`, or a store of another kind: `start()` gives what `storeOf` needs
 * - `lifetimes`: of the provider's tokens · `settings`: of the provider in the gateways' configuration · `redisSettings`: of Redis there
 */
export async function startReplicas({
  count = 3,
  people = 4,
  redis: redisOptions = {},
  store = plainStore,
  lifetimes = {},
  settings = {},
  redisSettings = {},
  session = {},
} = {}) {
  const ending = [];
  const started = (part) => {
    ending.push(part);
    return part;
  };
  const stop = async () => {
    for (const part of ending.splice(0).reverse()) await part.stop();
  };
  try {
    const accounts = crowd(people);
    const balancer = started(await startBalancer());
    const origin = `http://${HOST}:${balancer.port}`;
    let provider;
    const front = started(await startFront(() => provider.port));
    const providerLink = started(await startLink(front.port));
    const issuer = `http://127.0.0.1:${providerLink.port}`;
    const redirectUris = [`${origin}/.doorward/callback`];
    const backchannel = { uri: `http://127.0.0.1:${balancer.port}/.doorward/backchannel-logout/company`, session: true };
    provider = started(await startProvider({ issuer, redirectUris, lifetimes: { ...lifetimes }, people: accounts, backchannel }));
    const upstream = started(await startUpstream());
    const kept = await store(started, count, redisOptions);
    const recording = {
      ...emptyRecording(),
      people: accounts,
      requests: upstream.requests,
      calls: front.calls,
    };
    const shared = gatewayConfig({
      port: 0,
      adminPort: 0,
      provider: issuer,
      client: clients.basic,
      store: 'redis',
      redisUrl: 'redis://127.0.0.1:1',
      upstream: upstream.url,
      session,
    });
    Object.assign(shared.providers.company, settings);
    // By the access token the checker knows which chain of refresh tokens a session has.
    for (const route of shared.routes.filter(({ access }) => access !== 'open')) {
      route.headers = { access_token: 'x-access-token' };
    }
    const gateways = [];
    for (let n = 0; n < count; n += 1) {
      const ports = { port: await freePort(), adminPort: await freePort() };
      const config = structuredClone(shared);
      config.listeners = [{ address: `127.0.0.1:${ports.port}`, public_port: balancer.port }];
      config.admin.address = `127.0.0.1:${ports.adminPort}`;
      config.session.redis = { ...kept.settings(n), ...redisSettings };
      gateways.push(started(await startReplica({ name: `gateway ${n}`, config, ports, link: kept.link(n), recording })));
    }
    balancer.to(gateways.map(({ port }) => port));
    recording.keys = (await (await fetch(`http://127.0.0.1:${gateways[0].port}/.doorward/jwks.json`)).json()).keys;
    return {
      origin,
      gateways,
      provider,
      providerLink,
      front,
      upstream,
      ...kept.parts,
      recording,
      visitor: (account, name) => startVisitor({ account, port: balancer.port, recording, name }),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** One Redis, and a path of its own from each gateway. */
async function plainStore(started, count, options) {
  const redis = started(await startRedis(options));
  const links = [];
  for (let n = 0; n < count; n += 1) links.push(started(await startLink(redis.port)));
  return {
    settings: (n) => ({ url: `redis://127.0.0.1:${links[n].port}`, timeout: '1s', connect_timeout: '1s' }),
    link: (n) => links[n],
    parts: { redis },
  };
}

async function startReplica({ name, config, ports, link, recording }) {
  const start = () => startGateway({ config, ...ports });
  let gateway = await start();
  let successor;
  return {
    name,
    ...ports,
    /** Its own path to Redis. */
    link,
    pid: () => gateway.child.pid,
    admin: () => gateway.admin,
    tail: (lines) => gateway.tail(lines),
    said: () => gateway.child.lines,
    metrics: () => gateway.metrics(),
    /** `kill -9`; the checker knows of it, since tokens in its hands are lost with it. */
    async kill() {
      recording.kills.push({ at: Date.now() });
      await gateway.kill();
    },
    async restart() {
      gateway = await start();
    },
    /** A new process takes over its sockets; fulfilled when the old one has ended. */
    async upgrade() {
      gateway.child.signal('SIGUSR2');
      const [, pid] = await gateway.child.line(/"took over from the process before","process":(\d+)/);
      successor = Number(pid);
      return gateway.child.exited;
    },
    freeze: () => gateway.child.signal('SIGSTOP'),
    thaw: () => gateway.child.signal('SIGCONT'),
    async stop() {
      gateway.child.signal('SIGCONT');
      if (successor) process.kill(successor, 'SIGKILL');
      await gateway.kill();
    },
  };
}
