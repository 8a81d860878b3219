// The six invariants, read off what the clients, the upstream and the provider recorded. Nothing here trusts the gateway.
//
//   I1 no response carries another session's data
//   I2 after a sign-out was acknowledged, no upstream request with that identity later than a second
//   I3 at most one call of the token endpoint in flight for one chain of refresh tokens
//   I4 identity headers at the upstream are the session's claims, and there are some where the route needs them
//   I5 no answer of 5xx clears the session cookie
//   I6 nobody signed in is asked to sign in again, but for a cause of the list below
//
// A status of 500 is a violation too: every fault has an answer of its own. And so is a recording that cannot vouch for anything,
// since something that should be in it is not: silence is worth what was looked at.
import { createPublicKey, verify } from 'node:crypto';

/** How long after an acknowledged sign-out a request of that session may still be on its way, in milliseconds (I2). */
export const GRACE = 1000;
/** How long a gateway keeps new tokens that the store does not take, and a little (I6), in milliseconds. */
const IN_HAND = 15_000;

/** Why somebody signed in may be asked again (I6): each says whether it was so for this session at this answer. */
export const CAUSES = {
  'signed out': ({ signOuts }, { session, answer }) =>
    signOuts.some((one) => one.session === session.id && one.began <= answer.ended),
  // The provider rotated, and the new tokens were lost on their way or with whoever held them (IP-04, GW-02).
  'tokens lost': ({ calls, kills, outages }, { answer, family, served }) =>
    calls.some(
      (call) =>
        call.family === family &&
        call.rotated &&
        !served.has(call.accessToken) &&
        call.began <= answer.ended &&
        (!call.delivered ||
          [...kills, ...outages].some(({ at }) => at >= call.began && at <= call.ended + IN_HAND && at <= answer.ended)),
    ),
  // The store forgot what it had acknowledged: emptied (RS-02), or failed over before it replicated (RS-08).
  'store lost writes': ({ losses }, { session, answer }) =>
    losses.some(({ at }) => session.since <= at && at <= answer.ended),
};

/** Nothing seen yet: what a recording holds. */
export const emptyRecording = () => ({
  people: {}, // claims by account
  sessions: [], // { id, visitor, account, handle, code, since }
  answers: [], // { mark, visitor, session, path, began, ended, status, headers, text }: what clients got
  requests: [], // { at, url, headers }: what the upstream got
  calls: [], // { family, grant, code, began, ended, rotated, delivered, accessToken }: what the provider got
  signOuts: [], // { session, began, acked }
  kills: [], // { at }: gateways killed, or cut off from the provider or the store
  outages: [], // { at }: the store gone for longer than a gateway keeps tokens in hand
  losses: [], // { at }: the store lost what it had acknowledged
  keys: [], // the gateways' key set
});

/** Throws with every violation, if there is one. */
export function assertInvariants(recording) {
  const found = violations(recording);
  if (found.length === 0) return;
  const shown = found.slice(0, 20).map(({ rule, what }) => `  ${rule}: ${what}`);
  throw new Error(`${found.length} violation(s) of the invariants:\n${shown.join('\n')}`);
}

/** Every violation, as `{ rule, what }`. */
export function violations(recording) {
  const facts = factsOf(recording);
  const rules = {
    I1: foreignData,
    I2: afterSignOut,
    I3: overlappingCalls,
    I4: wrongIdentity,
    I5: clearedOnError,
    I6: askedAgain,
    500: internalErrors,
    blind: unseen,
  };
  return Object.entries(rules).flatMap(([rule, check]) => check(recording, facts).map((what) => ({ rule, what })));
}

