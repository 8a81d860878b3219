// Keycloak itself, set up as docs/providers.md says.
import assert from 'node:assert/strict';
import { eventually } from '../harness/wait.mjs';
import { startKeycloak } from './keycloak.mjs';
import { documented } from './parts.mjs';
import { scenario } from './world.mjs';

const SECRET = 'a-secret-of-the-client-of-this-test';
const PASSWORD = 'a password of this test';

/** Somebody in the realm, with these roles of the realm and of the client. */
const somebody = (username, realmRoles, roles) => ({
  username,
  enabled: true,
  email: `${username}@example.com`,
  emailVerified: true,
  firstName: username,
  lastName: 'of the tests',
  credentials: [{ type: 'password', value: PASSWORD }],
  realmRoles,
  clientRoles: { doorward: roles },
});

const realm = (origin) => ({
  realm: 'staff',
  enabled: true,
  eventsEnabled: true,
  accessTokenLifespan: 6,
  revokeRefreshToken: true,
  refreshTokenMaxReuse: 0,
  roles: { realm: [{ name: 'wiki-admin' }], client: { doorward: [{ name: 'reports' }] } },
  users: [somebody('ada', ['wiki-admin'], ['reports']), somebody('grace', [], [])],
  clients: [
    {
      clientId: 'doorward',
      secret: SECRET,
      protocol: 'openid-connect',
      publicClient: false,
      standardFlowEnabled: true,
      directAccessGrantsEnabled: false,
      implicitFlowEnabled: false,
      serviceAccountsEnabled: false,
      redirectUris: [`${origin}/.doorward/callback`],
      frontchannelLogout: false,
      attributes: {
        'post.logout.redirect.uris': `${origin}/.doorward/signed-out`,
        'backchannel.logout.url': `${origin}/.doorward/backchannel-logout/keycloak`,
        'backchannel.logout.session.required': 'true',
      },
    },
  ],
});

async function keycloak({ origin, ca, certificate }) {
  const provider = await startKeycloak({ certificate, ca, realm: realm(origin) });
  const [config] = documented('providers.md', 'Keycloak');
  return {
    provider,
    config,
    issuer: 'https://id.example.com/realms/staff',
    secret: { file: 'keycloak-client-secret', value: SECRET },
  };
}

/** *Add to ID token*, of the two mappers of the client scope `roles`. */
async function rolesIntoIdTokens({ admin }) {
  const scope = (await admin('GET', '/client-scopes')).find(({ name }) => name === 'roles');
  for (const mapper of scope.protocolMappers.filter(({ name }) => ['realm roles', 'client roles'].includes(name))) {
    mapper.config['id.token.claim'] = 'true';
    await admin('PUT', `/client-scopes/${scope.id}/protocol-mappers/models/${mapper.id}`, mapper);
  }
}

async function fillIn(page, account) {
  await page.locator('#username').fill(account);
  await page.locator('#password').fill(PASSWORD);
  await page.locator('#kc-login').click();
}

async function signIn(world, account, path = '/home') {
  const page = await world.person();
  await page.goto(world.url(path));
  await fillIn(page, account);
  await page.waitForURL(world.url(path));
  return page;
}

/** Waits until a program with this browser's cookies gets this status. */
const becomes = (world, page, path, status) =>
  eventually(`${path} answers ${status}`, async () => (await world.asProgram(page, path)).status === status, 30_000);

scenario('Keycloak, as documented', keycloak, async (world) => {
  await theDoctorIsContent(world);
  await rolesDecide(world);
  await renewalsGoOn(world);
  await endedThere(world);
  await anotherAccount(world);
  await signedOutHere(world);
});

/** A Keycloak that has just started takes its time for the first answers. */
async function theDoctorIsContent({ command, origin }) {
  const content = async () => {
    const { code, stdout } = await command('doctor');
    assert.equal(code, 0, stdout);
    assert.ok(stdout.includes(`callback: ${origin}/.doorward/callback is known there`), stdout);
    return true;
  };
  await eventually('the doctor is content', content, 60_000);
}

