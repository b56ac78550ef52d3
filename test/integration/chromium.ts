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
export function openFile(path: string, fragment = "", options: BrowserContextOptions = {}): Promise<OpenPage> {
  const url = pathToFileURL(path).href;
  return openUrl(url + fragment, (requested) => requested.split("#")[0] === url, options);
}

/** Opens an address. @param isOwn whether a request belongs to the page */
export async function openUrl(
  url: string,
  isOwn: (requested: string) => boolean,
  options: BrowserContextOptions = {},
): Promise<OpenPage> {
  // The sandbox does not start for root, as in a container.
  browser ??= chromium.launch({ executablePath, args: ["--no-sandbox"] });
  const page = await (await browser).newPage({ viewport: { width: 1200, height: 900 }, ...options });
  const complaints: string[] = [];
  page.on("console", (message) => complaints.push(`console: ${message.text()}`));
  page.on("pageerror", (error) => complaints.push(`error: ${error.message}`));
  page.on("dialog", (dialog) => complaints.push(`dialog: ${dialog.message()}`));
  page.on("request", (request) => {
    if (!isOwn(request.url())) complaints.push(`request: ${request.url()}`);
  });
  await page.addInitScript(() => {
    addEventListener("securitypolicyviolation", (event) => console.error(`policy: ${event.violatedDirective}`));
  });
  await page.goto(url);
  return { page, complaints };
}
