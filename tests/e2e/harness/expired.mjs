// A session whose access token is over, so that the next request must renew.
import { eventually } from './wait.mjs';

/** Signs somebody in and waits until the token is over; the next token lasts. */
export async function expired(world, account = 'p0') {
  world.provider.lifetimes.accessToken = 2;
  const visitor = world.visitor(account);
  await visitor.signIn();
  const over = Date.now() + 3_100;
  world.provider.lifetimes.accessToken = 3600;
  await eventually('the token is over', () => Date.now() > over);
  return visitor;
}

/** The distinct statuses of answers, in order. */
export const statuses = (answers) => [...new Set(answers.map(({ status }) => status))].sort();

/** The command that takes a lease, and the one that writes a session back, as they go by to Redis. */
export const TAKES_LEASE = /SET\r\n\$\d+\r\ndoorward:l:/;
export const WRITES_BACK = /EVALSHA\r\n\$\d+\r\n\w+\r\n\$1\r\n1\r\n\$\d+\r\ndoorward:s:/;
