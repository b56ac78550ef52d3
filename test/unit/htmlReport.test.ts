import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { stat } from "node:fs/promises";
import { describe, it } from "node:test";
import { MEDICAL_NOTICE } from "../../dist/eval/evaluationResult.js";
import { evaluationReport, writeEvaluationReport } from "../../dist/report/html/document.js";
import { html, scriptJson } from "../../dist/report/html/markup.js";
import { packageVersion } from "../../dist/util/version.js";
import { temporaryFolder } from "./helpers/data.js";
import { type Answer, pageDataOf, resultOf, scoredOf, textOf, yesAnswers } from "./helpers/results.js";

const folder = await temporaryFolder();

const ELEMENTS = { script: /<script>([\s\S]*?)<\/script>/g, style: /<style>([\s\S]*?)<\/style>/g };

function contents(page: string, element: keyof typeof ELEMENTS): string[] {
  return [...page.matchAll(ELEMENTS[element])].map((match) => match[1]!);
}

describe("HTML source", () => {
  it("escapes every text, and shows characters that cannot be seen", () => {
    const hostile = `<b a="1" b='2'>&amp;</b>\u202e\u0000\ud800\n\t`;
    assert.equal(
      html`<p title="${hostile}">${[html`<i>${1}</i>`]}</p>`.source,
      `<p title="&lt;b a=&quot;1&quot; b='2'&gt;&amp;amp;&lt;/b&gt;⟨U+202E⟩⟨U+0000⟩⟨U+D800⟩\n\t"><i>1</i></p>`,
    );
  });

  it("leaves joiners and line breaks of Windows alone", () => {
    const text = "می\u200cخواهم \u{1f468}\u200d\u{1f469} a\r\nb";
    assert.equal(html`${text}`.source, text);
    assert.equal(html`${"a\rb"}`.source, "a⟨U+000D⟩b");
  });

  it("writes JSON that cannot leave its script element and reads back unchanged", () => {
    const value = {
      "</script>": "<!--<script>\u2028\u2029\u202e&\u0000\ud800x\u{e0041}\ufeff\\u003c",
      list: [1, null],
    };
    const { source } = scriptJson(value);
    assert.doesNotMatch(source, /[<>&\u2028\u2029\u202e\ufeff]|\p{Cs}|[\u{e0000}-\u{e007f}]/u);
    assert.deepEqual(JSON.parse(source), value);
  });
});

