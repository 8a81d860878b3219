// People who go on asking while things break, and who sign in again when they are asked to.

/** Starts asking; each visitor waits for an answer and a moment before the next request, and asks at each of `ports` in turn. */
export function startLoad(visitors, { path = '/api/load', pause = 20, ports = [undefined] } = {}) {
  const answers = [];
  let enough = false;
  const going = visitors.map(async (visitor, n) => {
    for (let turn = n; !enough; turn += 1) {
      const answer = await visitor.send(path, { at: ports[turn % ports.length] });
      answers.push(answer);
      if (answer.status === 401) await visitor.signIn().catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  });
  return {
    answers,
    /** Whether every visitor's newest answer, begun after `since`, has `status`; of the one at `port`, if one is named. */
    all: (status, since, port) =>
      visitors.every(({ name }) => {
        const own = answers.findLast((answer) => answer.visitor === name && (!port || answer.at === port));
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
