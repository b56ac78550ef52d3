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
  const [bytes, { tensors }] = [await readFile(path), await readGguf(path)];
  const floats = tensors.filter(({ type }) => type === "f32");
  return new Map(
    floats.map(({ name, offset, bytes: size }): [string, Float32Array] => {
      const start = bytes.byteOffset + offset;
      return [name, new Float32Array(bytes.buffer.slice(start, start + size))];
    }),
  );
}
