// People who go on asking while things break, and who sign in again when they are asked to.

/** Starts asking; each visitor waits for an answer and a moment before the next request. */
export function startLoad(visitors, { path = '/api/load', pause = 20 } = {}) {
  const answers = [];
  let enough = false;
  const going = visitors.map(async (visitor) => {
    while (!enough) {
      const answer = await visitor.send(path);
      answers.push(answer);
      if (answer.status === 401) await visitor.signIn().catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  });
  return {
    answers,
    /** Whether every visitor's newest answer, begun after `since`, has `status`. */
    all: (status, since) =>
      visitors.every(({ name }) => {
        const own = answers.filter((answer) => answer.visitor === name).at(-1);
        return own?.status === status && own.began > since;
      }),
    count: (status) => answers.filter((answer) => answer.status === status).length,
    async stop() {
      enough = true;
      await Promise.all(going);
      return answers;
    },
  };
}
