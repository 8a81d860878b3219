// The least that a load balancer does: each connection to the next target that answers the knock.
import { connect, createServer } from 'node:net';

export async function startBalancer() {
  let targets = [];
  let turn = 0;
  const open = new Set();

  const reach = (left) =>
    new Promise((resolve, reject) => {
      if (left === 0) return reject(new Error('no target answers'));
      turn += 1;
      const socket = connect({ host: '127.0.0.1', port: targets[turn % targets.length] });
      socket.once('connect', () => resolve(socket));
      socket.once('error', () => reach(left - 1).then(resolve, reject));
      return undefined;
    });

  const server = createServer(async (near) => {
    open.add(near);
    near.on('error', () => near.destroy());
    try {
      const far = await reach(targets.length);
      open.add(far);
      far.on('error', () => near.resetAndDestroy());
      far.on('close', () => near.end() && open.delete(far));
      near.on('close', () => far.destroy() && open.delete(near));
      near.pipe(far).pipe(near);
    } catch {
      near.resetAndDestroy();
    }
  });
  await new Promise((resolve, reject) => server.on('error', reject).listen(0, '127.0.0.1', resolve));
  return {
    port: server.address().port,
    to(ports) {
      targets = ports;
    },
    async stop() {
      const closed = new Promise((resolve) => server.close(resolve));
      open.forEach((socket) => socket.destroy());
      await closed;
    },
  };
}
