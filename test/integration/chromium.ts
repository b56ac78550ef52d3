import { existsSync } from "node:fs";
import { after } from "node:test";
import { pathToFileURL } from "node:url";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";

const PLACES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome", process.env.CHROMIUM ?? ""];
const executablePath = PLACES.findLast((place) => place !== "" && existsSync(place));

/** Why tests in a browser are skipped, or false. */
export const skipWithoutChromium =
  executablePath === undefined && "no Chromium: install Debian's chromium, or name one in CHROMIUM";

let browser: Promise<Browser> | undefined;
after(async () => (await browser)?.close());

export interface OpenPage {
  page: Page;
  /** Errors and messages of the console, violations of the page's policy, requests beyond the page itself. */
  complaints: string[];
}

/** Opens a file as somebody would who double-clicks it. */
export async function openFile(path: string, fragment = "", options: BrowserContextOptions = {}): Promise<OpenPage> {
  // The sandbox does not start for root, as in a container.
  browser ??= chromium.launch({ executablePath, args: ["--no-sandbox"] });
  const page = await (await browser).newPage({ viewport: { width: 1200, height: 900 }, ...options });
  const complaints: string[] = [];
  const url = pathToFileURL(path).href;
  page.on("console", (message) => complaints.push(`console: ${message.text()}`));
  page.on("pageerror", (error) => complaints.push(`error: ${error.message}`));
  page.on("dialog", (dialog) => complaints.push(`dialog: ${dialog.message()}`));
  page.on("request", (request) => {
    if (request.url().split("#")[0] !== url) complaints.push(`request: ${request.url()}`);
  });
  await page.addInitScript(() => {
    addEventListener("securitypolicyviolation", (event) => console.error(`policy: ${event.violatedDirective}`));
  });
  await page.goto(url + fragment);
  return { page, complaints };
}
