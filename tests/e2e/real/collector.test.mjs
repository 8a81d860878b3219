// An OpenTelemetry Collector itself, and the gateway's traces in it, both configured as docs/traces.md says.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, startChild, tempFolder } from '../harness/child.mjs';
import { eventually } from '../harness/wait.mjs';
import { scenario } from '../harness/world.mjs';
import { documented, part, substitute } from './parts.mjs';

const [ours, theirs] = documented('traces.md');
const port = await freePort();
const here = [['127.0.0.1:4318', `127.0.0.1:${port}`]];
const [, endpoint, sample] = /^tracing:\n {2}endpoint: (\S+).*\n {2}sample: (\S+).*\n$/.exec(substitute(ours, here));

/** Starts it; `spans()` are those that it has printed, and `complaints()` what else it said that is no information. */
async function startCollector() {
  const folder = tempFolder('collector');
  const [config, said] = [join(folder.path, 'collector.yaml'), join(folder.path, 'said')];
  writeFileSync(config, substitute(theirs, here));
  const child = startChild('otelcol', 'sh', ['-c', 'exec "$0" --config "$1" 2> "$2"', part('collector', 'otelcol'), config, said]);
  const text = () => (existsSync(said) ? readFileSync(said, 'utf8') : '');
  await eventually('the collector is ready', () => {
    assert.ok(child.running(), text());
    return text().includes('Everything is ready');
  });
  return {
    spans: () => spans(text()),
    complaints: () => text().split('\n').filter((line) => /^\S+\t(warn|error|fatal)\t/i.test(line)),
    async stop() {
      await child.stop();
      folder.remove();
    },
  };
}

/** What its debug exporter prints of each span. */
function spans(text) {
  const read = [];
  let attributes;
  let resource;
  for (const line of text.split('\n')) {
    const [, name, value] = /^\s+-> (\S+): \w+\((.*)\)$/.exec(line) ?? [];
    const [, field, content] = /^ {4}(\S.*?) *: ?(.*)$/.exec(line) ?? [];
    if (line.startsWith('Resource attributes:')) attributes = resource = {};
    else if (/^Span #\d+/.test(line)) {
      attributes = {};
      read.push({ resource, attributes });
    } else if (name) attributes[name] = value;
    else if (field && read.length > 0) read.at(-1)[field] = content;
  }
  return read;
}

const options = { store: 'redis', settings: { tracing: { endpoint, sample: Number(sample) } } };

scenario('an OpenTelemetry Collector takes the traces', options, async (world) => {
  const collector = await startCollector();
  try {
    const { page } = await world.signedIn('ada');
    await page.goto(world.url('/api/traced'));
    await world.upstream.down();
    assert.equal((await page.goto(world.url('/api/broken'))).status(), 502);

    const requests = () => collector.spans().filter(({ Kind }) => Kind === 'Server');
    const of = (status) => requests().find(({ Name, attributes }) =>
      Name === 'GET app.localhost/api/' && attributes['http.response.status_code'] === status);
    await eventually('both requests have come', () => of('200') && of('502'), 30_000);
    const all = collector.spans();
    assert.deepEqual([...new Set(all.map(({ resource }) => resource['service.name']))], ['doorward']);

    const root = of('200');
    assert.equal(root['Parent ID'], '', 'nobody is before us');
    assert.notEqual(root['Status code'], 'Error');
    const inside = all.filter((span) => span['Trace ID'] === root['Trace ID']);
    const child = (name) => inside.find(({ Name }) => Name === name);
    assert.equal(child('gate')['Parent ID'], root.ID);
    assert.equal(child('gate').Kind, 'Internal');
    assert.equal(child('GET')['Parent ID'], root.ID);
    assert.equal(child('GET').Kind, 'Client');
    const heard = world.upstream.to('/api/traced')[0].headers.traceparent;
    assert.equal(heard, `00-${root['Trace ID']}-${child('GET').ID}-01`);

    assert.equal(of('502')['Status code'], 'Error');
    assert.ok(of('502').attributes['error.type']);
    const token = all.find(({ Name }) => Name === 'provider token');
    assert.equal(token.Kind, 'Client');
    assert.ok(all.some(({ Name, Kind }) => Name.startsWith('store ') && Kind === 'Client'));
    assert.deepEqual(collector.complaints(), []);
  } finally {
    await collector.stop();
  }
});
