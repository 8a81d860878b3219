// Writes docs/faults.md: each fault, the tests that name its id, and what they say is seen.
//
//   node tests/faults.mjs            writes the table
//   node tests/faults.mjs --check    fails when it is not up to date
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FAULTS, INVARIANTS } from './faults/catalogue.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const table = join(root, 'docs', 'faults.md');
const SKIPPED = new Set(['node_modules', 'artefacts', 'faults', 'snapshots', 'target', 'fixtures']);
const NAMED = /\b(RS|IP|UP|GW|RF|RV|BL|FL|RL)-(\d\d)(?: to \1-(\d\d))?\b/g;

const sources = ['src', 'tests'].flatMap((folder) => filesOf(join(root, folder)));
const proofs = sources.flatMap((path) => proofsIn(relative(root, path), readFileSync(path, 'utf8').split('\n')));
const known = new Set(Object.values(FAULTS).flatMap((faults) => Object.keys(faults)));
const unknown = proofs.filter(({ id }) => !known.has(id));
if (unknown.length > 0) {
  for (const { id, path } of unknown) console.error(`${path} names ${id}, which is not in tests/faults/catalogue.mjs`);
  process.exit(1);
}

const text = written(proofs);
if (process.argv.includes('--check')) {
  if (text !== readFileSync(table, 'utf8')) {
    console.error('docs/faults.md is not up to date. Run: node tests/faults.mjs');
    process.exit(1);
  }
} else {
  writeFileSync(table, text);
}

function filesOf(folder) {
  return readdirSync(folder, { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      if (entry.isDirectory()) return SKIPPED.has(entry.name) ? [] : filesOf(join(folder, entry.name));
      return /\.(rs|mjs)$/.test(entry.name) ? [join(folder, entry.name)] : [];
    });
}

/** The ids in a comment; `RF-05 to RF-08` is four. */
function idsIn(comment) {
  return [...comment.matchAll(NAMED)].flatMap(([, family, first, last = first]) => {
    const count = Number(last) - Number(first) + 1;
    return Array.from({ length: count }, (_, n) => `${family}-${String(Number(first) + n).padStart(2, '0')}`);
  });
}

/** Comments `// RS-07 …` that stand over a test or in one. Doc comments are about the code, and prove nothing. */
function proofsIn(path, lines) {
  return lines.flatMap((line, at) => {
    const comment = /(?:^|\s)\/\/(?![/!])(.*)$/.exec(line)?.[1];
    const ids = idsIn(comment ?? '');
    if (ids.length === 0) return wholeFile(path, line);
    const test = path.endsWith('.rs') ? rustTest(path, lines, at) : nodeTest(lines, at);
    return test ? ids.map((id) => ({ id, path, test })) : [];
  });
}

/** `//! … rows IP-02 …` at the top of a file of tests: every test in it is about them. */
function wholeFile(path, line) {
  const head = path.startsWith('tests/') && /^\/\/! (.*)/.exec(line)?.[1];
  return idsIn(head || '').map((id) => ({ id, path, test: 'the whole file' }));
}

function rustTest(path, lines, at) {
  const named = (line) => /^(\s*)(?:pub(?:\([^)]*\))? )?(?:async )?fn (\w+)/.exec(line ?? '');
  const isTest = (n) => {
    let up = n - 1;
    while (/^\s*(#\[|\/\/)/.test(lines[up] ?? '')) up -= 1;
    const attributes = lines.slice(up + 1, n).join('\n');
    // Functions of a contract or a model are called by the tests of each store and each replica.
    return /#\[(tokio::)?test\b/.test(attributes) || /(^tests\/|\/tests\/|\/tests\.rs$|\/contract\.rs$|\/model\.rs$)/.test(path);
  };
  let below = at;
  while (below < lines.length && /^\s*(\/\/.*|#\[.*|)$/.test(lines[below])) below += 1;
  let found = named(lines[below]) ? below : at;
  while (found >= 0 && !named(lines[found])) found -= 1;
  return found >= 0 && isTest(found) ? named(lines[found])[2].replaceAll('_', ' ') : undefined;
}

/** The next test below; what a template leaves open is shown as an ellipsis. */
function nodeTest(lines, at) {
  for (const line of lines.slice(at, at + 60)) {
    const name = /^\s*(?:scenario|replicas|test)\(\s*(['"`])(.*?)\1\s*,/.exec(line)?.[2];
    if (name) return name.replace(/\$\{[^}]*\}/g, '…');
  }
  return undefined;
}

function written(all) {
  const head = `# Faults, and what is seen

<!-- Written by \`node tests/faults.mjs\`; \`make test\` fails when it is not up to date. -->

Each fault has an id, and so has what renewals and logouts must do whatever they meet. A test that breaks something names it
in a comment, and its own name says what is then seen. All of them run in \`make test\`; some of them longer, or with more, in
\`make test-long\`. A test may cover a fault in part; a fault without a test stands here too.

Through every fault: a dependency that is away may give 503 with \`Retry-After\`. It never lets anybody in, never shows one
person what is another's, and never clears a cookie or ends a session.
`;
  const invariants = Object.entries(INVARIANTS).map(([id, what]) => `| ${id} | ${what} |`);
  const checked = `
## Invariants

Checked at the end of every scenario over several gateways, and of \`make soak\`, on what the clients, the upstream and the
provider recorded (\`tests/e2e/harness/invariants.mjs\`). That the checker sees each of them broken is tested in
\`tests/e2e/invariants\`.

| id | what holds |
| --- | --- |
${invariants.join('\n')}
`;
  const sections = Object.entries(FAULTS).map(([title, faults]) => {
    const rows = Object.entries(faults).map(([id, fault]) => `| ${id} | ${fault} | ${seen(all, id)} |`);
    return `\n## ${title}\n\n| id | fault | test: what is seen |\n| --- | --- | --- |\n${rows.join('\n')}\n`;
  });
  return [head, checked, ...sections].join('');
}

function seen(all, id) {
  const own = all.filter((proof) => proof.id === id).map(({ path, test }) => `\`${path}\`: ${test.replaceAll('|', '\\|')}`);
  return own.length > 0 ? [...new Set(own)].join('<br>') : 'no test yet';
}
