// A person as a program: cookies, the provider's form, and a note of every answer for the checker of invariants.
import { randomUUID } from 'node:crypto';
import { Agent, request as httpRequest } from 'node:http';
import { HOST } from './config.mjs';

const COOKIE = 'doorward';
const PAGE = { accept: 'text/html', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' };

/**
 * Somebody with an account, in front of `port` (the public one).
 *
 * Every request carries `x-mark`, which the upstream records: so the checker knows whose it was, whatever the gateway
 * said of it. `at` of a request sends it to one replica's port instead of the public one.
 */
export function startVisitor({ account, port, recording, name = account }) {
  const jars = new Map();
  let session;
  let count = 0;
  const origin = `http://${HOST}:${port}`;
  const jar = (host) => jars.get(host) ?? jars.set(host, new Map()).get(host);
  const keep = (host, headers) => {
    for (const line of headers['set-cookie'] ?? []) {
      const [pair] = line.split(';');
      const [key, value] = [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)];
      if (value === '' || /max-age=0/i.test(line)) jar(host).delete(key);
      else jar(host).set(key, value);
    }
  };

  /** One request to the gateways, recorded; `cookie` stands in for the jar. */
  async function send(path, { at = port, method = 'GET', headers = {}, body, cookie, hungUp } = {}) {
    count += 1;
    const mark = `${name}/${session?.id ?? '-'}/${count}/${randomUUID()}`;
    const cookies = cookie ?? [...jar(HOST)].map((pair) => pair.join('=')).join('; ');
    const handle = /(?:^|; )doorward=([^;]+)/.exec(cookies)?.[1];
    const note = {
      mark,
      visitor: name,
      account,
      path: path.split('?')[0],
      at,
      session: handle && recording.sessions.find((one) => one.handle === handle)?.id,
      began: Date.now(),
    };
    recording.answers.push(note);
    const all = { host: `${HOST}:${port}`, 'x-mark': mark, ...(cookies ? { cookie: cookies } : {}), ...headers };
    const answer = await exchange({ port: at, path, method, headers: all }, body, hungUp);
    Object.assign(note, answer, { ended: Date.now() });
    if (!answer.headers || cookie) return note;
    const before = jar(HOST).get(COOKIE);
    if (before === handle) keep(HOST, answer.headers);
    const given = jar(HOST).get(COOKIE);
    if (given && given !== before) {
      const code = new URL(path, origin).searchParams.get('code') ?? undefined;
      session = { id: `${name}#${randomUUID().slice(0, 8)}`, visitor: name, account, handle: given, code, since: Date.now() };
      recording.sessions.push(session);
    }
    return note;
  }

  /** The same at the provider, which is nobody's secret here and not recorded. */
  async function elsewhere(url, options = {}) {
    const { host, hostname, pathname, search } = new URL(url);
    const cookie = [...jar(host)].map((pair) => pair.join('=')).join('; ');
    const headers = { host, cookie, ...PAGE, ...options.headers };
    const to = { port: new URL(url).port, path: `${pathname}${search}`, method: options.method ?? 'GET', headers };
    const answer = await exchange(to, options.body);
    if (!answer.headers) throw new Error(`${hostname}: ${answer.error}`);
    keep(host, answer.headers);
    return answer;
  }

  /** Follows redirects and signs in at the provider's form; gives the last answer of ours. */
  async function visit(path, { at, until = () => false } = {}) {
    let url = `${origin}${path}`;
    let answer;
    for (let hops = 0; hops < 12; hops += 1) {
      const ours = url.startsWith(origin);
      if (ours && until(url)) return { url };
      answer = ours ? await send(url.slice(origin.length), { at, headers: PAGE }) : await elsewhere(url);
      const onward = answer.headers?.location;
      if (onward) url = new URL(onward, url).toString();
      else if (ours) return answer;
      else url = await fill(url, answer);
    }
    throw new Error(`${name} is sent round and round: ${url}`);
  }

  async function fill(url, page) {
    const action = /<form method="post" action="([^"]+)"/.exec(page.text)?.[1];
    if (!action) throw new Error(`no form at the provider: ${page.status} ${page.text.slice(0, 200)}`);
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const sent = await elsewhere(new URL(action, url), { method: 'POST', headers, body: `account=${account}` });
    if (!sent.headers.location) throw new Error(`the provider does not send back: ${sent.status}`);
    return new URL(sent.headers.location, url).toString();
  }

  return {
    name,
    account,
    send,
    visit,
    session: () => session,
    cookie: () => [...jar(HOST)].map((pair) => pair.join('=')).join('; '),
    /** Signs in and lands on an app page. */
    async signIn(options) {
      const landed = await visit('/home', options);
      if (landed.status !== 200) throw new Error(`${name} could not sign in: ${landed.status} ${landed.text}`);
      return session;
    },
    /** Signs out here; the checker holds the gateways to it once they said yes. */
    async signOut({ at } = {}) {
      const ending = { session: session.id, began: Date.now() };
      recording.signOuts.push(ending);
      const headers = { origin, accept: 'application/json', 'content-length': '0' };
      const answer = await send('/.doorward/sign-out', { at, method: 'POST', headers });
      if (answer.status === 200) ending.acked = answer.ended;
      return answer;
    },
    /** Signs out at the provider's own page, which tells the gateways; they are held to it once one of them said yes. */
    async leave(provider) {
      const ending = { session: session.id, began: Date.now() };
      recording.signOuts.push(ending);
      const before = provider.told.length;
      const { text } = await elsewhere(`${provider.issuer}/session/end`);
      const [action, xsrf] = [/ action="([^"]+)"/, / name="xsrf" value="([^"]+)"/].map((field) => field.exec(text)?.[1]);
      if (!xsrf) throw new Error(`the provider asks nothing: ${text.slice(0, 200)}`);
      const headers = { 'content-type': 'application/x-www-form-urlencoded' };
      await elsewhere(action, { method: 'POST', headers, body: `xsrf=${xsrf}&logout=yes` });
      const told = provider.told.slice(before);
      if (told.some(({ outcome }) => outcome === 'success')) ending.acked = Date.now();
      return told;
    },
    /** Sends and hangs up when `gone` is called; `done` is fulfilled when the socket is closed. */
    hangUp(path, options = {}) {
      const control = new AbortController();
      const done = send(path, { ...options, hungUp: control.signal });
      return { gone: () => control.abort(), done };
    },
  };
}

function exchange({ port, path, method, headers }, body, signal) {
  return new Promise((resolve) => {
    const agent = new Agent({ keepAlive: false });
    const sent = httpRequest({ host: '127.0.0.1', port, path, method, headers, agent, signal, timeout: 60_000 });
    const fail = (error) => resolve({ status: 0, error: error.code ?? error.message, text: '' });
    sent.on('error', fail);
    sent.on('timeout', () => sent.destroy(new Error('no answer in a minute')));
    sent.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part) => {
        text += part;
      });
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, text }));
      response.on('error', fail);
    });
    sent.end(body);
  });
}
