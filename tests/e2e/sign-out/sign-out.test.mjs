// Signing out: here, then at the provider; not by another site, and not undone by the back button.
import assert from 'node:assert/strict';
import { screenshot } from '../harness/browser.mjs';
import { listen } from '../harness/listener.mjs';
import { fetchFrom, scenario, sessionCookie } from '../harness/world.mjs';

for (const store of ['memory', 'redis']) {
  scenario(`sign-out ends the session here and at the provider, ${store} store`, { store }, async (world) => {
    const { context, page } = await world.signedIn('ada');
    const cookie = await sessionCookie(context);
    await page.goto(world.url('/.doorward/sign-out'));
    await screenshot(page, 'sign-out-confirm');
    await page.getByRole('button', { name: /sign out/i }).click();
    await page.waitForURL((url) => url.pathname === '/.doorward/signed-out');
    await screenshot(page, 'signed-out');
    assert.equal(world.provider.count('/session/end'), 1, 'signed out at the provider');
    assert.equal(await sessionCookie(context), undefined, 'the cookie is gone');

    // Our own pages let nothing be fetched; a page of the app does.
    await page.goto(world.url('/public/page'));
    assert.equal((await fetchFrom(page, '/api/again')).status, 401);
    const replay = { cookie: `${cookie.name}=${cookie.value}` };
    assert.equal((await world.gateway.request('/api/replay', { headers: replay })).status, 401, 'the handle is dead');
    const seen = world.upstream.requests.length;
    await page.goBack();
    await page.goto(world.url('/home'));
    await page.getByLabel('User name').waitFor();
    assert.equal(world.upstream.requests.length, seen, 'nothing reached the app');
  });
}

scenario('another site cannot sign anybody out', {}, async (world) => {
  const target = world.url('/.doorward/sign-out');
  // `localhost` is another site than `app.localhost`.
  const evil = await listen((request, response) => {
    response.writeHead(200, { 'content-type': 'text/html' });
    const form = `<form method="post" action="${target}"><button>Win</button></form>`;
    response.end(`<!doctype html><title>Evil</title><img alt="" src="${target}"><a href="${target}">Link</a>${form}`);
  });
  try {
    const home = evil.origin.replace('127.0.0.1', 'localhost');
    const { context, page } = await world.signedIn('ada');
    const cookie = await sessionCookie(context);
    const ended = (event) => page.waitForEvent(event, (request) => request.url() === target);
    const image = Promise.any([ended('requestfinished'), ended('requestfailed')]);
    await page.goto(home);
    await image;

    await page.getByRole('button', { name: 'Win' }).click();
    await page.waitForURL(target);
    await page.goto(home);
    await page.getByRole('link', { name: 'Link' }).click();
    await page.waitForURL(target);
    await page.getByRole('button', { name: /sign out/i }).waitFor();

    assert.equal((await sessionCookie(context)).value, cookie.value);
    assert.equal(world.provider.count('/session/end'), 0);
    await page.goto(world.url('/home'));
    assert.equal(await page.locator('#url').textContent(), '/home');
  } finally {
    await evil.close();
  }
});
