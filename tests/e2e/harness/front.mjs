// What stands before the provider: it records every call of the token endpoint, and answers late, badly or not at all on
// demand. Behind it is the real provider, so what it did with a refresh token is what a provider does.
import { randomUUID } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import { listen } from './listener.mjs';
import { latch } from './wait.mjs';

/**
 * Starts it before `target()`, a port that may be known later.
 *
 * `calls`: of the token endpoint, in order. `family` names the chain of refresh tokens that began with one code;
 * `rotated` that the provider gave new tokens; `delivered` that whoever called has the whole answer; `refreshTokens` the one
 * that was spent and the one that was given.
 */
export async function startFront(target) {
  const calls = [];
  const families = new Map();
  const rules = new Set();

  const listener = await listen(async (request, response) => {
    const body = await read(request);
    const path = new URL(request.url, 'http://front').pathname;
    const fields = new URLSearchParams(path === '/token' ? body.toString() : '');
    const call = path === '/token' && request.method === 'POST' ? begin(fields) : undefined;
    response.on('close', () => {
      if (call) Object.assign(call, { ended: Date.now(), delivered: response.writableFinished && Boolean(call.status) });
    });
    const rule = [...rules].find((one) => one.path.test(path) && (!one.grant || one.grant === fields.get('grant_type')));
    try {
      if (rule) rule.met += 1;
      if (rule?.before) await rule.gate.opened;
      if (rule?.cut === 'before' || response.destroyed) return response.socket?.destroy();
      if (rule?.status) return answer(response, call, { status: rule.status, headers: rule.headers, body: 'away' });
      const reply = await forward(target(), request, body);
      if (call) note(call, reply);
      if (rule?.after) {
        rule.replies += 1;
        await rule.gate.opened;
      }
      if (rule?.cut === 'after') return response.socket?.destroy();
      return answer(response, call, reply);
    } catch {
      return response.socket?.destroy();
    }
  });

  function begin(fields) {
    const spent = fields.get('refresh_token');
    const call = {
      id: randomUUID(),
      grant: fields.get('grant_type'),
      code: fields.get('code') ?? undefined,
      family: families.get(spent),
      began: Date.now(),
      ended: undefined,
      rotated: false,
      delivered: false,
      refreshTokens: spent ? [spent] : [],
    };
    calls.push(call);
    return call;
  }

  function note(call, reply) {
    if (reply.status !== 200) {
      call.error = parsed(reply.body)?.error ?? reply.status;
      return;
    }
    const tokens = parsed(reply.body);
    call.family ??= call.id;
    call.rotated = true;
    call.accessToken = tokens.access_token;
    call.refreshTokens.push(tokens.refresh_token);
    families.set(tokens.refresh_token, call.family);
  }

  const add = (rule) => {
    const whole = { path: /^\/token$/, met: 0, replies: 0, gate: latch(), ...rule };
    rules.add(whole);
    return {
      met: () => whole.met,
      replies: () => whole.replies,
      lift() {
        rules.delete(whole);
        whole.gate.open();
      },
    };
  };

  return {
    port: listener.port,
    origin: listener.origin,
    calls,
    refreshes: () => calls.filter(({ grant }) => grant === 'refresh_token'),
    /** Calls wait: `before` the provider hears of them, or `after` it answered. */
    hold: (when, rule = { grant: 'refresh_token' }) => add({ ...rule, [when]: true }),
    /** The connection is cut `before` the provider hears of the call, or `after` it answered. */
    cut: (when, rule = { grant: 'refresh_token' }) => add({ ...rule, cut: when }),
    /** Answers so instead of the provider. */
    fail: (status, rule = {}) => add({ headers: {}, ...rule, status }),
    async stop() {
      [...rules].forEach((rule) => rule.gate.open());
      await listener.close();
    },
  };
}

function answer(response, call, { status, headers, body }) {
  if (call) call.status = status;
  response.writeHead(status, headers);
  response.end(body);
}

/** The `Host` header stays: the provider makes its own addresses of it. */
function forward(port, { method, url, headers }, body) {
  return new Promise((resolve, reject) => {
    const sent = httpRequest({ host: '127.0.0.1', port, method, path: url, headers, agent: false }, async (response) => {
      const bytes = await read(response);
      const { connection, 'transfer-encoding': coding, ...kept } = response.headers;
      resolve({ status: response.statusCode, headers: { ...kept, 'content-length': bytes.length }, body: bytes });
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

async function read(stream) {
  const pieces = [];
  for await (const piece of stream) pieces.push(piece);
  return Buffer.concat(pieces);
}

function parsed(body) {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}
