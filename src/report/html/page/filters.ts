/** What the filters ask for. */
interface Filter {
  show: string;
  /** Index as text; empty for any. */
  model: string;
  label: string;
  task: string;
  search: string;
}

const filterForm = byId("filters") as HTMLFormElement;

function currentFilter(): Filter {
  return Object.fromEntries(new FormData(filterForm)) as unknown as Filter;
}

function filterField(name: string): HTMLSelectElement | HTMLInputElement {
  return filterForm.elements.namedItem(name) as HTMLSelectElement | HTMLInputElement;
}

/** Fills a menu with "any" and the given names; without a choice it is hidden. */
function fillMenu(name: string, any: string, names: readonly string[]): void {
  const menu = filterField(name);
  const options = names.map((one, i) => element("option", { value: String(i) }, clipped(one)));
  menu.replaceChildren(element("option", { value: "" }, any), ...options);
  (menu.parentElement as HTMLElement).hidden = names.length < 2;
}

/** Sets all filters back to those of a benchmark. */
function resetFilters({ models, labels, tasks }: PageBenchmark): void {
  fillMenu("model", "any model", models);
  fillMenu("label", "any", labels ?? []);
  fillMenu(
    "task",
    "all tasks",
    tasks.map(({ name }) => name),
  );
  filterField("show").value = "all";
  filterField("search").value = "";
  for (const option of filterField("show").querySelectorAll("option"))
    option.hidden = option.value === "disagree" && models.length < 2;
}

/** Indexes of the questions that fit. */
function matching({ questions, labels }: PageBenchmark, filter: Filter): number[] {
  const label = filter.label === "" ? undefined : labels?.[Number(filter.label)];
  const search = filter.search === "" ? undefined : new RegExp(escapeRegExp(filter.search), "iu");
  return questions.flatMap((question, i) => {
    if (label !== undefined && question.gold !== label) return [];
    if (filter.task !== "" && question.task !== Number(filter.task)) return [];
    if (!isShown(question, filter)) return [];
    return search === undefined || holds(question, search) ? [i] : [];
  });
}

function isShown({ answers }: PageQuestion, { show, model }: Filter): boolean {
  const asked = (model === "" ? answers : [answers[Number(model)]]).filter((answer) => answer != null);
  if (model !== "" && asked.length === 0) return false;
  if (show === "right") return asked.length > 0 && asked.every(({ isRight }) => isRight);
  if (show === "wrong") return asked.some(({ isRight }) => !isRight);
  if (show === "invalid") return asked.some(({ label }) => label === null);
  if (show === "disagree")
    return new Set(answers.filter((answer) => answer !== null).map(({ label }) => label)).size > 1;
  return true;
}

function holds({ id, gold, prompts, choices = [], answers }: PageQuestion, search: RegExp): boolean {
  const texts = [id, gold, ...prompts, ...choices, ...answers.map((answer) => answer?.response ?? "")];
  return texts.some((text) => search.test(text));
}

function escapeRegExp(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
}