function factsOf({ answers, sessions, requests, calls, keys }) {
  const answerOf = new Map(answers.map((answer) => [answer.mark, answer]));
  const sessionOf = new Map(sessions.map((session) => [session.id, session]));
  const familyOf = new Map(calls.map((call) => [call.accessToken, call.family]));
  const seen = requests.map((request) => {
    const mark = request.headers['x-mark'];
    const answer = answerOf.get(mark);
    return { request, mark, answer, session: sessionOf.get(answer?.session), told: identityIn(request.headers, keys) };
  });
  const served = new Set(requests.map(({ headers }) => headers['x-access-token']));
  // By the code that began both: a session may be asked before its first request was let through.
  const byCode = new Map(calls.filter(({ code }) => code).map(({ code, family }) => [code, family]));
  const families = new Map(sessions.map(({ id, code }) => [id, byCode.get(code)]));
  for (const { session, request } of seen) {
    const family = familyOf.get(request.headers['x-access-token']);
    if (session && family) families.set(session.id, family);
  }
  return { sessionOf, familyOf, seen, served, families };
}

// I1

function foreignData({ answers, people }, { sessionOf }) {
  const found = [];
  const handles = new Map();
  const words = Object.entries(people).flatMap(([account, { sub, email, preferred_username: name }]) =>
    [sub, email, name].map((word) => ({ account, word })),
  );
  for (const answer of answers.filter(({ headers }) => headers)) {
    const whole = `${JSON.stringify(answer.headers)}\n${answer.text}`;
    for (const { account, word } of words) {
      const own = (sessionOf.get(answer.session)?.account ?? answer.account) === account;
      if (!own && whole.includes(word)) found.push(`${answer.mark} was shown ${word}`);
    }
    const echoed = /"x-mark":"([^"]+)"/.exec(answer.text)?.[1];
    if (echoed && echoed !== answer.mark) found.push(`${answer.mark} got the answer to ${echoed}`);
    const handle = sessionCookies(answer).find((value) => value !== '');
    if (!handle) continue;
    if (handles.has(handle)) found.push(`${answer.mark} got the session cookie of ${handles.get(handle)}`);
    handles.set(handle, answer.mark);
  }
  return found;
}

// I2

function afterSignOut({ signOuts }, { seen }) {
  const acked = new Map(signOuts.filter((one) => one.acked).map((one) => [one.session, one.acked]));
  return seen
    .filter(({ session, told, request }) => session && told && request.at > acked.get(session.id) + GRACE)
    .map(({ mark, request, session }) => `${mark} reached the app ${request.at - acked.get(session.id)} ms after sign-out`);
}

// I3

function overlappingCalls({ calls }) {
  const found = [];
  const renewals = calls.filter(({ grant, family }) => grant === 'refresh_token' && family);
  const until = ({ ended }) => ended ?? Infinity;
  const strangers = calls.filter(({ grant, family }) => grant === 'refresh_token' && !family);
  found.push(...strangers.map(({ id }) => `call ${id} spent a refresh token that nobody was given`));
  for (const [n, one] of renewals.entries()) {
    for (const other of renewals.slice(n + 1).filter(({ family }) => family === one.family)) {
      const overlap = one.began < until(other) && other.began < until(one);
      if (overlap) found.push(`calls ${one.id} and ${other.id} of one family were in flight together`);
    }
  }
  return found;
}

// I4

function wrongIdentity({ people }, { seen, familyOf }) {
  const found = [];
  const owners = { sid: new Map(), family: new Map() };
  for (const { request, mark, answer, session, told } of seen) {
    if (!told) {
      if (!answer || needsSession(answer.path)) found.push(`${mark} reached ${request.url} with no identity`);
      continue;
    }
    if (!session) {
      found.push(`${mark} has no session and was called ${told.user}`);
      continue;
    }
    const person = people[session.account];
    const expected = {
      user: person.sub,
      email: person.email,
      preferred: person.preferred_username,
      groups: person.groups.join(','),
      asserted: JSON.stringify([person.sub, person.email, person.groups]),
    };
    for (const [fact, value] of Object.entries(expected)) {
      if (told[fact] !== value) found.push(`${mark}: ${fact} was ${told[fact]}, not ${value}`);
    }
    const family = familyOf.get(request.headers['x-access-token']);
    for (const [kind, value] of Object.entries({ sid: told.sid, family })) {
      if (!value) found.push(`${mark}: no ${kind} that anybody knows`);
      const owner = owners[kind].get(value) ?? owners[kind].get(session.id);
      if (owner && owner !== session.id && owner !== value) found.push(`${mark}: its ${kind} is of another session`);
      owners[kind].set(value, session.id).set(session.id, value);
    }
  }
  return found;
}

