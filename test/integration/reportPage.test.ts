import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Page } from "playwright-core";
import type { EvaluationResult } from "../../dist/eval/evaluationResult.js";
import { evaluationReport } from "../../dist/index.js";
import { temporaryFolder } from "../unit/helpers/data.js";
import { type Answer, resultOf, scoredOf } from "../unit/helpers/results.js";
import { openFile, skipWithoutChromium } from "./chromium.js";

const folder = await temporaryFolder();
const title = (page: Page) => page.locator("#detail-title").textContent();
const count = (page: Page) => page.locator("#count").textContent();

/** Forty questions; q1 to q30 are answered rightly by the first model, q5 to q40 by the second, q40 is invalid in the first. */
const LABELS = ["yes", "no", "maybe"];
const answered = (isRight: (question: number) => boolean, run = {}) =>
  resultOf(
    Array.from({ length: 40 }, (_, i): Answer => {
      const gold = LABELS[i % 3]!;
      if (i === 39 && !isRight(40)) return [gold, null];
      return [gold, isRight(i + 1) ? gold : LABELS[(i + 1) % 3]!];
    }),
    run,
  );
const first = answered((question) => question <= 30);
const second = answered((question) => question >= 5, { model: { file: "tuned.gguf", sha256: "2", bytes: 1 } });
const scored = scoredOf(
  [
    { logprobs: [-1, -2, -Infinity], gold: [0], context: "Shared.\nFirst question?" },
    { logprobs: [-3, -2, -1], gold: [0], context: "Shared.\nSecond question?" },
  ],
  { task: { name: "stub_choices", version: 1 } },
);

const SECRET = "window.pwned = true";
const HOSTILE = [
  `<script>${SECRET}</script>`,
  `<img src=x onerror="${SECRET}"><svg onload="${SECRET}"></svg>`,
  `</pre></script><script>${SECRET}</script><!--`,
  `--><style>body{display:none}</style><base href="https://example.org/">`,
  `<a href="javascript:${SECRET}">javascript:${SECRET}</a><iframe srcdoc="<script>parent.pwned=1</script>">`,
  "\u001b[31mred\u001b]8;;https://example.org\u0007link\u001b]8;;\u0007",
  "yes\u202egnirts desrever\u202c \u2066isolated\u2069",
  "nul\u0000 lone \ud83d surrogate \udc00 \u2028 \u2029 \ufeff tag \u{e0041}",
  "word".repeat(60_000),
  `{{constructor.constructor('${SECRET}')()}} \${${SECRET}} ]]> &lt;script&gt;`,
];

/** Hostile text in every place that a result has for text. */
function hostileResult(): EvaluationResult {
  const nasty = HOSTILE.slice(0, 8).join(" ");
  const base = resultOf(HOSTILE.map((): Answer => ["yes", null]));
  const items = base.items.map((item, i) => ({
    ...item,
    id: i === 0 ? `${HOSTILE[2]} ${nasty}` : `q${i + 1}`,
    prompt: `<|im_start|>system\n${nasty}<|im_end|>\n<|im_start|>user\n${HOSTILE[i]}<|im_end|>\n<|im_start|>assistant\n`,
    response: HOSTILE[i]!,
  }));
  const labels = ["yes", `no ${nasty}`, "maybe"];
  const file = { file: `${nasty}.gguf`, sha256: nasty, bytes: 1 };
  return {
    ...base,
    ...{ items, notes: [nasty], extraction: nasty, model: file, data: file, adapters: [{ ...file, scale: 1 }] },
    task: { name: `task ${nasty}`, version: 1, labels },
    machine: { cpu: nasty, threads: 1 },
    sampler: { ...base.sampler, description: nasty },
    versions: { medilora: nasty, llamaCpp: nasty, node: nasty },
  };
}

