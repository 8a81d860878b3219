// A loopback HTTP server that can be taken down and brought back on the same port.
import { createServer } from 'node:http';

export async function listen(handler, port = 0) {
  const sockets = new Set();
  const server = createServer(handler);
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
  return { server, port: bound, origin: `http://127.0.0.1:${bound}`, close, reopen: () => open(bound) };
}