async function rolesDecide(world) {
  const before = await signIn(world, 'ada');
  assert.deepEqual((await world.whoami(before)).groups, [], 'roles are in the access token only');
  await rolesIntoIdTokens(world.provider);

  const callbacks = [];
  const ada = await world.person();
  ada.on('request', (request) => callbacks.push(new URL(request.url())));
  await ada.goto(world.url('/admin'));
  await fillIn(ada, 'ada');
  await ada.waitForURL(world.url('/admin'));
  const callback = callbacks.find(({ pathname }) => pathname === '/.doorward/callback');
  assert.equal(callback.searchParams.get('iss'), world.provider.issuer);
  assert.deepEqual((await world.whoami(ada)).groups, ['wiki-admin']);
  assert.equal((await world.asProgram(ada, '/reports')).status, 200, 'a role of the client');
  const grace = await signIn(world, 'grace');
  for (const path of ['/admin', '/reports']) assert.equal((await world.asProgram(grace, path)).status, 403, path);
}

async function renewalsGoOn(world) {
  const ada = await signIn(world, 'ada', '/admin');
  await eventually(
    'three renewals',
    async () => {
      const answers = await Promise.all(Array.from({ length: 4 }, () => world.asProgram(ada, '/admin')));
      assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
      return (await world.whoami(ada)).session.renewals >= 3;
    },
    60_000,
  );
  assert.deepEqual(await world.provider.events('REFRESH_TOKEN_ERROR'), [], 'no refresh token was spent twice');
  const { admin, user } = world.provider;
  const roles = `/users/${(await user('ada')).id}/role-mappings/realm`;
  const role = await admin('GET', '/roles/wiki-admin');
  await admin('DELETE', roles, [role]);
  await becomes(world, ada, '/admin', 403);
  await admin('POST', roles, [role]);
}

async function endedThere(world) {
  const { admin, user } = world.provider;
  const [laptop, phone] = [await signIn(world, 'ada'), await signIn(world, 'ada')];
  await admin('DELETE', `/sessions/${(await world.whoami(laptop)).claims.sid}`);
  const logouts = /doorward_provider_logouts_total\{channel="back",outcome="ended",provider="keycloak"\} 1/;
  await eventually('Keycloak has told the gateway', async () => logouts.test(await world.metrics()));
  assert.equal((await world.asProgram(laptop, '/home')).status, 401);
  assert.equal((await world.asProgram(phone, '/home')).status, 200, 'another session');

  // It tells of one of the sessions only; the others end with their next renewal.
  const tablet = await signIn(world, 'ada');
  await admin('POST', `/users/${(await user('ada')).id}/logout`);
  await becomes(world, phone, '/home', 401);
  await becomes(world, tablet, '/home', 401);

  const blocked = await signIn(world, 'ada');
  const ada = await user('ada');
  await admin('PUT', `/users/${ada.id}`, { ...ada, enabled: false });
  await becomes(world, blocked, '/home', 401);
  await admin('PUT', `/users/${ada.id}`, { ...ada, enabled: true });
}

/** Keycloak knows no `select_account`: 25 answers for whom it knows, 26 asks her to sign in again and lets her restart. */
async function anotherAccount(world) {
  const page = await signIn(world, 'grace', '/admin');
  await page.getByRole('link', { name: 'Use another account' }).click();
  const restart = page.locator('#reset-login');
  const signOut = page.getByRole('button', { name: 'Sign out', exact: true });
  await restart.or(signOut).waitFor();
  if (await restart.isVisible()) {
    await restart.click();
  } else {
    await signOut.click();
    await page.waitForURL(({ pathname }) => pathname === '/.doorward/signed-out');
    await page.getByRole('link', { name: 'Sign in again' }).click();
  }
  await fillIn(page, 'ada');
  await page.waitForURL(world.url('/admin'));
  assert.equal((await world.whoami(page)).preferred_username, 'ada');
}

async function signedOutHere(world) {
  // The one that comes after the session's end is an error there.
  const revocations = async () => (await world.provider.events('REVOKE_GRANT', 'REVOKE_GRANT_ERROR')).length;
  const page = await signIn(world, 'ada');
  const before = await revocations();
  await page.goto(world.url('/.doorward/sign-out'));
  await page.getByRole('button', { name: 'Sign out', exact: true }).click();
  await page.waitForURL(({ pathname }) => pathname === '/.doorward/signed-out');
  assert.ok(new URL(page.url()).searchParams.get('state'), 'Keycloak gave it back');
  await eventually('both tokens are taken back', async () => (await revocations()) >= before + 2);
  await page.goto(world.url('/home'));
  await page.locator('#username').waitFor();
}
