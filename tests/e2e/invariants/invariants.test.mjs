// The checker of invariants on its own: silent on a good recording, and loud on each way of breaking one.
import assert from 'node:assert/strict';
import { createPrivateKey, sign } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { CAUSES, GRACE, assertInvariants, emptyRecording, violations } from '../harness/invariants.mjs';
import { assertDiscreet } from '../harness/replicas.mjs';
import { newKey, publicPart } from '../harness/jwk.mjs';
import { crowd } from '../harness/replicas.mjs';

const newSigner = () => newKey('ec', { namedCurve: 'P-256' });
const signer = newSigner();
const keys = [{ ...publicPart(signer), kid: 'k1' }];
const people = crowd(2);

function assertion(claims, jwk = signer) {
  const key = createPrivateKey({ key: jwk, format: 'jwk' });
  const json = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const text = `${json({ alg: 'ES256', kid: 'k1' })}.${json(claims)}`;
  const signature = sign('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' });
  return `${text}.${signature.toString('base64url')}`;
}

const told = (person, sid, token) => ({
  'x-forwarded-user': person.sub,
  'x-forwarded-email': person.email,
  'x-forwarded-preferred-username': person.preferred_username,
  'x-forwarded-groups': person.groups.join(','),
  'x-doorward-assertion': assertion({ sub: person.sub, email: person.email, groups: person.groups, sid }),
  'x-access-token': token,
});

/** Two people, one renewal each, and a sign-out of the first at 5000. */
function good() {
  const recording = { ...emptyRecording(), people, keys };
  for (const n of [0, 1]) {
    const session = { id: `v${n}#1`, visitor: `v${n}`, account: `p${n}`, handle: `handle-${n}`, since: 1000 };
    recording.sessions.push(session);
    const call = (at, grant) => ({
      id: `call-${n}-${at}`,
      grant,
      family: `family-${n}`,
      began: at,
      ended: at + 100,
      rotated: true,
      delivered: true,
      accessToken: `token-${n}-${at}`,
    });
    recording.calls.push(call(900, 'authorization_code'), call(2900, 'refresh_token'));
    answer(recording, { session: undefined, visitor: session.visitor, account: session.account, path: '/.doorward/callback' }, 950, {
      status: 302,
      headers: { location: '/home', 'set-cookie': [`doorward=handle-${n}; Path=/; HttpOnly`] },
    });
    for (const [at, token] of [[2000, 900], [3000, 2900], [4000, 2900]]) served(recording, session, at, `token-${n}-${token}`);
  }
  const [{ id, account, visitor }] = recording.sessions;
  recording.signOuts.push({ session: id, began: 4900, acked: 5000 });
  const by = { session: id, visitor, account };
  answer(recording, { ...by, path: '/.doorward/sign-out' }, 4900, {
    status: 200,
    headers: { 'set-cookie': ['doorward=; Max-Age=0; Path=/'] },
  });
  answer(recording, { ...by, path: '/api/x' }, 5500, { status: 401, headers: {} });
  return recording;
}

function answer(recording, who, at, what) {
  const mark = `${who.visitor}/${recording.answers.length}`;
  recording.answers.push({ text: '', ...who, mark, began: at, ended: at + 10, ...what });
  return mark;
}

function served(recording, session, at, token, path = '/api/x') {
  const who = { session: session.id, visitor: session.visitor, account: session.account, path };
  const mark = answer(recording, who, at, { status: 200, headers: {} });
  const headers = { 'x-mark': mark, ...told(people[session.account], `sid-${session.id}`, token) };
  recording.requests.push({ at: at + 5, url: path, headers });
  recording.answers.at(-1).text = JSON.stringify({ headers });
}

const first = (recording) => recording.requests[0];
const answered = (recording, session) => recording.answers.find((one) => one.session === session && one.status === 200);

