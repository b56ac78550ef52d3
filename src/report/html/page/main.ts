const explorer = {
  benchmark: pageData.benchmarks[0]!,
  matches: [] as number[],
  page: 0,
  selected: null as number | null,
};

/** Finds a question by the page's fragment, in all benchmarks unless it names one. */
function linked(): { benchmark: PageBenchmark; index: number } | undefined {
  const link = new URLSearchParams(location.hash.slice(1));
  const wanted = link.get("question");
  if (wanted === null) return undefined;
  const key = link.get("benchmark");
  for (const benchmark of pageData.benchmarks) {
    if (key !== null && benchmark.key.toWellFormed() !== key) continue;
    const index = benchmark.questions.findIndex(({ task, id }) =>
      [id, `${benchmark.tasks[task]!.name}/${id}`].some((name) => name.toWellFormed() === wanted),
    );
    if (index >= 0) return { benchmark, index };
    if (wanted === "") return { benchmark, index: 0 };
  }
  return undefined;
}

function render(): void {
  const { benchmark, matches, page, selected } = explorer;
  showList(benchmark, matches, page, selected);
  const place = selected === null ? -1 : matches.indexOf(selected);
  const question = selected === null ? undefined : benchmark.questions[selected];
  showDetail(benchmark, question, place < 0 ? "" : `${place + 1} of ${matches.length}`);
  (byId("question-back") as HTMLButtonElement).disabled = place <= 0;
  (byId("question-on") as HTMLButtonElement).disabled = place < 0 || place + 1 >= matches.length;
}

function openBenchmark(benchmark: PageBenchmark): void {
  explorer.benchmark = benchmark;
  filterField("benchmark").value = String(pageData.benchmarks.indexOf(benchmark));
  resetFilters(benchmark);
}

/** Applies the filters; a question that no longer fits gives way to the first that does. */
function applyFilters(wanted: number | null = explorer.selected): void {
  const { benchmark } = explorer;
  explorer.matches = matching(benchmark, currentFilter());
  const total = benchmark.questions.length;
  byId("count").textContent = `${explorer.matches.length} of ${total} questions`;
  select(wanted !== null && explorer.matches.includes(wanted) ? wanted : (explorer.matches[0] ?? null));
}

function select(index: number | null): void {
  explorer.selected = index;
  const place = index === null ? 0 : explorer.matches.indexOf(index);
  explorer.page = Math.max(0, Math.floor(place / PAGE_SIZE));
  render();
}

/** Goes on or back in the filtered list. The link follows without a step in the browser's history. */
function step(by: number): void {
  const { benchmark, matches, selected } = explorer;
  const index = matches[selected === null ? 0 : matches.indexOf(selected) + by];
  if (index === undefined || selected === null || !matches.includes(selected)) return;
  select(index);
  location.replace(questionLink(benchmark, benchmark.questions[index]!));
}

function clearFilters(): void {
  openBenchmark(explorer.benchmark);
  applyFilters();
}

function turnPage(by: number): void {
  explorer.page += by;
  render();
}

/** Shows the question that the fragment names, whatever the filters say. */
function followLink(): void {
  const found = linked();
  if (found === undefined) {
    if (location.hash.includes("question=")) byId("count").textContent = "The link names a question that is not here.";
    return;
  }
  // A step that was made here: the focus stays where it is.
  if (found.benchmark === explorer.benchmark && found.index === explorer.selected && isInside()) return;
  if (found.benchmark !== explorer.benchmark) openBenchmark(found.benchmark);
  if (!matching(found.benchmark, currentFilter()).includes(found.index)) openBenchmark(found.benchmark);
  applyFilters(found.index);
  byId("detail").focus();
}

function isInside(): boolean {
  return byId("questions").contains(document.activeElement);
}

function onKey(event: KeyboardEvent): void {
  const target = event.target as HTMLElement;
  if (event.ctrlKey || event.metaKey || event.altKey || target.closest("input, select")) return;
  // Arrows scroll a wide table that has the focus.
  const arrows = target.closest(".scroll") === null;
  if (event.key === "j" || (arrows && event.key === "ArrowRight")) step(1);
  else if (event.key === "k" || (arrows && event.key === "ArrowLeft")) step(-1);
  else return;
  event.preventDefault();
}

function start(): void {
  const menu = filterField("benchmark");
  menu.append(...pageData.benchmarks.map(({ key }, i) => element("option", { value: String(i) }, key)));
  (menu.parentElement as HTMLElement).hidden = pageData.benchmarks.length < 2;
  let waiting: ReturnType<typeof setTimeout> | undefined;
  filterForm.addEventListener("input", ({ target }) => {
    clearTimeout(waiting);
    if (target === menu) {
      openBenchmark(pageData.benchmarks[Number(menu.value)]!);
      explorer.selected = null;
    }
    // While somebody types, one search does for several letters.
    waiting = setTimeout(applyFilters, target === filterField("search") ? 150 : 0);
  });
  filterForm.addEventListener("submit", (event) => event.preventDefault());
  for (const [id, act] of [
    ["clear-filters", clearFilters],
    ["page-back", () => turnPage(-1)],
    ["page-on", () => turnPage(1)],
    ["question-back", () => step(-1)],
    ["question-on", () => step(1)],
  ] as const)
    byId(id).addEventListener("click", act);
  byId("questions").addEventListener("keydown", onKey);
  addEventListener("hashchange", followLink);
  openBenchmark(explorer.benchmark);
  applyFilters();
  byId("explorer").hidden = false;
  followLink();
}

start();
