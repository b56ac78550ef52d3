import { readFile } from "node:fs/promises";
import { readGguf } from "../../dist/native/gguf.js";
import { gguf } from "./gguf.js";
import { EditableGguf, uint32 } from "./ggufEdit.js";

/** A GGUF importance matrix: sums of squares and counts by tensor, [experts] counts each. */
export function imatrixFile(entries: Record<string, { sums: Float32Array; counts: number[] }>, chunks = 7): Buffer {
  const tensors = Object.entries(entries).flatMap(([name, { sums, counts }]) => [
    { name: `${name}.in_sum2`, shape: [sums.length / counts.length, counts.length], values: sums },
    { name: `${name}.counts`, shape: [1, counts.length], values: Float32Array.from(counts) },
  ]);
  const bytes = gguf({ "general.type": "imatrix", "imatrix.datasets": ["text.txt"] }, tensors);
  return new EditableGguf(bytes).with({ "imatrix.chunk_count": uint32(chunks), "imatrix.chunk_size": uint32(512) });
}

/** Float32 tensors of a GGUF file, by name. */
export async function readFloats(path: string): Promise<Map<string, Float32Array>> {
  const bytes = await readFile(path);
  const { tensors } = await readGguf(path);
  // Data lies at the file's end, in the order of the list, each tensor padded to 32 bytes.
  const padded = tensors.map((tensor) => (tensor.bytes + 31) & ~31);
  let at = bytes.length - padded.reduce((sum, size) => sum + size, 0);
  const out = new Map<string, Float32Array>();
  tensors.forEach(({ name, type, bytes: size }, i) => {
    if (type === "f32")
      out.set(name, new Float32Array(bytes.buffer.slice(bytes.byteOffset + at, bytes.byteOffset + at + size)));
    at += padded[i]!;
  });
  return out;
}
