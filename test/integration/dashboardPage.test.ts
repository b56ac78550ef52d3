import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import type { BrowserContextOptions, Page } from "playwright-core";
import { type Dashboard, startDashboard } from "../../dist/dashboard/dashboard.js";
import { preparePubMedQA } from "../../dist/data/prepare.js";
import { trainingPage } from "../../dist/report/html/trainingPage.js";
import { runCli, whenStderrSays } from "../unit/helpers/cli.js";
import { repoFile, temporaryFolder } from "../unit/helpers/data.js";
import { startEvent, stepEvent } from "../unit/helpers/trainEvents.js";
import { openFile, openUrl, skipWithoutChromium } from "./chromium.js";

const folder = await temporaryFolder();
/** Where screenshots for the eye go, if anywhere. */
const screenshots = process.env.MEDILORA_SCREENSHOTS;

async function open(dashboard: Dashboard, options: BrowserContextOptions = {}) {
  const isOwn = (requested: string) => requested.startsWith(dashboard.url);
  return openUrl(dashboard.url, isOwn, options);
}

async function shoot(page: Page, name: string): Promise<void> {
  if (screenshots !== undefined) await page.screenshot({ path: `${screenshots}/${name}.png`, fullPage: true });
}

const fact = (page: Page, name: string) =>
  page
    .locator("#facts > div")
    .filter({ has: page.getByText(name, { exact: true }) })
    .locator("dd");

/** Waits until the page says so, or fails. */
async function says(page: Page, name: string, value: string): Promise<void> {
  await fact(page, name)
    .filter({ hasText: new RegExp(`^${value}$`) })
    .waitFor();
}

const HOSTILE = `</pre><script>window.pwned = true</script><img src=x onerror="window.pwned=1"> \u202eevil`;
const sample = (changes = {}) => ({
  prompt: "Is bile made in the liver?",
  reference: "yes",
  generated: HOSTILE,
  finish: "length" as const,
  heldOut: true,
  ...changes,
});

function trained(dashboard: Dashboard, steps: number): void {
  dashboard.report(startEvent());
  for (let step = 1; step <= steps; step++) {
    dashboard.report(stepEvent(step, { loss: 5 - step / 50 + Math.sin(step) / 5, gradNorm: 1 + Math.cos(step) / 3 }));
    if (step % 10 === 0) dashboard.report({ type: "evaluation", step, loss: 5 - step / 60 });
  }
  dashboard.report({
    type: "samples",
    step: steps,
    samples: [sample(), sample({ heldOut: false, generated: "no" })],
    seconds: 1,
  });
}

