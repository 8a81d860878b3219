// A loopback HTTP server, or HTTPS with a `tls` of `{ key, cert }`, that can be taken down and brought back on the same port.
import { createServer } from 'node:http';
import { createServer as createSecureServer } from 'node:https';

export async function listen(handler, port = 0, tls = undefined) {
  const sockets = new Set();
  const server = tls ? createSecureServer(tls, handler) : createServer(handler);
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  const open = (at) =>
    new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(at, '127.0.0.1', () => {
        server.off('error', reject);
        resolve(server.address().port);
      });
    });
  const bound = await open(port);
  const close = () =>
    new Promise((resolve) => {
      server.close(() => resolve());
      sockets.forEach((socket) => socket.destroy());
    });
  const origin = tls ? `https://localhost:${bound}` : `http://127.0.0.1:${bound}`;
  return { server, port: bound, origin, close, reopen: () => open(bound) };
}
