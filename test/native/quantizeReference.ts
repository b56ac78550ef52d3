import { execFileSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { repoFile } from "./helpers.js";

/** Folder of the prebuilt llama.cpp libraries; undefined where this platform has none. */
const prebuilt = prebuiltFolder();

/** Reason to skip a test against llama.cpp's own quantisation, or false. */
export const skipReference = prebuilt === undefined && "no prebuilt libraries";

function prebuiltFolder(): string | undefined {
  const platform = { darwin: `mac-${process.arch}`, linux: `linux-${process.arch}` }[process.platform as string];
  try {
    const entry = createRequire(import.meta.url).resolve(`@node-llama-cpp/${platform}`);
    const folder = join(dirname(dirname(entry)), "bins", `${platform}`);
    return existsSync(folder) ? folder : undefined;
  } catch {
    return undefined;
  }
}

/** llama.cpp's own quantisation by a C program, built against the very libraries that the addon uses. */
export class QuantizeReference {
  constructor(private readonly program: string) {
    const libraries = readdirSync(prebuilt!).filter((file) =>
      /^lib(llama|ggml|ggml-base)(\.v[\d.]+)?\.(so|dylib)$/.test(file),
    );
    execFileSync("cc", [
      repoFile("test/native/quantize_reference.c"),
      ...["include", "ggml/include"].map((folder) => `-I${repoFile(`vendor/llama.cpp/${folder}`)}`),
      ...libraries.map((file) => join(prebuilt!, file)),
      `-Wl,-rpath,${prebuilt}`,
      "-o",
      program,
    ]);
  }

  /**
   * @param ftype   llama_ftype, from llama.h
   * @param imatrix path of an importance matrix
   * @param rules   patterns with ggml_type, from ggml.h
   */
  run(input: string, output: string, ftype: number, imatrix = "-", rules: Array<[string, number]> = []): void {
    const more = rules.flatMap(([pattern, type]) => [pattern, String(type)]);
    execFileSync(this.program, [input, output, String(ftype), prebuilt!, imatrix, ...more]);
  }
}