describe("the report in Chromium", { skip: skipWithoutChromium }, () => {
  it("runs nothing of a hostile model or file, and shows it as text", async () => {
    const history = [{ step: 1, epoch: 1, loss: 2 }];
    const hostile = hostileResult();
    const options = { title: HOSTILE[2]!, trainingRuns: [{ name: HOSTILE[1]!, history }] };
    const path = await folder.write("hostile.html", evaluationReport([hostile, hostile], options));
    const { page, complaints } = await openFile(path);
    for (const [i, text] of HOSTILE.entries()) {
      const shown = await page
        .locator("#detail-body pre")
        .nth(2)
        .evaluate((block) => block.textContent);
      if (!/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}]/u.test(text)) assert.equal(shown, text.slice(0, 20_000));
      if (i < HOSTILE.length - 1) await page.locator("#question-on").click();
    }
    assert.equal(await page.evaluate(() => "pwned" in window), false);
    assert.equal(await page.locator("#detail iframe, #detail img, main script, main a[href^=javascript]").count(), 0);
    await page.emulateMedia({ media: "print" });
    assert.deepEqual(complaints, []);
  });

  it("would be seen to complain: a page with a script of another's is blocked and reported", async () => {
    const foreign = `</main><script>${SECRET}</script><p style="color:red"></p><img src="https://example.org/x.png">`;
    const path = await folder.write("foreign.html", evaluationReport([first]).replace("</main>", foreign));
    const { page, complaints } = await openFile(path);
    assert.equal(await page.evaluate(() => "pwned" in window), false);
    const policies = complaints.filter((complaint) => complaint.startsWith("console: policy: "));
    assert.deepEqual(
      policies.toSorted(),
      ["img-src", "script-src-elem", "style-src-attr"].map((name) => `console: policy: ${name}`),
    );
  });

  it("shows characters that cannot be seen by their numbers", async () => {
    const hostile = hostileResult();
    const path = await folder.write("hidden.html", evaluationReport([hostile]));
    const { page } = await openFile(path, "#question=q7");
    const pre = page.locator("#detail-body pre").nth(2);
    assert.equal(await pre.textContent(), "yesU+202Egnirts desreverU+202C U+2066isolatedU+2069");
    await page.locator("#question-on").click();
    assert.equal(await pre.textContent(), "nulU+0000 lone U+D83D surrogate U+DC00 U+2028 U+2029 U+FEFF tag U+E0041");
    assert.doesNotMatch((await page.locator("body").textContent()) ?? "", /[\u202e\u2066\p{Cs}]/u);
  });

  it("shows a long answer in part, and whole on request", async () => {
    const path = await folder.write("long.html", evaluationReport([hostileResult()]));
    const { page } = await openFile(path, "#question=q9");
    const pre = page.locator("#detail-body pre").nth(2);
    assert.equal((await pre.textContent())?.length, 20_000);
    await page.getByRole("button", { name: "Show all 240,000 characters" }).last().click();
    assert.equal((await pre.textContent())?.length, 240_000);
  });

  it("filters by outcome, model, label and text, and says how many are left", async () => {
    const path = await folder.write("two.html", evaluationReport([first, second]));
    const { page, complaints } = await openFile(path);
    assert.equal(await count(page), "40 of 40 questions");
    assert.equal(await title(page), "question q1");
    const show = page.getByLabel("Show");
    for (const [outcome, left] of [
      ["right", 26],
      ["wrong", 14],
      ["invalid", 1],
      ["disagree", 14],
      ["all", 40],
    ] as const) {
      await show.selectOption(outcome);
      await page.locator("#count", { hasText: `${left} of 40 questions` }).waitFor({ timeout: 2000 });
    }
    await show.selectOption("wrong");
    await page.getByLabel("Answers of").selectOption("tuned.gguf");
    await page.locator("#count", { hasText: "4 of 40" }).waitFor({ timeout: 2000 });
    await page.getByLabel("Right answer").selectOption("no");
    await page.locator("#count", { hasText: "1 of 40" }).waitFor({ timeout: 2000 });
    assert.equal(await title(page), "question q2");
    await page.getByRole("button", { name: "Clear filters" }).click();
    await page.getByLabel("Text").fill("QUESTION 17?");
    await page.locator("#count", { hasText: "1 of 40" }).waitFor({ timeout: 2000 });
    assert.equal(await title(page), "question q17");
    await page.getByLabel("Text").fill("(a+)+$[");
    await page.locator("#count", { hasText: "0 of 40" }).waitFor({ timeout: 2000 });
    assert.equal(await title(page), "No question");
    assert.deepEqual(complaints, []);
  });

  it("goes through the filtered questions by keyboard, and the link follows", async () => {
    const path = await folder.write("keys.html", evaluationReport([first, second]));
    const { page } = await openFile(path, "#question=q3");
    assert.equal(await title(page), "question q3");
    assert.equal(await page.evaluate(() => document.activeElement?.id), "detail");
    const top = await page.locator("#detail").evaluate((detail) => detail.getBoundingClientRect().top);
    assert.ok(top >= 0 && top < 900, `the linked question is in sight, not at ${top}`);
    for (const key of ["j", "ArrowRight", "k"]) await page.keyboard.press(key);
    assert.equal(await title(page), "question q4");
    assert.equal(await page.evaluate(() => location.hash), "#benchmark=pubmedqa%401&question=q4");
    for (let i = 0; i < 5; i++) await page.keyboard.press("ArrowLeft");
    assert.equal(await title(page), "question q1");
    await page.getByLabel("Text").fill("");
    await page.keyboard.press("j");
    assert.equal(await page.getByLabel("Text").inputValue(), "j");
    assert.equal(await title(page), "question q1");
  });

  it("opens the question that a link names, in any benchmark and against the filters", async () => {
    const path = await folder.write("links.html", evaluationReport([first, scored]));
    const { page } = await openFile(path, "#benchmark=stub_choices%401&question=row-2");
    assert.equal(await title(page), "question row-2");
    const table = page.locator("#detail-body table");
    assert.match((await table.textContent()) ?? "", /yes ✓ right answer−3\.000 \(9\.0%\)/);
    assert.match((await table.textContent()) ?? "", /maybe−1\.000 \(66\.5%\) chosen/);
    await page.getByLabel("Text").fill("Second");
    await page.locator("#count", { hasText: "1 of 2" }).waitFor({ timeout: 2000 });
    await page.evaluate(() => {
      location.hash = "#question=row-1";
    });
    await page.locator("#detail-title", { hasText: "row-1" }).waitFor({ timeout: 2000 });
    assert.equal(await count(page), "2 of 2 questions");
    assert.match((await table.textContent()) ?? "", /maybe−∞ \(0\.0%\)/);
    await page.getByRole("link", { name: "Look at the 40 questions" }).click();
    await page.locator("#detail-title", { hasText: "question q1" }).waitFor({ timeout: 2000 });
    const odd = await openFile(path, "#question=none&benchmark=%E0%A4%A");
    assert.equal(await title(odd.page), "question q1");
    assert.equal(await count(odd.page), "The link names a question that is not here.");
    assert.deepEqual(odd.complaints, []);
  });

  it("stays usable with 12,000 questions", async () => {
    const [item] = first.items;
    const items = Array.from({ length: 12_000 }, (_, i) => ({ ...item!, id: `q${i + 1}`, prompt: `Number ${i + 1}.` }));
    const many = { ...first, items, metrics: { ...first.metrics, n: 12_000 } };
    const path = await folder.write("many.html", evaluationReport([many]));
    const { page, complaints } = await openFile(path, "#question=q11999");
    assert.equal(await title(page), "question q11999");
    assert.equal(await page.locator("#page-number").textContent(), "page 240 of 240");
    assert.equal(await page.locator("#list-body tr").count(), 50);
    await page.getByLabel("Text").fill("Number 777.");
    await page.locator("#count", { hasText: "1 of 12000" }).waitFor({ timeout: 5000 });
    await page.getByLabel("Text").fill("");
    await page.locator("#count", { hasText: "12000 of" }).waitFor({ timeout: 5000 });
    await page.getByRole("button", { name: "Earlier" }).click();
    assert.equal(await page.locator("#list-body a").first().textContent(), "q701");
    assert.deepEqual(complaints, []);
  });

  for (const colorScheme of ["light", "dark"] as const)
    it(`is legible in ${colorScheme}: every text has a contrast of 4.5 or more`, async () => {
      const history = [{ step: 1, epoch: 1, loss: 2, evalLoss: 1 }];
      const page = evaluationReport([first, second, scored], { trainingRuns: [{ name: "run", history }] });
      const opened = await openFile(await folder.write(`${colorScheme}.html`, page), "", { colorScheme });
      const background = await opened.page.evaluate(() => getComputedStyle(document.body).backgroundColor);
      assert.equal(background, colorScheme === "light" ? "rgb(255, 255, 255)" : "rgb(20, 23, 27)");
      assert.deepEqual(await opened.page.evaluate(faintTexts), []);
      assert.deepEqual(opened.complaints, []);
    });

  it("fits a screen of 360 pixels, whatever the names are", async () => {
    for (const results of [[first, second, scored], [hostileResult()]]) {
      const page = await folder.write("narrow.html", evaluationReport(results, { title: "x".repeat(300) }));
      const opened = await openFile(page, "", { viewport: { width: 360, height: 740 } });
      const width = await opened.page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(width <= 360, `${width} pixels`);
    }
  });

  it("has headings in order, named fields and regions, and no id twice", async () => {
    const path = await folder.write("structure.html", evaluationReport([first, second, scored]));
    const { page } = await openFile(path);
    const faults = await page.evaluate(() => {
      const levels = [...document.querySelectorAll("h1,h2,h3,h4,h5,h6")].map(({ tagName }) => Number(tagName[1]));
      const ids = [...document.querySelectorAll("[id]")].map(({ id }) => id);
      const unnamed = [...document.querySelectorAll("select, input")].filter(
        (field) => (field as HTMLInputElement).labels?.length !== 1,
      );
      const dangling = [...document.querySelectorAll("[aria-labelledby]")].filter(
        (one) => document.getElementById(one.getAttribute("aria-labelledby")!) === null,
      );
      const links = [...document.querySelectorAll<HTMLAnchorElement>('a[href^="#"]:not([href*="="])')].filter(
        ({ hash }) => document.getElementById(hash.slice(1)) === null,
      );
      return {
        jumps: levels.filter((level, i) => level > (levels[i - 1] ?? 0) + 1),
        twice: ids.filter((id, i) => ids.indexOf(id) !== i),
        others: unnamed.length + dangling.length + links.length,
        tables: [...document.querySelectorAll("table")].filter((table) => table.caption === null).length,
      };
    });
    assert.deepEqual(faults, { jumps: [], twice: [], others: 0, tables: 0 });
  });
});