/** Each breaks the good recording in one way: the rule, how, what is done. */
const DOCTORED = [
  ['I1', 'the body of another person', (r) => Object.assign(answered(r, 'v0#1'), { text: people.p1.email })],
  ['I1', 'a header of another person', (r) => Object.assign(answered(r, 'v0#1').headers, { 'x-user': people.p1.sub })],
  ['I1', 'somebody’s data to nobody', (r) => answer(r, { visitor: 'x', path: '/public/x' }, 10, { status: 200, headers: {}, text: people.p0.sub })],
  ['I1', 'the answer to another request of the same person', (r) => Object.assign(r.answers[1], { text: r.answers[2].text })],
  ['I1', 'one cookie for two', (r) => Object.assign(r.answers.find(({ visitor, status }) => visitor === 'v1' && status === 302).headers, { 'set-cookie': ['doorward=handle-0; Path=/'] })],
  ['I2', 'served after the sign-out', (r) => served(r, r.sessions[0], 5000 + GRACE, 'token-0-2900')],
  ['I3', 'two calls at once', (r) => r.calls.push({ ...r.calls[1], id: 'late', began: 2950, ended: 3100, accessToken: 'other' })],
  ['I3', 'a call while another never ended', (r) => r.calls.push({ ...r.calls[1], id: 'open', began: 2850, ended: undefined, accessToken: 'other' })],
  ['I4', 'another person’s name', (r) => Object.assign(first(r).headers, { 'x-forwarded-user': people.p1.sub })],
  ['I4', 'another person’s email', (r) => Object.assign(first(r).headers, { 'x-forwarded-email': people.p1.email })],
  ['I4', 'a group too many', (r) => Object.assign(first(r).headers, { 'x-forwarded-groups': 'team-0x,staff,admins' })],
  ['I4', 'no identity where one is needed', (r) => {
    delete first(r).headers['x-forwarded-user'];
    delete first(r).headers['x-doorward-assertion'];
  }],
  ['I4', 'no assertion beside the headers', (r) => delete first(r).headers['x-doorward-assertion']],
  ['I4', 'an assertion of another key', (r) => {
    const { sub, email, groups } = people.p0;
    first(r).headers['x-doorward-assertion'] = assertion({ sub, email, groups, sid: 'sid-v0#1' }, newSigner());
  }],
  ['I4', 'an assertion of another session of the same person', (r) => {
    const { sub, email, groups } = people.p0;
    first(r).headers['x-doorward-assertion'] = assertion({ sub, email, groups, sid: 'sid-of-another' });
  }],
  ['I4', 'the access token of another session', (r) => Object.assign(first(r).headers, { 'x-access-token': 'token-1-900' })],
  ['I4', 'an identity without a session', (r) => Object.assign(answered(r, 'v1#1'), { session: undefined })],
  ['I5', 'the cookie cleared with a 503', (r) => answer(r, { session: 'v1#1', visitor: 'v1', account: 'p1', path: '/' }, 3000, { status: 503, headers: { 'set-cookie': ['doorward=; Max-Age=0'] } })],
  ['I6', 'a 401 for no reason', (r) => answer(r, { session: 'v1#1', visitor: 'v1', account: 'p1', path: '/' }, 3000, { status: 401, headers: {} })],
  ['I6', 'to the provider for no reason', (r) => answer(r, { session: 'v1#1', visitor: 'v1', account: 'p1', path: '/' }, 3000, { status: 302, headers: { location: 'http://id/auth?client_id=x' } })],
  ['I6', 'the cookie cleared for no reason', (r) => answer(r, { session: 'v1#1', visitor: 'v1', account: 'p1', path: '/' }, 3000, { status: 200, headers: { 'set-cookie': ['doorward=x; Max-Age=0'] } })],
  ['I6', 'asked before the sign-out began', (r) => answer(r, { session: 'v0#1', visitor: 'v0', account: 'p0', path: '/' }, 4000, { status: 401, headers: {} })],
  ['I3', 'a refresh token that nobody was given', (r) => r.calls.push({ ...r.calls[1], id: 'stranger', family: undefined, began: 6000, ended: 6100, accessToken: 'other' })],
  ['blind', 'no sign-in recorded', (r) => r.sessions.splice(0)],
  ['blind', 'no answer recorded', (r) => r.answers.splice(0)],
  ['blind', 'no request recorded at the app', (r) => r.requests.splice(0)],
  ['blind', 'one request not recorded at the app', (r) => r.requests.shift()],
  ['blind', 'no call recorded at the provider', (r) => r.calls.splice(0)],
  ['500', 'an internal error', (r) => answer(r, { visitor: 'v1', account: 'p1', path: '/' }, 3000, { status: 500, headers: {} })],
];