const needsSession = (path) => !path.startsWith('/public/') && !path.startsWith('/hello/');

/** What the upstream was told of who it is, or nothing. */
function identityIn(headers, keys) {
  const { 'x-forwarded-user': user, 'x-doorward-assertion': assertion } = headers;
  if (user === undefined && assertion === undefined) return undefined;
  const claims = assertion ? asserted(assertion, keys) : undefined;
  return {
    user,
    email: headers['x-forwarded-email'],
    preferred: headers['x-forwarded-preferred-username'],
    groups: headers['x-forwarded-groups'],
    asserted: claims && JSON.stringify([claims.sub, claims.email, claims.groups]),
    sid: claims?.sid,
  };
}

const verified = new Map();

/** The claims of an assertion, if one of the keys signed it. */
function asserted(token, keys) {
  if (verified.has(token)) return verified.get(token);
  const [head, body, signature] = token.split('.');
  const json = (part) => JSON.parse(Buffer.from(part, 'base64url'));
  const jwk = keys.find(({ kid }) => kid === json(head).kid);
  const key = jwk && { key: createPublicKey({ key: jwk, format: 'jwk' }), dsaEncoding: 'ieee-p1363' };
  const good = key && verify('sha256', Buffer.from(`${head}.${body}`), key, Buffer.from(signature, 'base64url'));
  const claims = good ? json(body) : undefined;
  verified.set(token, claims);
  return claims;
}

// I5

function clearedOnError({ answers }) {
  return answers
    .filter((answer) => answer.status >= 500 && sessionCookies(answer).includes(''))
    .map(({ mark, path, status }) => `${mark}: ${path} cleared the cookie with ${status}`);
}

/** The values that an answer sets the session cookie to; empty for one that is cleared. */
function sessionCookies({ headers }) {
  return (headers?.['set-cookie'] ?? [])
    .map((line) => /^(?:__Host-)?doorward=([^;]*)(.*)$/i.exec(line))
    .filter(Boolean)
    .map(([, value, attributes]) => (/max-age=0(?!\d)/i.test(attributes) ? '' : value));
}

// I6

function askedAgain(recording, { sessionOf, served, families }) {
  return recording.answers
    .filter((answer) => answer.session && isPrompt(answer))
    .filter((answer) => {
      const session = sessionOf.get(answer.session);
      const facts = { session, answer, served, family: families.get(answer.session) };
      return !session || !Object.values(CAUSES).some((holds) => holds(recording, facts));
    })
    .map(({ mark, path, status }) => `${mark}: ${path} answered ${status} to somebody signed in`);
}

function isPrompt(answer) {
  const { status, headers } = answer;
  const toProvider = status >= 300 && status < 400 && /[?&]client_id=/.test(headers.location ?? '');
  return status === 401 || toProvider || (status < 500 && sessionCookies(answer).includes(''));
}

// Every fault has an answer of its own.

function internalErrors({ answers }) {
  return answers.filter(({ status }) => status === 500).map(({ mark, path }) => `${mark}: ${path} answered 500`);
}

// What nobody looked at holds no invariant.

function unseen({ answers, sessions, requests, calls }, { seen }) {
  const found = [];
  const parts = { 'person who signed in': sessions, answer: answers, 'request at the app': requests, 'call of the token endpoint': calls };
  for (const [what, part] of Object.entries(parts)) {
    if (part.length === 0) found.push(`no ${what} was recorded`);
  }
  const marks = new Set(seen.map(({ mark }) => mark));
  const served = answers.filter(({ status, path }) => status === 200 && path.startsWith('/api/'));
  found.push(...served.filter(({ mark }) => !marks.has(mark)).map(({ mark }) => `${mark} was served, and the app knows nothing of it`));
  return found;
}
