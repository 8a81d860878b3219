// The app behind the gateway: it shows what it was sent. Nothing in it knows of sign-in.
import { createHash } from 'node:crypto';
import { listen } from './listener.mjs';
import { latch } from './wait.mjs';

/**
 * `/events` server-sent events, `/sink` counts an upload, `/held/NAME` answers once the test opens NAME,
 * `/ws` WebSocket echo; anything else shows the request: as a page to a browser, as JSON to the rest.
 */
export async function startUpstream() {
  const requests = [];
  const latches = new Map();
  const held = (name) => {
    if (!latches.has(name)) latches.set(name, latch());
    return latches.get(name);
  };
  const listener = await listen(async (request, response) => {
    const seen = { method: request.method, url: request.url, headers: request.headers };
    requests.push({ at: Date.now(), ...seen });
    const path = request.url.split('?')[0];
    if (path === '/events') return events(response);
    if (path === '/sink') return sink(request, response);
    if (path.startsWith('/held/')) await held(path.slice(6)).opened;
    return show(seen, response);
  });
  listener.server.on('upgrade', (request, socket) => {
    requests.push({ at: Date.now(), method: request.method, url: request.url, headers: request.headers, upgrade: true });
    echo(request, socket);
  });
  return {
    url: listener.origin,
    requests,
    to: (path) => requests.filter((request) => request.url.split('?')[0] === path),
    release: (name) => held(name).open(),
    down: () => listener.close(),
    up: () => listener.reopen(),
    stop: () => (listener.server.listening ? listener.close() : Promise.resolve()),
  };
}

function show(seen, response) {
  const wantsPage = seen.headers.accept?.includes('text/html');
  response.writeHead(200, {
    'content-type': wantsPage ? 'text/html; charset=utf-8' : 'application/json',
    'cache-control': 'no-store',
  });
  if (!wantsPage) return response.end(JSON.stringify(seen));
  const user = seen.headers['x-forwarded-user'] ?? 'nobody';
  return response.end(`<!doctype html><html lang="en"><meta charset="utf-8"><title>The app</title>
    <main><h1>The app</h1><p id="url">${escape(seen.url)}</p><p id="user">${escape(user)}</p>
    <pre id="headers">${escape(JSON.stringify(seen.headers, null, 1))}</pre></main>`);
}

const escape = (text) => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);

function events(response) {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  for (let id = 1; id <= 3; id += 1) response.write(`id: ${id}\ndata: tick ${id}\n\n`);
  // Left open: an event must arrive without the stream ending.
}

async function sink(request, response) {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const part of request) {
    hash.update(part);
    bytes += part.length;
  }
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ bytes, sha256: hash.digest('hex') }));
}

// ---- WebSocket (RFC 6455), as little of it as an echo needs ----

function echo(request, socket) {
  const key = request.headers['sec-websocket-key'];
  const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
  const protocol = request.headers['sec-websocket-protocol']?.split(',')[0].trim();
  const head = [
    'HTTP/1.1 101 Switching Protocols',
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Accept: ${accept}`,
    ...(protocol ? [`Sec-WebSocket-Protocol: ${protocol}`] : []),
  ];
  socket.write(`${head.join('\r\n')}\r\n\r\n`);
  socket.write(frame(1, Buffer.from(JSON.stringify({ user: request.headers['x-forwarded-user'] ?? null }))));
  let pending = Buffer.alloc(0);
  socket.on('error', () => socket.destroy());
  socket.on('data', (part) => {
    pending = Buffer.concat([pending, part]);
    for (let read = readFrame(pending); read; read = readFrame(pending)) {
      pending = pending.subarray(read.size);
      if (read.opcode === 8) socket.end(frame(8, read.payload));
      else if (read.opcode === 9) socket.write(frame(10, read.payload));
      else if (read.opcode !== 10) socket.write(frame(read.opcode, read.payload));
    }
  });
}

function readFrame(data) {
  if (data.length < 2) return undefined;
  let at = 2;
  let length = data[1] & 0x7f;
  if (length === 126) {
    if (data.length < 4) return undefined;
    length = data.readUInt16BE(2);
    at = 4;
  } else if (length === 127) {
    if (data.length < 10) return undefined;
    length = Number(data.readBigUInt64BE(2));
    at = 10;
  }
  if (data.length < at + 4 + length) return undefined;
  const mask = data.subarray(at, at + 4);
  const payload = Buffer.from(data.subarray(at + 4, at + 4 + length)).map((byte, i) => byte ^ mask[i % 4]);
  return { opcode: data[0] & 0x0f, payload, size: at + 4 + length };
}

function frame(opcode, payload) {
  const length = payload.length;
  const head = Buffer.alloc(length < 126 ? 2 : length < 65_536 ? 4 : 10);
  head[0] = 0x80 | opcode;
  if (length < 126) head[1] = length;
  else if (length < 65_536) {
    head[1] = 126;
    head.writeUInt16BE(length, 2);
  } else {
    head[1] = 127;
    head.writeBigUInt64BE(BigInt(length), 2);
  }
  return Buffer.concat([head, payload]);
}
