// The configuration of the tests. JSON is YAML, so it is written as JSON.
import { randomBytes } from 'node:crypto';

export const HOST = 'app.localhost';

/** A gateway in front of `upstream`, with one route of each kind of access. */
export function gatewayConfig({
  port,
  adminPort,
  provider,
  client,
  store,
  redisUrl,
  upstream,
  userinfo,
  session = {},
  settings = {},
  providerSettings = {},
}) {
  const to = { targets: [upstream] };
  return {
    listeners: [{ address: `127.0.0.1:${port}` }],
    ...settings,
    admin: { address: `127.0.0.1:${adminPort}`, ...settings.admin },
    providers: {
      company: {
        issuer: provider,
        insecure_http_issuer: true,
        client_id: client.id,
        client_auth: client.method.replace('client_secret_', ''),
        ...(client.secret ? { client_secret: client.secret } : {}),
        scopes: ['email', 'profile', 'groups'],
        ...(userinfo ? { userinfo } : {}),
        ...providerSettings,
      },
    },
    session: {
      store,
      ...(store === 'redis' ? { redis: { url: redisUrl } } : {}),
      keys: [{ id: 'k1', key: randomBytes(32).toString('base64') }],
      ...session,
    },
    routes: [
      { host: HOST, path: '/public/', access: 'open', upstream: to },
      { host: HOST, path: '/hello/', access: 'recognised', upstream: to },
      { host: HOST, path: '/admin/', access: { group: 'admins' }, upstream: to },
      {
        host: HOST,
        path: '/api/',
        access: 'signed_in',
        upstream: to,
        headers: { access_token: 'x-access-token' },
      },
      { host: HOST, path: '/', access: 'signed_in', upstream: to },
    ],
  };
}
