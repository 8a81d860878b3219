// The provider of the browser tests as a process of its own, for other tests and for trying things by hand:
//
//   node tests/e2e/provider.mjs '{"port":4000,"redirectUris":["http://127.0.0.1:8080/.doorward/callback"]}'
//
// The argument takes the options of harness/provider.mjs. Prints one line of JSON when it listens. Answers two
// lines of input: `down` refuses connections, `up` listens again. Ends when its input ends.
import { createInterface } from 'node:readline';
import { clients, startProvider } from './harness/provider.mjs';
import { people } from './harness/people.mjs';

const options = JSON.parse(process.argv[2] ?? '{}');
const provider = await startProvider({
  redirectUris: ['http://127.0.0.1:8080/.doorward/callback'],
  signedOutUris: ['http://127.0.0.1:8080/.doorward/signed-out'],
  ...options,
});
console.log(JSON.stringify({ issuer: provider.issuer, clients, people: Object.keys(options.people ?? people) }));

for await (const line of createInterface({ input: process.stdin })) {
  if (line === 'down') await provider.down();
  else if (line === 'up') await provider.up();
  else if (line === 'grants') {
    console.log(JSON.stringify(provider.grants));
    continue;
  }
  console.log(JSON.stringify({ done: line }));
}
await provider.stop();
process.exit(0);
