import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { SeededRandom } from "../../dist/util/random.js";

export type Type = "F32" | "F16" | "BF16";

/** A tensor as it goes into a file: `values` are exact in its type. */
export interface FileTensor {
  type: Type;
  shape: number[];
  values: number[];
}

/** A safetensors file, as the format's description has it. Entries of `header` replace what would stand there. */
export function safetensors(tensors: Record<string, FileTensor>, header: Record<string, unknown> = {}): Buffer {
  let offset = 0;
  const entries: Record<string, unknown> = {};
  const data: Buffer[] = [];
  for (const [name, { type, shape, values }] of Object.entries(tensors)) {
    const bytes = encode(type, values);
    entries[name] = { dtype: type, shape, data_offsets: [offset, offset + bytes.length] };
    offset += bytes.length;
    data.push(bytes);
  }
  return rawSafetensors(JSON.stringify({ ...entries, ...header }), Buffer.concat(data));
}

export function rawSafetensors(json: string, data: Buffer, length = Buffer.byteLength(json)): Buffer {
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(length));
  return Buffer.concat([prefix, Buffer.from(json), data]);
}

/** Small random multiples of 1/64, exact in all three types. */
export function randomTensor(type: Type, shape: number[], seed: number): FileTensor {
  const random = new SeededRandom(seed);
  const values = Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => (random.below(63) - 31) / 64);
  return { type, shape, values };
}

/** A and B of modules: [name, inputs, outputs, rank]. */
export function loraTensors(
  modules: ReadonlyArray<readonly [string, number, number, number]>,
  type: Type,
): Record<string, FileTensor> {
  return Object.fromEntries(
    modules.flatMap(([module, inputs, outputs, rank], i) => [
      [`base_model.model.${module}.lora_A.weight`, randomTensor(type, [rank, inputs], 2 * i)],
      [`base_model.model.${module}.lora_B.weight`, randomTensor(type, [outputs, rank], 2 * i + 1)],
    ]),
  );
}

export async function writePeft(folder: string, config: unknown, weights: Buffer): Promise<string> {
  await mkdir(folder, { recursive: true });
  const text = typeof config === "string" ? config : JSON.stringify(config);
  await writeFile(join(folder, "adapter_config.json"), text);
  await writeFile(join(folder, "adapter_model.safetensors"), weights);
  return folder;
}

function encode(type: Type, values: number[]): Buffer {
  if (type === "F32") return Buffer.from(Float32Array.from(values).buffer);
  return Buffer.from(Uint16Array.from(values, type === "F16" ? half : bfloat).buffer);
}

function bfloat(value: number): number {
  return new Uint32Array(Float32Array.of(value).buffer)[0]! >>> 16;
}

function half(value: number): number {
  if (value === 0) return 0;
  const exponent = Math.floor(Math.log2(Math.abs(value)));
  const fraction = Math.abs(value) / 2 ** exponent - 1;
  return (value < 0 ? 0x8000 : 0) | ((exponent + 15) << 10) | (fraction * 1024);
}
