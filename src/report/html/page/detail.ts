/** Turns of a ChatML text; undefined where it is none. */
function chatTurns(prompt: string): Array<{ role: string; content: string }> | undefined {
  const turns: Array<{ role: string; content: string }> = [];
  const rest = prompt.replace(/<\|im_start\|>(\w+)\n([\s\S]*?)<\|im_end\|>\n/g, (_, role: string, content: string) => {
    turns.push({ role, content });
    return "";
  });
  return turns.length > 0 && /^(<\|im_start\|>assistant\n)?$/.test(rest) ? turns : undefined;
}

/** A prompt, with what matters least folded up: the turns before the last, or what all prompts begin with. */
function promptBlocks(beginning: string, rest: string): HTMLElement[] {
  const turns = chatTurns(beginning + rest);
  if (turns === undefined)
    return [...(beginning === "" ? [] : [folded("Beginning of every prompt", beginning)]), textBlock(rest)];
  return turns.map(({ role, content }, i) =>
    i < turns.length - 1
      ? folded(role === "system" ? "Instructions to the model" : `Earlier turn: ${role}`, content)
      : textBlock(content),
  );
}

function folded(title: string, text: string): HTMLElement {
  return element("details", {}, element("summary", {}, title), textBlock(text));
}

/** Prompts that a model got; of several distinct ones, whose each is. */
function promptSection(benchmark: PageBenchmark, { task, prompts, answers }: PageQuestion): HTMLElement[] {
  const { beginning } = benchmark.tasks[task]!;
  return prompts.flatMap((rest, i) => {
    const readers = benchmark.models.filter((_, model) => answers[model]?.prompts.includes(i));
    const choice = answers.find((answer) => answer?.prompts.includes(i))?.prompts.indexOf(i) ?? 0;
    const perChoice = answers.some((answer) => (answer?.prompts.length ?? 0) > 1);
    const whose = perChoice
      ? `, choice ${choice + 1}`
      : readers.length < answers.length
        ? `, ${readers.join(", ")}`
        : "";
    return [element("h4", {}, prompts.length > 1 ? `Prompt${whose}` : "Prompt"), ...promptBlocks(beginning, rest)];
  });
}

/** Shares of probability: softmax over the choices. */
function softmax(logprobs: ReadonlyArray<number | null>): number[] {
  const values = logprobs.map((logprob) => logprob ?? Number.NEGATIVE_INFINITY);
  const highest = Math.max(...values);
  const weights = values.map((value) => Math.exp(value - highest));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}

function logprobText(logprob: number | null): string {
  return logprob === null ? "−∞" : logprob.toFixed(3).replace("-", "−");
}

/** Choices with the sums of their log-probabilities and their shares, by model. */
function choiceTable(
  { models, labels }: PageBenchmark,
  { choices = [], right = [], answers }: PageQuestion,
): HTMLElement {
  const shares = answers.map((answer) => (answer === null ? [] : softmax(answer.logprobs)));
  const rows = choices.map((choice, i) => {
    const cells = answers.map((answer, model) => {
      if (answer === null) return element("td", {}, "not asked");
      const share = shares[model]![i]!;
      const percent = Number.isNaN(share) ? "n/a" : `${(100 * share).toFixed(1)}%`;
      const mark = answer.chosen === i ? element("strong", {}, " chosen") : "";
      return element("td", {}, `${logprobText(answer.logprobs[i] ?? null)} (${percent})`, mark);
    });
    const mark = right.includes(i) ? element("strong", {}, " ✓ right answer") : "";
    return element(
      "tr",
      {},
      element("th", { scope: "row" }, clipped(labels === null ? `${i + 1}: ${choice}` : choice, 1000), mark),
      ...cells,
    );
  });
  const head = ["Choice", ...models].map((name) => element("th", { scope: "col" }, name));
  const caption = "Log-likelihood of each choice, and its share of the probability";
  const table = element(
    "table",
    {},
    element("caption", {}, caption),
    element("thead", {}, element("tr", {}, ...head)),
    element("tbody", {}, ...rows),
  );
  return element("div", { class: "scroll", role: "region", tabindex: "0", "aria-label": caption }, table);
}

/** What a model wrote and what was read from it. */
function responseSection(model: string, answer: PageAnswer): HTMLElement[] {
  const { label, response = "", finish, tokens = 0, cut = 0, votes, logprobs } = answer;
  const facts = [
    label === null ? "no label could be read" : `read as ${label}`,
    finish === "length" ? `cut at ${tokens} tokens` : `${tokens} tokens`,
    `log-probability of the whole answer ${logprobText(logprobs[0] ?? null)}`,
    ...(cut > 0 ? [`the beginning of the question was cut off, ${cut} tokens of the prompt`] : []),
    ...(votes
      ? [`votes: ${votes.map((vote) => vote ?? "invalid").join(", ")}; shown is the first answer that won`]
      : []),
  ];
  return [
    element("h4", {}, `${model}: `, verdict(answer)),
    textBlock(response),
    element("p", { class: "aside" }, `${facts.join("; ")}.`),
  ];
}

/** All of a question, in place of the one that was shown. */
function showDetail(benchmark: PageBenchmark, question: PageQuestion | undefined, position: string): void {
  byId("detail-position").textContent = position;
  if (question === undefined) {
    byId("detail-title").textContent = "No question";
    byId("detail-body").replaceChildren(element("p", {}, "No question fits the filters."));
    return;
  }
  const title = benchmark.tasks.length > 1 ? `${benchmark.tasks[question.task]!.name}, ` : "";
  byId("detail-title").replaceChildren(...visibleText(`${title}question ${question.id}`));
  const gold = element("p", {}, "Right answer: ", element("strong", {}, question.gold));
  const answers =
    benchmark.kind === "likelihood"
      ? [choiceTable(benchmark, question)]
      : question.answers.flatMap((answer, i) => (answer ? responseSection(benchmark.models[i]!, answer) : []));
  byId("detail-body").replaceChildren(gold, ...promptSection(benchmark, question), ...answers);
}
