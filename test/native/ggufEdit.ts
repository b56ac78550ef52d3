/** One metadata value as it stands in the file: its type, then its bytes. */
export interface GgufValue {
  type: number;
  bytes: Buffer;
}

export const UINT16 = 2;
export const UINT32 = 4;
export const INT32 = 5;
export const FLOAT32 = 6;
export const BOOL = 7;
export const STRING = 8;
export const ARRAY = 9;

const SCALAR_BYTES: Readonly<Record<number, number>> = {
  0: 1,
  1: 1,
  2: 2,
  3: 2,
  [UINT32]: 4,
  [INT32]: 4,
  [FLOAT32]: 4,
  [BOOL]: 1,
  10: 8,
  11: 8,
  12: 8,
};

const text = (value: string) => {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(Buffer.byteLength(value)));
  return Buffer.concat([length, Buffer.from(value)]);
};
const number = (value: number) => Buffer.from(Uint32Array.of(value).buffer);

const number16 = (value: number) => Buffer.from(Uint16Array.of(value).buffer);

export const uint16 = (value: number): GgufValue => ({ type: UINT16, bytes: number16(value) });
export const int32 = (value: number): GgufValue => ({ type: INT32, bytes: number(value) });
export const uint32 = (value: number): GgufValue => ({ type: UINT32, bytes: number(value) });
export const float32 = (value: number): GgufValue => ({
  type: FLOAT32,
  bytes: Buffer.from(Float32Array.of(value).buffer),
});
export const bool = (value: boolean): GgufValue => ({ type: BOOL, bytes: Buffer.of(value ? 1 : 0) });
export const string = (value: string): GgufValue => ({ type: STRING, bytes: text(value) });
const array = (type: number, items: Buffer[]): GgufValue => ({
  type: ARRAY,
  bytes: Buffer.concat([number(type), number(items.length), number(0), ...items]),
});
export const uint32Array = (values: number[]): GgufValue => array(UINT32, values.map(number));
export const int32Array = (values: number[]): GgufValue => array(INT32, values.map(number));
export const stringArray = (values: string[]): GgufValue => array(STRING, values.map(text));

/** A GGUF file taken apart: metadata in its order, and the rest as bytes. */
export class EditableGguf {
  readonly metadata = new Map<string, GgufValue>();
  readonly #tensors: Buffer;
  readonly #data: Buffer;

  constructor(bytes: Buffer) {
    let at = 24;
    const length = (from: number) => Number(bytes.readBigUInt64LE(from));
    const size = (type: number, from: number): number => {
      if (type === STRING) return 8 + length(from);
      if (type !== ARRAY) return SCALAR_BYTES[type]!;
      let end = from + 12;
      for (let i = length(from + 4); i > 0; i--) end += size(bytes.readUInt32LE(from), end);
      return end - from;
    };
    for (let i = length(16); i > 0; i--) {
      const key = bytes.toString("utf8", at + 8, at + 8 + length(at));
      at += 8 + length(at);
      const type = bytes.readUInt32LE(at);
      const end = at + 4 + size(type, at + 4);
      this.metadata.set(key, { type, bytes: bytes.subarray(at + 4, end) });
      at = end;
    }
    const start = at;
    for (let i = bytes.readBigUInt64LE(8); i > 0n; i--) {
      at += 8 + length(at);
      at += 4 + 8 * bytes.readUInt32LE(at) + 12;
    }
    this.#tensors = bytes.subarray(start, at);
    this.#data = bytes.subarray((at + 31) & ~31);
  }

  /** The first numbers of a float32 tensor. */
  floats(name: string, count: number): Float32Array {
    let at = this.#tensors.indexOf(text(name)) + 8 + Buffer.byteLength(name);
    at += 4 + 8 * this.#tensors.readUInt32LE(at) + 4;
    const start = Number(this.#tensors.readBigUInt64LE(at));
    return Float32Array.from({ length: count }, (_, i) => this.#data.readFloatLE(start + 4 * i));
  }

  /** The file as a split model of two parts, the first with `first` tensors and the metadata. */
  split(first: number): [Buffer, Buffer] {
    const { infos, offsets } = this.#infos();
    const keys = (part: number) => ({
      "split.no": uint16(part),
      "split.count": uint16(2),
      "split.tensors.count": int32(infos.length),
    });
    const border = offsets[first]!;
    const head = { infos: infos.slice(0, first), data: this.#data.subarray(0, border) };
    // Offsets, the last 8 bytes of a tensor's info, start anew in each part.
    const tail = infos.slice(first).map((info, i) => {
      const moved = Buffer.from(info);
      moved.writeBigUInt64LE(BigInt(offsets[first + i]! - border), moved.length - 8);
      return moved;
    });
    return [
      assemble({ ...Object.fromEntries(this.metadata), ...keys(0) }, head.infos, head.data),
      assemble(keys(1), tail, this.#data.subarray(border)),
    ];
  }

  #infos(): { infos: Buffer[]; offsets: number[] } {
    const infos: Buffer[] = [];
    const offsets: number[] = [];
    for (let at = 0; at < this.#tensors.length; ) {
      const dimensions = at + 8 + Number(this.#tensors.readBigUInt64LE(at));
      const end = dimensions + 4 + 8 * this.#tensors.readUInt32LE(dimensions) + 12;
      infos.push(this.#tensors.subarray(at, end));
      offsets.push(Number(this.#tensors.readBigUInt64LE(end - 8)));
      at = end;
    }
    return { infos, offsets };
  }

  /** The file with some keys set, and those that are undefined left out. */
  with(changes: Record<string, GgufValue | undefined>): Buffer {
    const metadata = { ...Object.fromEntries(this.metadata), ...changes };
    return assemble(metadata, this.#infos().infos, this.#data);
  }
}

function assemble(metadata: Record<string, GgufValue | undefined>, infos: Buffer[], data: Buffer): Buffer {
  const entries = Object.entries(metadata).flatMap(([key, value]) =>
    value === undefined ? [] : [Buffer.concat([text(key), number(value.type), value.bytes])],
  );
  const counts = Buffer.alloc(16);
  counts.writeBigUInt64LE(BigInt(infos.length));
  counts.writeBigUInt64LE(BigInt(entries.length), 8);
  const head = Buffer.concat([Buffer.from("GGUF"), number(3), counts, ...entries, ...infos]);
  return Buffer.concat([head, Buffer.alloc(-head.length & 31), data]);
}