test('every scenario over several gateways is checked', () => {
  for (const folder of ['replicas', 'sentinel', 'cluster']) {
    const at = new URL(`../${folder}/`, import.meta.url);
    const files = readdirSync(at).filter((file) => file.endsWith('.test.mjs'));
    assert.ok(files.length > 0);
    for (const file of files) {
      const text = readFileSync(new URL(file, at), 'utf8');
      assert.match(text, /^ *replicas\(/m, `${folder}/${file}`);
      assert.doesNotMatch(text, /'node:test'|harness\/world/, `${folder}/${file} has tests that nobody checks`);
    }
  }
});

test('a good recording has no violation', () => {
  assert.deepEqual(violations(good()), []);
  assert.doesNotThrow(() => assertInvariants(good()));
});

for (const [rule, how, doctor] of DOCTORED) {
  test(`${rule} is seen broken: ${how}`, () => {
    const recording = good();
    doctor(recording);
    const rules = new Set(violations(recording).map((one) => one.rule));
    assert.ok(rules.has(rule), `${rule} is not among ${[...rules]}`);
    assert.throws(() => assertInvariants(recording), /violation/);
  });
}

/** What makes each cause of the allow-list true for the second person, who is asked at 3500. */
const EXCUSES = {
  'signed out': (r) => r.signOuts.push({ session: 'v1#1', began: 3400 }),
  'tokens lost': (r) => r.calls.push({ ...r.calls[3], id: 'lost', began: 3300, ended: 3350, delivered: false, accessToken: 'never seen' }),
  'store lost writes': (r) => r.losses.push({ at: 3400 }),
};

test('I6 has a cause for each line of its list, and no cause holds for another session', () => {
  assert.deepEqual(Object.keys(EXCUSES).sort(), Object.keys(CAUSES).sort());
  const asked = (n) => ({ session: `v${n}#1`, visitor: `v${n}`, account: `p${n}`, path: '/' });
  for (const [cause, excuse] of Object.entries(EXCUSES)) {
    const recording = good();
    answer(recording, asked(1), 3500, { status: 401, headers: {} });
    assert.equal(violations(recording).length, 1);
    excuse(recording);
    assert.deepEqual(violations(recording), [], cause);
    if (cause === 'store lost writes') continue;
    answer(recording, asked(0), 3500, { status: 401, headers: {} });
    assert.deepEqual(violations(recording).map(({ rule }) => rule), ['I6'], `${cause} is of one session`);
  }
});

test('tokens in the hands of a gateway that was killed are lost only if nobody was ever served with them', () => {
  const asked = (recording) => answer(recording, { session: 'v1#1', visitor: 'v1', account: 'p1', path: '/' }, 3500, { status: 401, headers: {} });
  const recording = good();
  recording.kills.push({ at: 3010 });
  asked(recording);
  assert.deepEqual(violations(recording).map(({ rule }) => rule), ['I6'], 'they were stored');
  const token = recording.calls[3].accessToken;
  const marks = recording.requests.filter(({ headers }) => headers['x-access-token'] === token).map(({ headers }) => headers['x-mark']);
  recording.requests = recording.requests.filter(({ headers }) => headers['x-access-token'] !== token);
  recording.answers = recording.answers.filter(({ mark }) => !marks.includes(mark));
  assert.deepEqual(violations(recording), []);
});

test('tokens are lost to a session that never reached the app, too', () => {
  const recording = good();
  recording.requests = recording.requests.filter(({ headers }) => headers['x-access-token'].startsWith('token-0'));
  recording.answers = recording.answers.filter(({ session, status }) => session !== 'v1#1' || status !== 200);
  recording.calls.push({ ...recording.calls[3], id: 'lost', began: 3300, ended: 3350, delivered: false, accessToken: 'never seen' });
  answer(recording, { session: 'v1#1', visitor: 'v1', account: 'p1', path: '/' }, 3500, { status: 401, headers: {} });
  assert.deepEqual(violations(recording).map(({ rule }) => rule), ['I6'], 'nothing joins them');
  recording.sessions[1].code = recording.calls[2].code = 'the code of v1';
  assert.deepEqual(violations(recording), []);
});

test('a gateway that says a cookie, a code, a token or a name is found out', () => {
  const call = { code: 'the-code', accessToken: 'the-access-token', refreshTokens: ['spent', undefined, 'given'] };
  const people = { p0: { sub: 'subject-0', email: 'person0x@example.com', name: 'Person 0' } };
  const recording = { sessions: [{ handle: 'the-handle' }], answers: [{}], calls: [call], people };
  const world = (...lines) => ({ gateways: [{ name: 'gateway 0', said: () => lines }], recording });
  assertDiscreet(world('{"message":"listening"}'));
  assert.throws(() => assertDiscreet(world()), /said nothing at all/);
  for (const word of ['the-code', 'the-access-token', 'spent', 'given', 'the-handle', 'subject-0', 'person0x@example.com', 'Person 0']) {
    assert.throws(() => assertDiscreet(world('{"message":"listening"}', `{"message":"ah, ${word}!"}`)), /gateway 0 said/, word);
  }
});
