import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const dist = new URL("../../../dist/cli/", import.meta.url);

export interface Finished {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  env?: Record<string, string>;
  /** For node itself, in front of the script. */
  nodeArgs?: string[];
  /** Gets the process as soon as it runs. */
  onStart?: (child: ChildProcess) => void;
  cwd?: string;
}

/** Runs `medilora` (or another script) to its end, without a terminal and without the caller's colour settings. */
export function runCli(args: string[], options: RunOptions & { script?: string } = {}): Promise<Finished> {
  const script = options.script ?? fileURLToPath(new URL("medilora.js", dist));
  return runNode([...(options.nodeArgs ?? []), script, ...args], options);
}

/** Runs a program that calls `run` with an action of the test's own. `action` sees `context` ({signal, out}). */
export function runAction(action: string, options: RunOptions & { args?: string[] } = {}): Promise<Finished> {
  const program = `
    import { Command } from "commander";
    import { run } from ${JSON.stringify(new URL("run.js", dist).href)};
    import { MediloraError } from ${JSON.stringify(new URL("../errors.js", dist).href)};
    const build = (context) => new Command("medilora").option("--json").action(async () => { ${action} });
    await run(build, ${JSON.stringify(options.args ?? [])});`;
  return runNode(["--input-type=module", "--eval", program], options);
}

/** Runs node with these arguments to its end. */
export function runNode(args: string[], { env = {}, onStart, cwd }: RunOptions = {}): Promise<Finished> {
  const { NO_COLOR: _, FORCE_COLOR: __, MEDILORA_DEBUG: ___, NODE_OPTIONS: ____, ...inherited } = process.env;
  const folder = cwd ?? fileURLToPath(new URL("../../../", import.meta.url));
  const child = spawn(process.execPath, args, {
    cwd: folder,
    env: { ...inherited, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const output = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const)
    child[name].setEncoding("utf8").on("data", (text: string) => {
      output[name] += text;
    });
  onStart?.(child);
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => resolve({ code, signal, ...output }));
  });
}

/** Calls `then` once the process has written `text` to stderr. */
export function whenStderrSays(text: string, then: (child: ChildProcess) => void): (child: ChildProcess) => void {
  return (child) => {
    let seen = "";
    const listen = (chunk: string): void => {
      seen += chunk;
      if (!seen.includes(text)) return;
      child.stderr?.off("data", listen);
      then(child);
    };
    child.stderr?.on("data", listen);
  };
}
