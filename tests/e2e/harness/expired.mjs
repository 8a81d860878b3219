// A session whose access token is over, so that the next request must renew.
import { eventually } from './wait.mjs';

/**
 * Signs somebody in and waits until the token is over; the next token lasts.
 *
 * Clocks of tokens count whole seconds, and half of three is when a request would renew it already. So the code is
 * spent at the beginning of a second: the first page that follows, which the checker needs, then comes in time.
 * `meanwhile` is done while the token is good.
 */
export async function expired(world, account = 'p0', meanwhile = () => {}) {
  world.provider.lifetimes.accessToken = 3;
  const visitor = world.visitor(account);
  const { url } = await visitor.visit('/home', { until: (at) => at.includes('/.doorward/callback') });
  await eventually('a second begins', () => Date.now() % 1000 < 100);
  const renewals = world.front.refreshes().length;
  await visitor.visit(url.slice(world.origin.length));
  await meanwhile(visitor);
  const over = Date.now() + 3_100;
  world.provider.lifetimes.accessToken = 3600;
  await eventually('the token is over', () => Date.now() > over);
  if (world.front.refreshes().length > renewals) throw new Error('the machine was too slow: renewed before its end');
  return visitor;
}

/** The distinct statuses of answers, in order. */
export const statuses = (answers) => [...new Set(answers.map(({ status }) => status))].sort();

/** The command that takes a lease, and the one that writes a session back, as they go by to Redis. */
export const TAKES_LEASE = /SET\r\n\$\d+\r\ndoorward:l:/;
export const WRITES_BACK = /EVALSHA\r\n\$\d+\r\n\w+\r\n\$1\r\n1\r\n\$\d+\r\ndoorward:s:/;
