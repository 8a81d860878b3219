// The people of the tests. Their subject is not their user name, so that nobody mistakes one for the other.
export const people = {
  ada: {
    sub: 'u-1815',
    name: 'Ada Lovelace',
    preferred_username: 'ada',
    email: 'ada@example.com',
    email_verified: true,
    groups: ['engineering', 'admins'],
  },
  grace: {
    sub: 'u-1906',
    name: 'Grace Hopper',
    preferred_username: 'grace',
    email: 'grace@example.com',
    email_verified: true,
    groups: ['engineering'],
  },
  mallory: {
    sub: 'u-0666',
    name: 'Mallory',
    preferred_username: 'mallory',
    email: 'mallory@example.org',
    email_verified: false,
    groups: [],
  },
};
