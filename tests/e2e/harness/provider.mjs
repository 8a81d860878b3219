// The real npm `oidc-provider` on a loopback port, with a sign-in form of our own.
import { randomBytes } from 'node:crypto';
import { Provider, interactionPolicy } from 'oidc-provider';
import { memoryAdapter } from './adapter.mjs';
import { newKey } from './jwk.mjs';
import { listen } from './listener.mjs';
import { people as everyone } from './people.mjs';

// TE-01: each character shows another mistake of encoding.
export const SECRET = 'a secret with : % + & = in it, so that encoding is seen';
export const clients = {
  basic: { id: 'doorward-basic', secret: SECRET, method: 'client_secret_basic' },
  post: { id: 'doorward-post', secret: SECRET, method: 'client_secret_post' },
  none: { id: 'doorward-public', secret: undefined, method: 'none' },
};

/**
 * Starts the provider.
 *
 * - `redirectUris`, `signedOutUris`: what the clients may return to
 * - `issuer`: what it calls itself, when it is reached through something
 * - `lifetimes`: seconds, `{ accessToken, idToken, refreshToken, session }`; changed later, it is for what comes later
 * - `claimsInIdToken`: false sends email, name and groups by userinfo only
 * - `people`: accounts by user name
 * - `registered`: the clients, as `clients` above
 * - `tls`: key and certificate of `localhost`, for an issuer with https
 * - `backchannel`: `{ uri, session }`, where logouts are told, and whether by `sid`
 */
export async function startProvider({
  port = 0,
  issuer,
  redirectUris,
  signedOutUris = [],
  lifetimes = {},
  claimsInIdToken = true,
  people = everyone,
  registered = Object.values(clients),
  tls,
  backchannel,
} = {}) {
  const requests = [];
  const told = [];
  const grants = [];
  let provider;
  const handler = (request, response) => {
    const { pathname, searchParams } = new URL(request.url, 'http://provider');
    requests.push({ method: request.method, path: pathname, query: searchParams });
    if (pathname === '/frame') return send(response, 200, page('Frame', `<iframe src="${escape(searchParams.get('src'))}"></iframe>`));
    if (pathname.startsWith('/interaction/')) return interaction(provider, people, request, response);
    if (pathname === '/session/end' && request.method === 'POST') return endByQuery(request, response);
    return provider.callback()(request, response);
  };
  const listener = await listen(handler, port, tls);
  const errors = [];
  const settings = configuration({
    redirectUris,
    signedOutUris,
    lifetimes,
    claimsInIdToken,
    people,
    registered,
    backchannel,
  });
  const begin = () => {
    provider = new Provider(issuer ?? listener.origin, { ...settings, jwks: { keys: signingKeys() } });
    provider.on('backchannel.success', (_, client) => told.push({ client: client.clientId, outcome: 'success' }));
    provider.on('backchannel.error', (_, error, client) =>
      told.push({ client: client.clientId, outcome: error.message }));
    provider.on('grant.success', ({ oidc }) => grants.push({ type: oidc.params.grant_type, outcome: 'success' }));
    provider.on('grant.error', ({ oidc }, error) =>
      grants.push({ type: oidc?.params?.grant_type, outcome: error.error, detail: error.error_detail }));
    provider.on('server_error', (_, error) => errors.push(error));
  };
  begin();

  return {
    issuer: issuer ?? listener.origin,
    lifetimes,
    port: listener.port,
    requests,
    /** A page of the provider with a frame in it. */
    framed: (src) => `${listener.origin}/frame?src=${encodeURIComponent(src)}`,
    grants,
    /** Logouts told to clients, and how it went. */
    told,
    errors,
    count: (path) => requests.filter((request) => request.path === path).length,
    /** Stops answering: connections are refused. Sessions and tokens stay. */
    down: () => listener.close(),
    up: () => listener.reopen(),
    /** Signs with other keys from now on, of other names; the old are forgotten. Sessions and tokens stay. */
    rotateKeys: begin,
    stop: () => (listener.server.listening ? listener.close() : Promise.resolve()),
  };
}

let generation = 0;

