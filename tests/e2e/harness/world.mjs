// Everything a scenario needs, started before it and ended after it, with the evidence shown when it fails.
import { test } from 'node:test';
import { screenshot, signInAtProvider, startBrowser } from './browser.mjs';
import { freePort } from './child.mjs';
import { HOST, gatewayConfig } from './config.mjs';
import { startGateway } from './gateway.mjs';
import { clients, startProvider } from './provider.mjs';
import { startRedis } from './redis.mjs';
import { startUpstream } from './upstream.mjs';

/**
 * A test with a world of its own.
 *
 * - `store`: `memory` or `redis` · `client`: `basic`, `post` or `none`
 * - `provider`: options of `startProvider` · `session`: session settings of the gateway
 * - `userinfo`: when the gateway asks for userinfo · `settings`: further settings, `admin` among them
 * - `providerSettings`: further settings of the provider at the gateway
 * - `port`: where the gateway listens
 * - `backchannel`: `sid` or `sub`: the provider tells the gateway of logouts, by the one or the other
 */
export function scenario(name, options, body) {
  test(name, async () => {
    const world = await startWorld(options);
    try {
      await body(world);
    } catch (error) {
      await world.evidence(name);
      throw error;
    } finally {
      await world.stop();
    }
  });
}

async function startWorld({
  store = 'memory',
  client = 'basic',
  provider: providerOptions,
  session,
  userinfo,
  settings,
  backchannel,
  providerSettings,
  port: wanted,
} = {}) {
  const ending = [];
  const started = (part) => {
    ending.push(part);
    return part;
  };
  const stop = async () => {
    for (const part of ending.reverse()) await part.stop();
  };
  try {
    const [port, adminPort] = [wanted ?? (await freePort()), await freePort()];
    const origin = `http://${HOST}:${port}`;
    const provider = started(
      await startProvider({
        redirectUris: [`${origin}/.doorward/callback`],
        signedOutUris: [`${origin}/.doorward/signed-out`],
        backchannel: backchannel && {
          uri: `http://127.0.0.1:${port}/.doorward/backchannel-logout/company`,
          session: backchannel === 'sid',
        },
        ...providerOptions,
      }),
    );
    const upstream = started(await startUpstream());
    const redis = store === 'redis' ? started(await startRedis()) : undefined;
    const config = gatewayConfig({
      port,
      adminPort,
      provider: provider.issuer,
      client: clients[client],
      store,
      redisUrl: redis?.url,
      upstream: upstream.url,
      session,
      userinfo,
      settings,
      providerSettings,
    });
    const gateway = started(await startGateway({ config, port, adminPort }));
    const browser = started(await startBrowser());
    return {
      origin,
      provider,
      upstream,
      redis,
      gateway,
      browser,
      stop,
      url: (path) => `${origin}${path}`,
      /** A person in a browser of their own, with one page open. */
      async person(contextOptions) {
        const context = await browser.person(contextOptions);
        return { context, page: await context.newPage() };
      },
      /** A person who signed in as `account` and stands on `path`. */
      async signedIn(account, path = '/home', contextOptions = undefined) {
        const { context, page } = await this.person(contextOptions);
        await page.goto(this.url(path));
        await signInAtProvider(page, account);
        await page.waitForURL(this.url(path));
        return { context, page };
      },
      evidence: (name) => evidence(name, browser, gateway),
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function evidence(name, browser, gateway) {
  const pages = browser.contexts().flatMap((context) => context.pages());
  for (const [index, page] of pages.entries()) {
    console.error(`page ${index + 1}: ${page.url()}`);
    const file = `failed-${name.replace(/[^a-z0-9]+/gi, '-')}-${index + 1}`;
    await screenshot(page, file).catch((error) => console.error(`no screenshot: ${error.message}`));
  }
  console.error(`the end of the gateway's log:\n${gateway.tail()}`);
}

/** The session cookie of a browser, or nothing. */
export async function sessionCookie(context) {
  const cookies = await context.cookies();
  return cookies.find((cookie) => ['doorward', '__Host-doorward'].includes(cookie.name));
}

/** A fetch made by the page itself: status, content type and body. */
export function fetchFrom(page, path, options = {}) {
  return page.evaluate(
    async ([target, init]) => {
      const response = await fetch(target, init);
      const text = await response.text();
      return {
        status: response.status,
        redirected: response.redirected,
        type: response.headers.get('content-type') ?? '',
        text,
      };
    },
    [path, options],
  );
}
