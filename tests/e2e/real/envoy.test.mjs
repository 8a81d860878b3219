// Envoy itself in front of the gateway, both as docs/behind-a-proxy.md says.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startChild } from '../harness/child.mjs';
import { answers, behindProxy, holds } from './front.mjs';
import { documented, part, substitute } from './parts.mjs';
import { scenario } from './world.mjs';

async function envoy({ origin, folder, certificate }) {
  const [theirs] = documented('behind-a-proxy.md', 'Envoy');
  return {
    ...(await behindProxy({ origin, certificate })),
    async front({ door, inner }) {
      const file = join(folder, 'envoy.yaml');
      const here = substitute(theirs, [
        ['address: 0.0.0.0, port_value: 443', `address: 127.0.0.1, port_value: ${door}`],
        ['/etc/envoy/apps.crt', join(folder, 'tls.crt')],
        ['/etc/envoy/apps.key', join(folder, 'tls.key')],
        ['address: doorward.internal, port_value: 8080', `address: 127.0.0.1, port_value: ${inner}`],
      ]);
      writeFileSync(file, here);
      const args = ['-c', file, '--use-dynamic-base-id', '--concurrency', '1', '--log-level', 'warn'];
      const child = startChild('envoy', part('envoy'), args);
      await answers(child, origin, join(folder, 'corporate-ca.crt'));
      return child;
    },
  };
}

scenario('Envoy, as documented', envoy, async (world) => {
  await holds(world);
  const warnings = world.front.lines.filter((line) => !line.includes('active downstream connections'));
  assert.deepEqual(warnings, [], 'no limit of connections is all that Envoy warns of');
});
