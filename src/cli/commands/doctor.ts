import type { Command } from "commander";
import type { Diagnosis } from "../../doctor/diagnose.js";
import { type CliContext, EXIT } from "../run.js";

/** `medilora doctor`: what is installed, what works and what mends the rest. Exits with 1 when the addon does not work. */
export function doctorCommand(command: Command, { out }: CliContext): Command {
  return command
    .description("show what medilora found on this machine, what is missing and how to mend it")
    .option("--json", "print the result as JSON")
    .action(async (flags: { json?: boolean }) => {
      const [{ diagnose }, { formatBytes }] = await Promise.all([
        import("../../doctor/diagnose.js"),
        import("../../report/format.js"),
      ]);
      const diagnosis = await diagnose();
      if (flags.json) out.json(diagnosis);
      else out.data(describe(diagnosis, formatBytes));
      if (!diagnosis.ok) process.exitCode = EXIT.failure;
    });
}

function describe(diagnosis: Diagnosis, formatBytes: (bytes: number) => string): string {
  const { medilora, node, platform, processor, memory, problems } = diagnosis;
  const rows: Array<[string, string]> = [
    ["medilora", `${medilora.version}, ${medilora.folder}`],
    ["Node.js", `${node}, ${platform}`],
    ["processor", `${processor.model}, ${processor.cores} cores${threadsOf(processor.threads)}`],
    ["memory", `${formatBytes(memory.total)}, ${formatBytes(memory.free)} free`],
    ...nativeRows(diagnosis),
    ...peerRows(diagnosis),
  ];
  const lines = rows.map(([name, value]) => `${name.padEnd(16)}${value}`);
  const mending = problems.flatMap(({ problem, fix }) => ["", `problem: ${problem}`, `  mend:  ${fix}`]);
  return [...lines, ...(mending.length === 0 ? ["", "nothing is missing"] : mending)].join("\n");
}

function threadsOf(threads: number | null): string {
  return threads === null ? "" : `, ${threads} threads by default`;
}

function nativeRows({ addon, llamaCpp, kernel }: Diagnosis): Array<[string, string]> {
  const rows: Array<[string, string]> = [["addon", addon === null ? "none" : `${addon.path} (${addon.origin})`]];
  if (llamaCpp !== null) {
    const linked = llamaCpp.linked === "prebuilt" ? "prebuilt libraries" : "compiled into the addon";
    rows.push(["llama.cpp", `${llamaCpp.llamaCpp}, ${linked}`], ["libllama", llamaCpp.libraries.llama]);
    rows.push(["CPU backend", llamaCpp.libraries.cpu]);
    rows.push(["devices", llamaCpp.devices.map(({ name, description }) => `${name} (${description})`).join("; ")]);
  }
  if (kernel !== null) {
    const use = kernel.registered ? "" : "; libllama does not use it";
    rows.push(["matrix kernel", `${kernel.kernel} (of ${kernel.kernels.join(", ")})${use}`]);
  }
  return rows;
}

function peerRows({ nodeLlamaCpp }: Diagnosis): Array<[string, string]> {
  const state = (version: string | null): string => version ?? "not installed (optional)";
  return [
    ["node-llama-cpp", state(nodeLlamaCpp.version)],
    ...nodeLlamaCpp.gpu.map(({ name, version }): [string, string] => ["GPU package", `${name} ${state(version)}`]),
    ["GPU use", "medilora computes on the processor; GPU packages serve node-llama-cpp only"],
  ];
}
