// Claim: matrix products with quantised weights reach most of the processor's peak, forward and backward, and the
// backward product is many times faster than ggml's OUT_PROD.
//   npm run build && npx tsc -p bench/tsconfig.json && node bench-dist/gemm.js [--quick] [threads]
// Prints a Markdown table, then the same as JSON. Each row's ratios are of neighbours in time, medians over repeats.
import { availableParallelism } from "node:os";
import type { GemmBench, GemmBenchCase } from "../dist/native/binding.js";
import { native } from "../dist/native/load.js";

const quick = process.argv.includes("--quick");
const threads = Number(process.argv.slice(2).find((argument) => /^\d+$/.test(argument)) ?? availableParallelism());
const size = quick ? 1024 : 4096;
const types = ["q4_K", "q4_0", "q8_0", "q3_K", "q5_K", "q6_K", "iq4_nl", "f16", "bf16", "f32"];

interface Row extends GemmBench {
  type: string;
  direction: "forward" | "backward";
}

/** ggml's OUT_PROD takes a second for some tens of tokens, at a rate that does not depend on their number. */
function caseOf(type: string, direction: Row["direction"]): GemmBenchCase {
  const tokens = quick ? 256 : 1024;
  const repeats = quick ? 3 : 7;
  return {
    direction,
    type,
    rows: size,
    cols: size,
    tokens,
    threads,
    repeats,
    ggmlTokens: direction === "forward" ? tokens : 16,
  };
}

async function measure(): Promise<Row[]> {
  const rows: Row[] = [];
  for (const type of types)
    for (const direction of ["forward", "backward"] as const) {
      // ggml has no OUT_PROD of this type.
      const options = caseOf(type, direction);
      if (type === "bf16" && direction === "backward") delete options.ggmlTokens;
      rows.push({ type, direction, ...(await native().gemmBench(options)) });
    }
  return rows;
}

function line({ type, direction, gflops, shareOfPeak, ggmlGflops, ratioToGgml }: Row): string {
  const ggml = ggmlGflops > 0 ? `${ggmlGflops.toFixed(1)} | ${ratioToGgml.toFixed(1)}` : "none | ";
  return `| ${type} | ${direction} | ${gflops.toFixed(0)} | ${(100 * shareOfPeak).toFixed(0)}% | ${ggml} |`;
}

const peak = await native().gemmPeak({ threads });
const rows = await measure();
console.log(`W ${size} x ${size}, ${quick ? 256 : 1024} tokens, ${threads} threads, ${peak.kernel}.`);
console.log(`Peak in registers: f32 ${peak.f32.toFixed(0)}, bf16 ${peak.bf16.toFixed(0)} GFLOP/s.\n`);
console.log("| type | direction | GFLOP/s | share of the peak | ggml's GFLOP/s | ours / ggml's |");
console.log("|---|---|---|---|---|---|");
for (const row of rows) console.log(line(row));
console.log(`\n${JSON.stringify({ size, threads, peak, rows }, null, 1)}`);