describe("the dashboard's page", { skip: skipWithoutChromium }, () => {
  it("can be read before there is anything, and with the first step", async () => {
    await using dashboard = await startDashboard();
    const { page, complaints } = await open(dashboard);
    await page.getByText("Live.").waitFor();
    assert.equal(await page.getByText("No data yet.").count(), 5);
    await says(page, "Step", "0 of \\?");
    await shoot(page, "dashboard-empty");
    dashboard.report(startEvent({ totalSteps: 4 }));
    await says(page, "Step", "0 of 4");
    dashboard.report(stepEvent(1, { totalSteps: 4, loss: 3.25, learningRate: 2e-4, gradNorm: 0.5, etaSeconds: 90 }));
    await says(page, "Loss", "3\\.2500");
    await says(page, "Learning rate", "2\\.00e-4");
    await says(page, "Gradient norm", "0\\.500");
    await says(page, "Tokens per second", "1,000");
    await says(page, "Memory", "150\\.0 MB");
    await says(page, "Memory, predicted peak", "200\\.0 MB");
    await says(page, "Time left", "1 min 30 s");
    assert.equal(await page.locator("svg[role=img]").count(), 5);
    assert.doesNotMatch(await page.locator(".charts").innerHTML(), /NaN|Infinity|undefined/);
    assert.deepEqual(complaints, []);
  });

  it("shows curves, epochs and validations, also what comes later, and keeps them at the end", async () => {
    await using dashboard = await startDashboard();
    trained(dashboard, 40);
    const { page, complaints } = await open(dashboard);
    await says(page, "Step", "40 of 100");
    assert.equal(await page.locator("#loss circle.dot").count(), 4);
    assert.equal(await page.locator("#loss line.epoch").count(), 4);
    assert.equal(await page.locator("#memory line.limit").count(), 1);
    const before = await page.locator("#loss path.main").getAttribute("d");
    assert.equal(before!.split("L").length, 40);
    dashboard.report(stepEvent(41));
    dashboard.report({ type: "evaluation", step: 41, loss: 4 });
    await says(page, "Validation loss", "4\\.0000");
    assert.equal((await page.locator("#loss path.main").getAttribute("d"))!.split("L").length, 41);
    await dashboard.close();
    await page.getByText("The training has ended.").waitFor();
    await says(page, "Step", "41 of 100");
    assert.deepEqual(complaints, []);
  });

  it("shows samples as text, newest first, with the notice once", async () => {
    await using dashboard = await startDashboard();
    trained(dashboard, 20);
    dashboard.report({ type: "samples", step: 21, samples: [sample({ generated: "later" })], seconds: 1 });
    const { page, complaints } = await open(dashboard);
    const groups = page.locator("#samples > details");
    await groups.first().waitFor();
    assert.deepEqual(await groups.locator("> summary").allTextContents(), ["Step 21", "Step 20"]);
    assert.equal(
      await groups.nth(1).locator(".sample").first().locator("> pre").first().textContent(),
      HOSTILE.replace("\u202e", "⟨U+202E⟩"),
    );
    assert.equal(await page.evaluate(() => "pwned" in window), false);
    assert.equal((await page.locator("body").textContent())!.split("Not medical advice").length, 2);
    assert.deepEqual(complaints, []);
  });

  it("can be used by keyboard, and fits a narrow screen", async () => {
    await using dashboard = await startDashboard();
    trained(dashboard, 20);
    const { page } = await open(dashboard, { viewport: { width: 360, height: 740 } });
    await page.locator("#samples > details").first().waitFor();
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "nothing sticks out");
    const prompt = page.locator(".sample details").first();
    const open_ = () => prompt.evaluate((details) => (details as HTMLDetailsElement).open);
    for (let i = 0; i < 3 && !(await open_()); i++) {
      await page.keyboard.press("Tab");
      if (await prompt.locator("summary").evaluate((summary) => summary === document.activeElement))
        await page.keyboard.press("Enter");
    }
    assert.equal(await open_(), true);
    // A new step must not close what somebody reads.
    dashboard.report(stepEvent(21));
    await says(page, "Step", "21 of 100");
    assert.equal(await open_(), true);
  });

  it("comes back to a server that it lost", async () => {
    const first = await startDashboard();
    const { page } = await open(first);
    await page.getByText("Live.").waitFor();
    await page.context().setOffline(true);
    await first.close();
    await page.getByText(/The connection is lost|The training has ended/).waitFor();
  });

  for (const colorScheme of ["light", "dark"] as const)
    it(`has enough contrast in ${colorScheme}`, async () => {
      await using dashboard = await startDashboard();
      trained(dashboard, 60);
      const { page } = await open(dashboard, { colorScheme });
      await says(page, "Step", "60 of 100");
      await shoot(page, `dashboard-${colorScheme}`);
      assert.ok((await contrast(page, "#status")) >= 4.5);
      assert.ok((await contrast(page, "dd")) >= 4.5);
      assert.ok((await contrast(page, ".label")) >= 4.5);
      assert.ok((await contrast(page, "#loss path.main", "stroke")) >= 3);
      assert.ok((await contrast(page, "#loss circle.dot", "fill")) >= 3);
    });
});

