// Waiting is always for a condition, never for a time.

/** Calls `probe` until it gives something truthy; throws what it last said when `within` milliseconds are over. */
export async function eventually(what, probe, within = 10_000) {
  const end = Date.now() + within;
  let last;
  for (;;) {
    try {
      const value = await probe();
      if (value) return value;
      last = undefined;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end) throw new Error(`not within ${within} ms: ${what}${last ? `: ${last.message}` : ""}`, { cause: last });
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

/** A gate that holds whoever waits until it is opened. */
export function latch() {
  let open;
  const opened = new Promise((resolve) => {
    open = resolve;
  });
  return { opened, open };
}
