// Where `.ci/need` puts the real parts, and what the documents say of them.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');

/** The path of a real part, or of something in it. */
export function part(name, ...inside) {
  const path = join(process.env.DOORWARD_REAL_PARTS ?? join(ROOT, 'target', 'real'), name, ...inside);
  if (!existsSync(path)) throw new Error(`${path} is missing. Run: make test-real`);
  return path;
}

/** The blocks of YAML in a section of a page of `docs/`, in order; without a title, of what stands before the first. */
export function documented(page, title = undefined) {
  const text = readFileSync(join(ROOT, 'docs', page), 'utf8');
  const start = title === undefined ? 0 : text.indexOf(`\n## ${title}\n`);
  assert.ok(start >= 0, `${page} has a section "${title}"`);
  const end = text.indexOf('\n## ', start + 1);
  const section = text.slice(start, end < 0 ? undefined : end);
  return [...section.matchAll(/^```yaml\n(.*?)^```$/gms)].map(([, block]) => block);
}

/** Replaces each `from` that is there, and fails when one is not. */
export function substitute(text, replacements) {
  return replacements.reduce((changed, [from, to]) => {
    assert.ok(changed.includes(from), `the page says ${from}`);
    return changed.replaceAll(from, to);
  }, text);
}
