// A real Keycloak with a realm of its own, in memory.
import { freePort, startChild } from '../harness/child.mjs';
import { eventually } from '../harness/wait.mjs';
import { part } from './parts.mjs';

const ADMIN = { username: 'root', password: 'throw-away' };

/**
 * Starts it with a realm, people speaking to it by TLS. `certificate`: paths of `{ cert, key }` · `ca`: what it believes.
 *
 * `realm` is a realm as Keycloak's administration takes it.
 */
export async function startKeycloak({ certificate, ca, realm }) {
  const [http, https, management] = [await freePort(), await freePort(), await freePort()];
  const base = `https://127.0.0.1:${https}`;
  const child = startChild(
    'keycloak',
    part('keycloak', 'bin', 'kc.sh'),
    [
      'start',
      '--optimized',
      '--cache=local',
      '--http-enabled=true',
      '--http-host=127.0.0.1',
      `--http-port=${http}`,
      `--https-port=${https}`,
      `--http-management-port=${management}`,
      `--https-certificate-file=${certificate.cert}`,
      `--https-certificate-key-file=${certificate.key}`,
      `--truststore-paths=${ca}`,
      `--hostname=${base}`,
    ],
    {
      env: {
        ...process.env,
        // The first two are its names since version 26, the others those before.
        KC_BOOTSTRAP_ADMIN_USERNAME: ADMIN.username,
        KC_BOOTSTRAP_ADMIN_PASSWORD: ADMIN.password,
        KEYCLOAK_ADMIN: ADMIN.username,
        KEYCLOAK_ADMIN_PASSWORD: ADMIN.password,
        JAVA_OPTS_APPEND: '-XX:TieredStopAtLevel=1',
      },
    },
  );
  const inside = `http://127.0.0.1:${http}`;

  /** One call of its administration; fails unless it went well. */
  async function admin(method, path, body) {
    const form = new URLSearchParams({ grant_type: 'password', client_id: 'admin-cli', ...ADMIN });
    const tokens = await (await fetch(`${inside}/realms/master/protocol/openid-connect/token`, { method: 'POST', body: form })).json();
    const answer = await fetch(`${inside}/admin/realms${path}`, {
      method,
      headers: { authorization: `Bearer ${tokens.access_token}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return text === '' ? undefined : JSON.parse(text);
  }

  try {
    await child.line(/Listening on: /, 240_000);
    await eventually('the realm is made', async () => {
      await admin('POST', '', realm);
      return true;
    });
  } catch (error) {
    await child.stop();
    throw new Error(`${error.message}\n${child.tail()}`, { cause: error });
  }
  const here = (method, path = '', body = undefined) => admin(method, `/${realm.realm}${path}`, body);
  return {
    issuer: `${base}/realms/${realm.realm}`,
    origin: base,
    tail: (count) => child.tail(count),
    admin: here,
    /** What happened in the realm, the oldest first. */
    events: async (...types) => {
      const query = new URLSearchParams([['max', '200'], ...types.map((type) => ['type', type])]);
      return (await here('GET', `/events?${query}`)).reverse();
    },
    /** The one client of this id. */
    client: async (id) => (await here('GET', `/clients?clientId=${id}`))[0],
    user: async (name) => (await here('GET', `/users?username=${name}&exact=true`))[0],
    stop: () => child.stop(),
  };
}
