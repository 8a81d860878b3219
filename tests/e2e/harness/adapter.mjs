// Where the provider keeps its things: a map that outlives the provider object, so that keys can be rotated under it.

/** What goes with a grant that is revoked; an interaction about to replace it names it too, and stays. */
const GRANTED = /^(AccessToken|AuthorizationCode|RefreshToken):/;

/** An adapter for `oidc-provider`, one memory for all its kinds. */
export function memoryAdapter() {
  const kept = new Map();
  return (kind) => {
    const key = (id) => `${kind}:${id}`;
    const find = (id) => {
      const entry = kept.get(key(id));
      if (entry && entry.until <= Date.now()) kept.delete(key(id));
      return entry && entry.until > Date.now() ? entry.payload : undefined;
    };
    const first = (wanted) =>
      [...kept].findLast(([name, { payload }]) => name.startsWith(`${kind}:`) && wanted(payload))?.[1].payload;
    return {
      async upsert(id, payload, seconds) {
        kept.set(key(id), { payload, until: seconds ? Date.now() + seconds * 1000 : Infinity });
      },
      find: async (id) => find(id),
      findByUid: async (uid) => first((payload) => payload.uid === uid),
      findByUserCode: async (code) => first((payload) => payload.userCode === code),
      async consume(id) {
        const payload = find(id);
        if (payload) payload.consumed = Math.floor(Date.now() / 1000);
      },
      async destroy(id) {
        kept.delete(key(id));
      },
      async revokeByGrantId(grantId) {
        for (const [name, { payload }] of kept) {
          if (GRANTED.test(name) && payload.grantId === grantId) kept.delete(name);
        }
      },
    };
  };
}
