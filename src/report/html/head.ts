import { createHash } from "node:crypto";
import { packageVersion } from "../../util/version.js";
import { LOSS_CURVE_STYLE } from "../lossCurve.js";
import { type Html, html, trusted } from "./markup.js";
import { STYLE } from "./style.js";

/**
 * The head of a page that loads nothing: its policy lets in nothing but the page's own script and styles, each known by its
 * hash.
 * @param script the page's one script; without, none runs
 */
export function pageHead(title: string, script?: string): Html {
  return html`<head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${contentSecurityPolicy(script)}">
<meta name="viewport" content="width=device-width,initial-scale=1"><meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer"><meta name="generator" content="medilora ${packageVersion()}">
<title>${title}</title><style>${trusted(STYLE)}</style></head>`;
}

function contentSecurityPolicy(script: string | undefined): string {
  const styles = [STYLE, LOSS_CURVE_STYLE].map(hashSource).join(" ");
  const scripts = script === undefined ? "" : ` script-src ${hashSource(script)};`;
  return `default-src 'none';${scripts} style-src ${styles}; base-uri 'none'; form-action 'none'`;
}

function hashSource(text: string): string {
  return `'sha256-${createHash("sha256").update(text, "utf8").digest("base64")}'`;
}
