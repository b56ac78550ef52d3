const PAGE_SIZE = 50;

/** The link to a question; it works in another window as well. */
function questionLink(benchmark: PageBenchmark, question: PageQuestion): string {
  const name = benchmark.tasks.length > 1 ? `${benchmark.tasks[question.task]!.name}/${question.id}` : question.id;
  return `#${new URLSearchParams({ benchmark: benchmark.key, question: name })}`;
}

/** Right, wrong or invalid as a sign with a word for readers of the screen, and the answer. */
function verdict(answer: PageAnswer | null, length?: number): HTMLElement {
  if (answer === null) return element("span", { class: "verdict" }, "not asked");
  const state = answer.isRight ? "right" : answer.label === null ? "invalid" : "wrong";
  const sign = { right: "✓", wrong: "✗", invalid: "∅" }[state];
  return element(
    "span",
    { class: `verdict ${state}` },
    element("span", { "aria-hidden": "true" }, sign),
    element("span", { class: "unseen" }, `${state}: `),
    ` ${answer.label === null ? "invalid" : clipped(answer.label, length)}`,
  );
}

function listRow(benchmark: PageBenchmark, index: number, isSelected: boolean): HTMLElement {
  const question = benchmark.questions[index]!;
  const link = element("a", { href: questionLink(benchmark, question) }, clipped(question.id));
  const task = benchmark.tasks.length > 1 ? ` ${benchmark.tasks[question.task]!.name}` : "";
  const row = element(
    "tr",
    {},
    element("th", { scope: "row" }, link, element("small", {}, task)),
    element("td", {}, clipped(question.gold)),
    ...question.answers.map((answer) => element("td", {}, verdict(answer))),
  );
  if (isSelected) {
    row.className = "selected";
    link.setAttribute("aria-current", "true");
  }
  return row;
}

/** Shows the page of the list that holds a position. */
function showList(benchmark: PageBenchmark, matches: readonly number[], page: number, selected: number | null): void {
  const heads = ["Question", "Right answer", ...benchmark.models].map((name) => element("th", { scope: "col" }, name));
  byId("list-head").replaceChildren(element("tr", {}, ...heads));
  const shown = matches.slice(page * PAGE_SIZE, (page + 1) * PAGE_SIZE);
  byId("list-body").replaceChildren(...shown.map((index) => listRow(benchmark, index, index === selected)));
  keepInView(byId("list-body").querySelector("tr.selected"));
  const pages = Math.max(1, Math.ceil(matches.length / PAGE_SIZE));
  byId("page-number").textContent = `page ${page + 1} of ${pages}`;
  (byId("page-back") as HTMLButtonElement).disabled = page === 0;
  (byId("page-on") as HTMLButtonElement).disabled = page + 1 >= pages;
}

/** Scrolls the list, and nothing around it, so far that the row is seen below the list's head. */
function keepInView(row: HTMLElement | null): void {
  const box = row?.closest<HTMLElement>(".scroll");
  if (row === null || !box) return;
  const top = row.offsetTop - byId("list-head").offsetHeight;
  const bottom = row.offsetTop + row.offsetHeight;
  if (top < box.scrollTop) box.scrollTop = top;
  else if (bottom > box.scrollTop + box.clientHeight) box.scrollTop = bottom - box.clientHeight;
}