/** In the page: texts whose contrast with what is painted behind them is below WCAG 2.2's 4.5. */
function faintTexts(): string[] {
  const channels = (color: string) => (color.match(/[\d.]+/g) ?? []).map(Number);
  const luminance = (color: string) => {
    const [r, g, b] = channels(color).map((value) => {
      const share = value / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    }) as [number, number, number];
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (start: Element) => {
    for (let one: Element | null = start; one !== null; one = one.parentElement) {
      const color = getComputedStyle(one).backgroundColor;
      if ((channels(color)[3] ?? 1) > 0) return color;
    }
    return "rgb(255, 255, 255)";
  };
  return [...document.querySelectorAll("body *")].flatMap((one) => {
    const text = [...one.childNodes].some(({ nodeType, textContent }) => nodeType === 3 && textContent?.trim() !== "");
    if (
      !text ||
      one.closest("script, noscript, title, desc, style, :disabled, option") ||
      one.getClientRects().length === 0
    )
      return [];
    const style = getComputedStyle(one);
    const color = one instanceof SVGElement ? style.fill : style.color;
    const [light, dark] = [luminance(color), luminance(behind(one))].sort((a, b) => b - a) as [number, number];
    const contrast = (light + 0.05) / (dark + 0.05);
    return contrast >= 4.5 ? [] : [`${one.tagName}.${one.getAttribute("class")} ${color} ${contrast.toFixed(2)}`];
  });
}
