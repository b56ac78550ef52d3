export interface GgufTensor {
  name: string;
  /** ne: the innermost dimension first. */
  shape: number[];
  values: Float32Array;
}

type Value = string | number | string[];

const FLOAT32 = 6;
const STRING = 8;
const ARRAY = 9;

const u32 = (value: number) => Buffer.from(Uint32Array.of(value).buffer);
const u64 = (value: number) => Buffer.from(BigUint64Array.of(BigInt(value)).buffer);
const text = (value: string) => Buffer.concat([u64(Buffer.byteLength(value)), Buffer.from(value)]);

/** Zeros up to a multiple of 32 bytes, GGUF's alignment. */
const padded = (bytes: Buffer) => Buffer.concat([bytes, Buffer.alloc(-bytes.length & 31)]);

function value(of: Value): Buffer {
  if (typeof of === "string") return Buffer.concat([u32(STRING), text(of)]);
  if (typeof of === "number") return Buffer.concat([u32(FLOAT32), Buffer.from(Float32Array.of(of).buffer)]);
  return Buffer.concat([u32(ARRAY), u32(STRING), u64(of.length), ...of.map(text)]);
}

/** A small GGUF file (version 3) of float32 tensors; numbers in the metadata are float32. */
export function gguf(metadata: Record<string, Value>, tensors: GgufTensor[]): Buffer {
  const entries = Object.entries(metadata).flatMap(([key, of]) => [text(key), value(of)]);
  let offset = 0;
  const infos = tensors.flatMap((tensor) => {
    const info = [text(tensor.name), u32(tensor.shape.length), ...tensor.shape.map(u64), u32(0), u64(offset)];
    offset += padded(Buffer.from(tensor.values.buffer)).length;
    return info;
  });
  const data = tensors.map((tensor) => padded(Buffer.from(tensor.values.buffer)));
  const counts = [u64(tensors.length), u64(entries.length / 2)];
  return Buffer.concat([
    padded(Buffer.concat([Buffer.from("GGUF"), u32(3), ...counts, ...entries, ...infos])),
    ...data,
  ]);
}