/** WCAG's contrast of an element's colour against what lies behind it. */
function contrast(page: Page, selector: string, property: "color" | "stroke" | "fill" = "color"): Promise<number> {
  return page
    .locator(selector)
    .first()
    .evaluate((element, name) => {
      const channels = (text: string) => (text.match(/[\d.]+/g) ?? []).map(Number);
      const luminance = (text: string) => {
        const [r, g, b] = channels(text).map((value) => {
          const share = value / 255;
          return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
      };
      let behind: Element | null = element;
      let paper = "rgb(255, 255, 255)";
      for (; behind !== null; behind = behind.parentElement) {
        const colour = getComputedStyle(behind).backgroundColor;
        if (channels(colour)[3] === 0) continue;
        paper = colour;
        break;
      }
      const [a, b] = [luminance(getComputedStyle(element)[name]), luminance(paper)].sort((x, y) => y - x);
      return (a! + 0.05) / (b! + 0.05);
    }, property);
}

describe("medilora train --dashboard", { skip: skipWithoutChromium }, () => {
  it("shows a real training to its end, samples included", async () => {
    const input = repoFile("assets/sample/pubmedqa-synthetic.json");
    await preparePubMedQA({ input, output: folder.path("rows.jsonl"), limit: 10, answer: "label" });
    const config = await folder.write(
      "run.yaml",
      JSON.stringify({
        base_model: repoFile("assets/medtiny-f16.gguf"),
        adapter: "lora",
        datasets: [{ path: "rows.jsonl", type: "chatml" }],
        micro_batch_size: 1,
        gradient_accumulation_steps: 1,
        num_epochs: 4,
        warmup_steps: 2,
        eval_max_new_tokens: 8,
        output_dir: "out",
        threads: 1,
      }),
    );
    let seen: Promise<string[]> | undefined;
    const { code, stderr } = await runCli(["train", "--dashboard", config], {
      onStart: (child) => {
        let said = "";
        child.stderr?.on("data", (text: string) => {
          said += text;
        });
        whenStderrSays("\n", () => {
          seen = watch(/^dashboard: (.*)$/m.exec(said)?.[1] ?? "");
        })(child);
      },
    });
    assert.equal(code, 0, stderr);
    const complaints = await seen;
    assert.deepEqual(complaints, []);
    // The adapter's samples are of the training rows here, and nowhere but in their own file.
    const metrics = readFileSync(folder.path("out/metrics.jsonl"), "utf8");
    assert.doesNotMatch(metrics, /im_start/);
    assert.doesNotMatch(stderr, /im_start/);
    assert.match(readFileSync(folder.path("out/samples.jsonl"), "utf8"), /im_start/);
  });

  async function watch(url: string): Promise<string[]> {
    const { page, complaints } = await openUrl(url, (requested) => requested.startsWith(url));
    await page.getByText("The training has ended.").waitFor();
    await says(page, "Step", "40 of 40");
    assert.ok((await page.locator(".sample").count()) >= 3);
    return complaints;
  }
});

describe("the page of loss curves", { skip: skipWithoutChromium }, () => {
  for (const colorScheme of ["light", "dark"] as const)
    it(`loads nothing and shows every curve, ${colorScheme}`, async () => {
      const history = Array.from({ length: 60 }, (_, i) => ({
        step: i + 1,
        epoch: (i + 1) / 20,
        loss: 2 + 3 * Math.exp(-i / 20) + Math.sin(i) / 8,
        learningRate: 1e-4 * Math.min(1, i / 10) * (1 - i / 70),
        ...(i % 10 === 9 && { evalLoss: 2.2 + 3 * Math.exp(-i / 20) }),
      }));
      const path = await folder.write("loss.html", trainingPage([{ name: "run", history }]));
      const { page, complaints } = await openFile(path, "", { colorScheme });
      const figure = page.locator(".wide svg");
      for (const [selector, count] of [
        ["path.rate", 1],
        ["path.ema", 2],
        ["circle.validation", 7],
        ["line.epoch", 3],
      ] as const)
        assert.equal(await figure.locator(selector).count(), count, selector);
      await shoot(page, `loss-${colorScheme}`);
      assert.deepEqual(complaints, []);
    });
});