describe("the report's page", () => {
  const first = resultOf(yesAnswers(10, (i) => i <= 7));
  const second = resultOf(
    yesAnswers(10, (i) => i <= 3 || i === 8),
    {
      model: { file: "tuned.gguf", sha256: "2".repeat(64), bytes: 1 },
      sampler: "llama-cpp-python-2023",
    },
  );

  it("compares with the reference", () => {
    const text = textOf(evaluationReport([first, second], { reference: 1 }));
    assert.match(text, /tuned\.gguf less base\.gguf : -30\.0 points/);
    assert.doesNotMatch(text, /base\.gguf less tuned/);
    assert.throws(() => evaluationReport([first, second], { reference: 2 }), { code: "ARGUMENT_INVALID" });
  });

  it("allows exactly its own script and styles, by their hashes", () => {
    const history = [{ step: 1, epoch: 1, loss: 2 }];
    const page = evaluationReport([first], { trainingRuns: [{ name: "run", history }] });
    const policy = /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(page)![1]!;
    const hash = (text: string) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
    const [script, ...more] = contents(page, "script");
    assert.deepEqual(more, []);
    assert.match(policy, /^default-src 'none'; /);
    assert.ok(policy.includes(`script-src ${hash(script!)};`));
    const styles = contents(page, "style");
    assert.equal(styles.length, 3);
    for (const style of styles) assert.ok(policy.includes(hash(style)));
    assert.doesNotMatch(policy, /unsafe|https?:|\*|data:/);
    assert.doesNotMatch(script!, /innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval|new Function/);
    assert.doesNotMatch(page, /<[^>]* (on\w+|style|src)=/);
  });

  it("says once that it is no medical advice, and which version made it", () => {
    const page = evaluationReport([first, second, scoredOf([{ logprobs: [-1, -2, -3], gold: [0] }])]);
    assert.equal(page.split(MEDICAL_NOTICE.slice(0, 40)).length, 2);
    assert.ok(page.includes(`medilora ${packageVersion()}`));
  });

  it("sums up in words what came out, against the commonest answer", () => {
    const text = textOf(evaluationReport([first, second], { title: "Our <models>" }));
    assert.match(text, /^ Our &lt;models&gt;/);
    assert.match(text, /PubMedQA: a question about an abstract, answered by yes, no or maybe\. 10 questions\./);
    assert.match(text, /base\.gguf was right on 70\.0% of 10 questions \(95% interval 39\.7 to 89\.2\)\./);
    assert.match(
      text,
      /100\.0% of its answers could be read\. For comparison: always answering yes would be right on 100\.0%; the model does worse/,
    );
    assert.match(
      text,
      /base\.gguf less tuned\.gguf : \+30\.0 points \[-?\d+\.\d, \d+\.\d\] on 10 questions; McNemar's exact p = 0\.375; the interval includes zero/,
    );
  });

  it("names the better model only where the interval of the difference leaves out zero", () => {
    const worse = resultOf(yesAnswers(40, (i) => i <= 5));
    const better = { ...resultOf(yesAnswers(40, (i) => i <= 30)), model: { file: "b.gguf", sha256: "3", bytes: 1 } };
    assert.match(textOf(evaluationReport([worse, better])), /leaves out zero, so b\.gguf did better/);
    assert.match(textOf(evaluationReport([better, worse])), /leaves out zero, so b\.gguf did better/);
  });

  it("has the numbers of the tables: scores, differences, answers by label with invalid ones", () => {
    const answers: Answer[] = [
      ["yes", "yes"],
      ["yes", "no"],
      ["yes", null],
      ["no", "no"],
      ["maybe", null],
    ];
    const text = textOf(evaluationReport([resultOf(answers)]));
    assert.match(text, /accuracy 40\.0% \[11\.8, 76\.9\]/);
    assert.match(text, /valid responses 60\.0% \[23\.1, 88\.2\]/);
    assert.match(text, /accuracy of valid 66\.7% \[20\.8, 93\.9\]/);
    assert.match(text, /Right answer said yes said no said maybe invalid recall precision F1/);
    assert.match(text, /yes \(3\) 1 33% 1 33% 0 0% 1 33% 33\.3% 100\.0% 50\.0%/);
    assert.match(text, /maybe \(1\) 0 0% 0 0% 0 0% 1 100% 0\.0% 0\.0% 0\.0%/);
  });

  it("tells how the numbers were made: hashes, sampler in its order with its notes, versions, machine", () => {
    const text = textOf(evaluationReport([second]));
    for (const part of [
      `sha256 ${"2".repeat(64)}`,
      "llama-cpp-python-2023: repeat penalty 1.1 over the last 64 tokens, top-k 40, top-p 0.95, min-p 0.05, temperature 0.2, draw",
      // 0.5^5 / (1 + 0.5^5)
      "the less likely one is drawn 3.0% of the time",
      "The repeat penalty counts the last 64 tokens",
      "pubmedqa/strict@1",
      "pubmedqa@1",
      "llama.cpp v0",
      "a processor, 2 threads",
    ])
      assert.ok(text.includes(part), part);
    assert.doesNotMatch(textOf(evaluationReport([first])), /At temperature/);
  });

  it("keeps results of other data apart, and tells runs of one model apart", () => {
    const other = resultOf(
      yesAnswers(10, () => true),
      { data: { file: "data.json", sha256: "9", bytes: 1 } },
    );
    const apart = pageDataOf(evaluationReport([first, other]));
    assert.deepEqual(
      apart.benchmarks.map(({ key }) => key),
      ["pubmedqa@1", "pubmedqa@1-2"],
    );
    const seeded = resultOf(
      yesAnswers(10, () => true),
      { seed: 5 },
    );
    const [together] = pageDataOf(evaluationReport([first, seeded, seeded])).benchmarks;
    assert.deepEqual(together!.models, [
      "base.gguf (greedy, seed 0)",
      "base.gguf (greedy, seed 5) #1",
      "base.gguf (greedy, seed 5) #2",
    ]);
  });

  it("pairs questions by id, whatever their order, and compares those that both answered", () => {
    const part = resultOf(
      yesAnswers(4, () => false),
      { available: 10 },
    );
    const turned = { ...first, items: first.items.toReversed() };
    const page = evaluationReport([turned, part]);
    const [benchmark] = pageDataOf(page).benchmarks;
    assert.equal(benchmark!.questions.length, 10);
    const q2 = benchmark!.questions.find(({ id }) => id === "q2")!;
    assert.deepEqual(
      q2.answers.map((answer) => answer?.label),
      ["yes", "no"],
    );
    assert.equal(benchmark!.questions.find(({ id }) => id === "q9")!.answers[1], null);
    assert.match(textOf(page), /\+100\.0 points \[100\.0, 100\.0\] on 4 questions; McNemar's exact p = 0\.125/);
  });

  it("holds prompts once: what all begin with, and a prompt that two models got", () => {
    const prompts = (i: number) => `Instructions.\nMore.\nQuestion ${i}?`;
    const withPrompts = (result: typeof first) => ({
      ...result,
      items: result.items.map((item, i) => ({ ...item, prompt: prompts(i) })),
    });
    const [benchmark] = pageDataOf(evaluationReport([withPrompts(first), withPrompts(second)])).benchmarks;
    assert.deepEqual(benchmark!.tasks, [{ name: "pubmedqa", beginning: "Instructions.\nMore.\n" }]);
    assert.deepEqual(benchmark!.questions[3]!.prompts, ["Question 3?"]);
    const odd = { ...first, items: first.items.map((item, i) => ({ ...item, prompt: i === 0 ? "\nA" : "B" })) };
    assert.equal(pageDataOf(evaluationReport([odd])).benchmarks[0]!.tasks[0]!.beginning, "");
  });

  it("shows log-likelihood results: choices by label, a probability of 0, contexts of their own, shares", () => {
    const scored = scoredOf([
      { logprobs: [-1, -2, -Infinity], gold: [0] },
      { logprobs: [-2, -1, -3], gold: [0] },
    ]);
    const page = evaluationReport([scored]);
    assert.match(textOf(page), /yes \(2\) 1 50% 1 50% 0 0% 0 0%/);
    assert.match(textOf(page), /was right on 50\.0% of 2 questions/);
    const [question] = pageDataOf(page).benchmarks[0]!.questions;
    assert.deepEqual(question!.answers[0]!.logprobs, [-1, -2, null]);
    assert.deepEqual(question!.choices, ["yes", "no", "maybe"]);
    const own = scoredOf([{ logprobs: [-1, -2], gold: [1], choices: ["same", "same"], context: ["A is", "B is"] }]);
    const ownPage = evaluationReport([own]);
    assert.deepEqual(pageDataOf(ownPage).benchmarks[0]!.questions[0]!.prompts, ["A is", "B is"]);
    assert.match(textOf(ownPage), /guessing would be right on 50\.0%/);
    const mc2 = evaluationReport([scoredOf([{ logprobs: [-1, -1, -1], gold: [0, 2] }], {}, ["mc2"])]);
    assert.match(textOf(mc2), /scored 66\.7% on 1 questions \(mc2\)/);
    assert.match(textOf(mc2), /No calibration plot: .*no question has exactly one right choice/);
    assert.equal(pageDataOf(mc2).benchmarks[0]!.questions[0]!.answers[0]!.isRight, true);
  });

  it("draws trainings, with epochs and validation", () => {
    const history = Array.from({ length: 20 }, (_, i) => ({ step: i + 1, epoch: (i + 1) / 10, loss: 3 - i / 10 }));
    const trainingRuns = [
      { name: "run <1>", history: [...history, { step: 21, epoch: 2.1, loss: 1, evalLoss: 1.25 }] },
    ];
    const page = evaluationReport([first], { trainingRuns });
    assert.equal(page.split('class="medilora-loss"').length, 3);
    const text = textOf(page);
    assert.match(text, /Loss of run &lt;1&gt;/);
    assert.match(text, /epoch 1 /);
    assert.match(text, /21 2\.10 3\.000 to 1\.\d+ 1\.250/);
  });

  it("is written for its owner alone", async () => {
    const path = folder.path("report.html");
    await writeEvaluationReport(path, [first]);
    assert.equal((await stat(path)).mode & 0o777, 0o600);
  });

  it("refuses what is no result, naming the field and never quoting it", () => {
    const cases: Array<[unknown[], RegExp]> = [
      [[], /no result to report/],
      [[{ ...first, items: first.items.slice(1) }], /results\[0\]\.items: must be as many as metrics\.n/],
      [[first, { ...first, seed: "secret" }], /results\[1\]\.seed: Invalid input: expected number/],
      [[{ ...first, items: [{ ...first.items[0], gold: "secret" }, ...first.items.slice(1)] }], /items\[0\]\.gold/],
      [[{ ...first, items: first.items.map((item) => ({ ...item, id: "secret" })) }], /items\[1\]\.id: occurs twice/],
      [[scoredOf([{ logprobs: [-1, -2], gold: [0] }])], /items\[0\]\.logprobs: must be as many as choices/],
      [[null], /results\[0\]: /],
    ];
    for (const [results, message] of cases)
      assert.throws(
        () => evaluationReport(results as Parameters<typeof evaluationReport>[0]),
        (error: Error & { code: string }) => {
          assert.match(error.message, message);
          assert.doesNotMatch(error.message, /secret/);
          return error.code === "DATA_INVALID" || error.code === "DATA_EMPTY";
        },
      );
  });
});
