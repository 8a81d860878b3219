// The machine's own Chromium, driven by playwright-core.
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { ARTEFACTS } from './child.mjs';

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome-stable'];
const ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-dev-shm-usage',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-default-apps',
];
// Nothing but the loopback interface is ever asked for.
const NAMES = ['MAP * ~NOTFOUND', 'EXCLUDE 127.0.0.1', 'EXCLUDE localhost', 'EXCLUDE *.localhost'];

/**
 * Starts the browser.
 *
 * - `hosts`: names that lead to 127.0.0.1, as a line of `/etc/hosts` would
 * - `trusted`: SHA-256 of public keys, in base64, whose certificates are believed
 */
export async function startBrowser({ hosts = [], trusted = [] } = {}) {
  const executablePath = process.env.DOORWARD_CHROMIUM ?? PLACES.find(existsSync);
  if (!executablePath) throw new Error('Chromium is missing. Run: .ci/need chromium');
  const browser = await chromium.launch({
    executablePath,
    args: [
      ...ARGS,
      `--host-resolver-rules=${[...hosts.map((host) => `MAP ${host} 127.0.0.1`), ...NAMES].join(', ')}`,
      ...(trusted.length > 0 ? [`--ignore-certificate-errors-spki-list=${trusted.join(',')}`] : []),
    ],
    headless: true,
  });
  return {
    /** A person's own browser profile: no cookie of anybody else. */
    async person(options = {}) {
      const context = await browser.newContext({ locale: 'en-GB', ...options });
      context.setDefaultTimeout(15_000);
      return context;
    },
    contexts: () => browser.contexts(),
    stop: () => browser.close(),
  };
}

/** Keeps what is on the page as `artefacts/NAME.png`. */
export async function screenshot(page, name) {
  mkdirSync(ARTEFACTS, { recursive: true });
  await page.screenshot({ path: join(ARTEFACTS, `${name}.png`), fullPage: true });
}

/** Signs in at the provider's form, which must be on the page or on its way. */
export async function signInAtProvider(page, account) {
  await page.getByLabel('User name').fill(account);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
}
