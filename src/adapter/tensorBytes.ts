import { ELEMENT_BYTES, type ElementType } from "./safetensors.js";

/** Whether none of the values is infinite or no number. Those have all bits of the exponent set. */
export function allFinite(type: ElementType, data: Buffer): boolean {
  if (type === "F32") {
    const bits = new Uint32Array(data.buffer, data.byteOffset, data.length / 4);
    return bits.every((value) => (value & 0x7f800000) !== 0x7f800000);
  }
  const exponent = type === "F16" ? 0x7c00 : 0x7f80;
  const bits = new Uint16Array(data.buffer, data.byteOffset, data.length / 2);
  return bits.every((value) => (value & exponent) !== exponent);
}

/** The values times a factor, as float32. */
export function scaledToFloat32(type: ElementType, data: Buffer, factor: number): Buffer {
  const read = { F32: float32, F16: float16, BF16: bfloat16 }[type];
  const values = Float32Array.from({ length: data.length / ELEMENT_BYTES[type] }, (_, i) => factor * read(data, i));
  return Buffer.from(values.buffer);
}

/**
 * Reorders the rows within each head between Hugging Face's order, in which the halves of a head follow each other, and
 * GGUF's, in which their rows alternate: gguf[h d + 2 i + s] = hf[h d + s d/2 + i].
 * @param data [rows, columns], row-major, as bytes; rows a multiple of 2 `heads`
 */
export function permuteHeads(data: Buffer, rows: number, { heads, to }: { heads: number; to: "gguf" | "hf" }): Buffer {
  const out = Buffer.alloc(data.length);
  const bytes = data.length / rows;
  const half = rows / heads / 2;
  for (let row = 0; row < rows; row++) {
    const [within, start] = [row % (2 * half), row - (row % (2 * half))];
    const alternating = start + 2 * (within % half) + Math.floor(within / half);
    const [from, at] = to === "gguf" ? [row, alternating] : [alternating, row];
    data.copy(out, at * bytes, from * bytes, (from + 1) * bytes);
  }
  return out;
}

function float32(data: Buffer, i: number): number {
  return data.readFloatLE(4 * i);
}

function bfloat16(data: Buffer, i: number): number {
  const bits = data.readUInt16LE(2 * i);
  scratch.setUint32(0, bits << 16);
  return scratch.getFloat32(0);
}

function float16(data: Buffer, i: number): number {
  const bits = data.readUInt16LE(2 * i);
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  const size = exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25);
  return bits & 0x8000 ? -size : size;
}

const scratch = new DataView(new ArrayBuffer(4));