function configuration({ redirectUris, signedOutUris, lifetimes, claimsInIdToken, people, registered, backchannel }) {
  const policy = interactionPolicy.base();
  policy.add(new interactionPolicy.Prompt({ name: 'select_account', requestable: true }), 0);
  return {
    adapter: memoryAdapter(),
    clients: registered.map((client) => ({
      client_id: client.id,
      ...(client.secret ? { client_secret: client.secret } : {}),
      token_endpoint_auth_method: client.method,
      redirect_uris: redirectUris,
      post_logout_redirect_uris: signedOutUris,
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      ...(backchannel
        ? { backchannel_logout_uri: backchannel.uri, backchannel_logout_session_required: backchannel.session }
        : {}),
    })),
    cookies: { keys: [randomBytes(32).toString('hex')] },
    claims: {
      openid: ['sub'],
      email: ['email', 'email_verified'],
      profile: ['name', 'preferred_username'],
      groups: ['groups'],
    },
    // Everybody here is on the loopback interface, where its own fetch does not go.
    fetch: (url, { dispatcher, ...options }) => globalThis.fetch(url, options),
    conformIdTokenClaims: !claimsInIdToken,
    pkce: { required: () => true },
    rotateRefreshToken: true,
    issueRefreshToken: (_, client) => client.grantTypeAllowed('refresh_token'),
    ttl: {
      AccessToken: () => lifetimes.accessToken ?? 3600,
      IdToken: lifetimes.idToken ?? 3600,
      RefreshToken: lifetimes.refreshToken ?? 86_400,
      Session: lifetimes.session ?? 86_400,
      Grant: 86_400,
      Interaction: 3600,
      AuthorizationCode: 60,
    },
    features: {
      devInteractions: { enabled: false },
      revocation: { enabled: true },
      introspection: { enabled: true },
      backchannelLogout: { enabled: true },
      rpInitiatedLogout: { enabled: true, logoutSource, postLogoutSuccessSource },
    },
    interactions: { policy, url: (_, { uid }) => `/interaction/${uid}` },
    findAccount: (_, sub) => {
      const person = Object.values(people).find((one) => one.sub === sub);
      return person && { accountId: sub, claims: () => person };
    },
    loadExistingGrant: grantEverything,
    renderError: (ctx, out) => {
      ctx.type = 'html';
      ctx.body = page('Provider error', `<pre id="error">${escape(JSON.stringify(out, null, 1))}</pre>`);
    },
  };
}

/** Consent is not what is tested here: whoever signs in agrees. */
async function grantEverything(ctx) {
  const { client, provider, session } = ctx.oidc;
  const known = ctx.oidc.result?.consent?.grantId || session.grantIdFor(client.clientId);
  const existing = known && (await provider.Grant.find(known));
  if (existing && existing.accountId === session.accountId) return existing;
  const grant = new provider.Grant({ clientId: client.clientId, accountId: session.accountId });
  grant.addOIDCScope('openid email profile groups offline_access');
  await grant.save();
  return grant;
}

function signingKeys() {
  generation += 1;
  return [
    { ...newKey('rsa', { modulusLength: 2048 }), kid: `rsa-${generation}`, use: 'sig', alg: 'RS256' },
    { ...newKey('ec', { namedCurve: 'P-256' }), kid: `ec-${generation}`, use: 'sig', alg: 'ES256' },
  ];
}

async function interaction(provider, people, request, response) {
  try {
    const { uid, prompt } = await provider.interactionDetails(request, response);
    if (request.method !== 'POST') return form(response, 200, uid, prompt.name);
    const fields = new URLSearchParams(await body(request));
    if (fields.get('cancel')) {
      const denied = { error: 'access_denied', error_description: 'The person <b>cancelled</b> the sign-in' };
      return await provider.interactionFinished(request, response, denied);
    }
    const person = people[fields.get('account')];
    if (!person) return form(response, 401, uid, prompt.name, 'Nobody has this user name.');
    const result = { login: { accountId: person.sub }, select_account: {}, consent: {} };
    return await provider.interactionFinished(request, response, result);
  } catch (error) {
    return send(response, 400, page('Provider error', `<pre id="error">${escape(String(error))}</pre>`));
  }
}

function form(response, status, uid, prompt, problem = '') {
  send(
    response,
    status,
    page(
      'Sign in at the provider',
      `<p role="status">${problem}</p>
      <form method="post" action="/interaction/${uid}" data-prompt="${prompt}">
        <label>User name <input name="account" autofocus autocomplete="off"></label>
        <button type="submit">Sign in</button>
        <button type="submit" name="cancel" value="yes">Cancel</button>
      </form>`,
    ),
  );
}

/** The provider takes a POST here only with cookies that need https: what is posted is handed to it in the address. */
async function endByQuery(request, response) {
  response.writeHead(303, { location: `/session/end?${await body(request)}`, 'cache-control': 'no-store' });
  response.end();
}

function logoutSource(ctx, formHtml) {
  const agreed = formHtml.replace('</form>', '<input type="hidden" name="logout" value="yes"></form>');
  ctx.body = page('Signing out at the provider', `${agreed}<script>document.forms[0].submit()</script>`);
}

function postLogoutSuccessSource(ctx) {
  ctx.body = page('Signed out at the provider', '');
}

async function body(request) {
  let text = '';
  for await (const part of request.setEncoding('utf8')) text += part;
  return text;
}

function send(response, status, html) {
  response.writeHead(status, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' });
  response.end(html);
}

const escape = (text) => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);

const page = (title, content) =>
  `<!doctype html><html lang="en"><meta charset="utf-8"><title>${title}</title><main><h1>${title}</h1>${content}</main>`;
