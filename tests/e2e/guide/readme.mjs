// The five-minute guide of README.md, read from the file, so that what people read is what is run here.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

const README = new URL('../../../README.md', import.meta.url);

/** The code blocks of the section with this title: `{ language, text }`, in order, without their indentation. */
function blocks(title) {
  const text = readFileSync(README, 'utf8');
  const start = text.indexOf(`\n## ${title}\n`);
  assert.ok(start >= 0, `README.md has a section "${title}"`);
  const end = text.indexOf('\n## ', start + 1);
  const section = text.slice(start, end < 0 ? undefined : end);
  return [...section.matchAll(/^( *)```(\w+)\n(.*?)^ *```$/gms)].map(([, indentation, language, body]) => ({
    language,
    text: body.replaceAll(new RegExp(`^${indentation}`, 'gm'), ''),
  }));
}

/** The one block of a language that looks like this. */
function one(all, language, pattern) {
  const found = all.filter((block) => block.language === language && pattern.test(block.text));
  assert.equal(found.length, 1, `README.md has one ${language} block with ${pattern}`);
  return found[0].text;
}

/** What the guide tells people to do and to expect. */
export function readGuide() {
  const guide = blocks('In front of your own app, in five minutes');
  const app = blocks('What your app gets');
  const steps = {
    build: one(guide, 'sh', /^make /),
    redirectUris: one(guide, 'text', /^https:/).trim().split('\n'),
    secrets: one(guide, 'sh', /keys generate/),
    certificate: one(guide, 'sh', /openssl/),
    config: one(guide, 'yaml', /^routes:/m),
    check: one(guide, 'sh', /^doorward check/),
    checked: one(guide, 'text', /: ok: /),
    run: one(guide, 'sh', /^doorward run/),
    verifier: one(app, 'js', /jwtVerify/),
  };
  assert.equal(guide.length, 8, 'every block of the guide is followed here');
  return steps;
}

/** Replaces each `from` that is there, and fails when one is not: nothing is put in the place of what the guide dropped. */
export function substitute(text, replacements) {
  return replacements.reduce((changed, [from, to]) => {
    assert.ok(changed.includes(from), `the guide says ${from}`);
    return changed.replaceAll(from, to);
  }, text);
}
