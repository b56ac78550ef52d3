import { type Command, CommanderError } from "commander";
import { Output } from "../../../dist/cli/output.js";
import { mediloraEvalProgram, mediloraProgram } from "../../../dist/cli/program.js";

/** The words of our commands in a text of shell lines: `\` and deeper indentation go on with a line. */
export function ourCommands(text: string): string[][] {
  return text
    .replace(/\\\n/g, " ")
    .replace(/\n(?= )/g, " ")
    .split("\n")
    .map((line) => words(line))
    .filter(([program]) => program === "medilora" || program === "medilora-eval");
}

/** Words up to a comment, a pipe or a redirection, without what leads to our program. */
function words(line: string): string[] {
  const all = [...line.matchAll(/"([^"]*)"|\S+/g)].map(([word, quoted]) => quoted ?? word);
  const end = all.findIndex((word) => word === "#" || word === ">" || word === "|" || word === "&&");
  const command = end < 0 ? all : all.slice(0, end);
  return command[0] === "npx" || command[0] === "exec" ? command.slice(1) : command;
}

/**
 * Parses a command line with the program of the CLI, actions left out.
 * @returns what commander says is wrong; undefined when nothing is
 */
export function commandProblem([name, ...args]: string[]): string | undefined {
  const program = programOf(name!);
  withoutActions(program);
  try {
    program.parse(args, { from: "user" });
    return undefined;
  } catch (error) {
    if (error instanceof CommanderError) return error.message;
    throw error;
  }
}

/**
 * Checks a synopsis such as `medilora merge --base B.gguf [--scale X]`: the command is there, and has these flags.
 * @returns the names that are unknown
 */
export function unknownNames([name, ...args]: string[]): string[] {
  let command = programOf(name!);
  const rest = [...args];
  while (command.commands.length > 0 && rest.length > 0) {
    const word = rest.shift()!;
    if (/^(?:<\w+>|\.\.\.)$/.test(word)) return []; // stands for any of the commands
    const choices = word.split("|");
    const found = choices.map((choice) => command.commands.find((child) => child.name() === choice));
    if (found.includes(undefined)) return found.flatMap((child, i) => (child === undefined ? [choices[i]!] : []));
    command = found[0]!;
  }
  const known = new Set(command.options.map(({ long }) => long).concat("--help", "--version"));
  return (rest.join(" ").match(/--[a-z][a-z-]*/g) ?? []).filter((flag) => !known.has(flag));
}

/** Every flag of every command. */
export function allFlags(command: Command = programOf("medilora")): Set<string> {
  const own = command.options.flatMap(({ long }) => long ?? []);
  return new Set(["--help", ...own, ...command.commands.flatMap((child) => [...allFlags(child)])]);
}

function programOf(name: string): Command {
  const { signal } = new AbortController();
  const context = { signal, finishOnInterrupt: () => signal, out: new Output(process.stdout, process.stderr, {}) };
  return name === "medilora-eval" ? mediloraEvalProgram(context) : mediloraProgram(context);
}

function withoutActions(command: Command): void {
  command.exitOverride().configureOutput({ writeOut: () => {}, writeErr: () => {} });
  if (command.commands.length === 0) command.action(() => {});
  for (const child of command.commands) withoutActions(child);
}
