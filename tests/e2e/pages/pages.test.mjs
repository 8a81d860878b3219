// Every page of the gateway, light and dark: readable, quick, without script.
import { signInAtProvider } from '../harness/browser.mjs';
import { look } from '../harness/look.mjs';
import { scenario } from '../harness/world.mjs';

for (const colorScheme of ['light', 'dark']) {
  scenario(`the pages in ${colorScheme}`, {}, async (world) => {
    const { page } = await world.signedIn('grace', '/home', { colorScheme });
    const visits = [
      ['forbidden', '/admin/panel', 403],
      ['not-found', '/.doorward/nothing', 404],
      ['sign-in-failed', '/.doorward/callback', 400],
      ['bad-target', '/a%2fb', 400],
      ['whoami', '/.doorward/whoami', 200],
      ['sessions', '/.doorward/sessions', 200],
      ['sign-out', '/.doorward/sign-out', 200],
      ['signed-out', '/.doorward/signed-out', 200],
    ];
    for (const [name, path, status] of visits) {
      await look(page, await page.goto(world.url(path)), `${name}-${colorScheme}`, status);
    }
    await world.upstream.down();
    await look(page, await page.goto(world.url('/home')), `upstream-${colorScheme}`, 502);
  });
}

scenario('sign-in, forbidden page and sign-out work without script', {}, async (world) => {
  const { page } = await world.person({ javaScriptEnabled: false });
  await page.goto(world.url('/home'));
  await signInAtProvider(page, 'grace');
  await page.waitForURL(world.url('/home'));
  await page.goto(world.url('/.doorward/sign-out'));
  await page.getByRole('button', { name: /sign out/i }).click();
  // The provider's own page needs script; being sent there is what the gateway can do.
  await page.waitForURL((url) => url.origin === world.provider.issuer || url.pathname === '/.doorward/signed-out');
});
