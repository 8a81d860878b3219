// The basics without which a screen reader or a tired eye is lost. Runs without script in the page under test.
import assert from 'node:assert/strict';

/** Fails unless the page has a language, a title, one h1 inside one main, named controls and enough contrast. */
export async function assertAccessible(page, name) {
  const facts = await page.evaluate(() => {
    const named = (element) =>
      Boolean(
        element.getAttribute('aria-label')?.trim() ||
          element.labels?.[0]?.textContent.trim() ||
          (element.tagName !== 'INPUT' && element.textContent.trim()) ||
          (['submit', 'button'].includes(element.type) && element.value?.trim()),
      );
    const controls = [...document.querySelectorAll('a, button, select, textarea, input:not([type=hidden])')];
    const channel = (value) => {
      const part = value / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    };
    const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
    const rgba = (colour) => {
      canvas.clearRect(0, 0, 1, 1);
      canvas.fillStyle = colour;
      canvas.fillRect(0, 0, 1, 1);
      return [...canvas.getImageData(0, 0, 1, 1).data];
    };
    const light = (colour) => {
      const [r, g, b] = rgba(colour).map(channel);
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const backdrop = (element) => {
      for (let at = element; at; at = at.parentElement) {
        const colour = getComputedStyle(at).backgroundColor;
        if (rgba(colour)[3] > 250) return colour;
      }
      return matchMedia('(prefers-color-scheme: dark)').matches ? '#121212' : '#ffffff';
    };
    const texts = [...document.querySelectorAll('body *')].filter((element) =>
      [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.textContent.trim()) &&
      element.checkVisibility(),
    );
    const pale = texts
      .map((element) => {
        const pair = [light(getComputedStyle(element).color), light(backdrop(element))].sort((a, b) => b - a);
        return { text: element.textContent.trim().slice(0, 40), ratio: (pair[0] + 0.05) / (pair[1] + 0.05) };
      })
      .filter(({ ratio }) => ratio < 4.5);
    return {
      lang: document.documentElement.lang,
      title: document.title.trim(),
      viewport: Boolean(document.querySelector('meta[name=viewport]')),
      mains: document.querySelectorAll('main').length,
      headings: [...document.querySelectorAll('h1')].map((h1) => h1.textContent.trim()),
      headingInMain: Boolean(document.querySelector('main h1')),
      unnamed: controls.filter((element) => !named(element)).map((element) => element.outerHTML),
      scripts: document.querySelectorAll('script').length,
      sideways: document.documentElement.scrollWidth > document.documentElement.clientWidth,
      pale,
    };
  });
  assert.ok(facts.lang, `${name}: the page says its language`);
  assert.ok(facts.title, `${name}: a title`);
  assert.ok(facts.viewport, `${name}: a viewport for small screens`);
  assert.equal(facts.mains, 1, `${name}: one main landmark`);
  assert.equal(facts.headings.length, 1, `${name}: one h1`);
  assert.ok(facts.headings[0], `${name}: the h1 says something`);
  assert.ok(facts.headingInMain, `${name}: the h1 is in main`);
  assert.deepEqual(facts.unnamed, [], `${name}: every control has a name`);
  assert.equal(facts.scripts, 0, `${name}: no script is needed`);
  assert.equal(facts.sideways, false, `${name}: no sideways scrolling`);
  assert.deepEqual(facts.pale, [], `${name}: contrast of at least 4.5 : 1`);
}
