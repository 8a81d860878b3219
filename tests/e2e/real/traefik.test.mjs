// Traefik itself in front of the gateway, both as docs/behind-a-proxy.md says.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startChild } from '../harness/child.mjs';
import { answers, behindProxy, holds } from './front.mjs';
import { documented, part, substitute } from './parts.mjs';
import { scenario } from './world.mjs';

async function traefik({ origin, folder, certificate }) {
  const [fixed, dynamic] = documented('behind-a-proxy.md', 'Traefik');
  return {
    ...(await behindProxy({ origin, certificate })),
    async front({ door, inner, admin }) {
      const file = (name) => join(folder, name);
      writeFileSync(
        file('traefik.yaml'),
        substitute(fixed, [
          ['":443"', `"127.0.0.1:${door}"`],
          ['/etc/traefik/doorward.yaml', file('routers.yaml')],
        ]),
      );
      writeFileSync(
        file('routers.yaml'),
        substitute(dynamic, [
          ['Host(`apps.example.com`)', 'Host(`localhost`)'],
          ['/etc/traefik/apps.crt', file('tls.crt')],
          ['/etc/traefik/apps.key', file('tls.key')],
          ['http://10.0.0.11:8080', `http://127.0.0.1:${inner}`],
          ['          - url: http://10.0.0.12:8080\n', ''],
          ['port: 9090', `port: ${admin}`],
        ]),
      );
      const child = startChild('traefik', part('traefik'), [`--configfile=${file('traefik.yaml')}`]);
      await answers(child, origin, file('corporate-ca.crt'));
      return child;
    },
  };
}

scenario('Traefik, as documented', traefik, async (world) => {
  await holds(world);
  const complaints = world.front.lines.filter((line) => /\b(WRN|ERR|FTL)\b|level=(warn|error)/.test(line));
  assert.deepEqual(complaints, []);
});
