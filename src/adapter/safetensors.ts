import { type FileHandle, open } from "node:fs/promises";
import { isObject } from "../data/formats/record.js";
import { fileError, MediloraError } from "../errors.js";
import { regularFile } from "../util/regularFile.js";
import { parseStrictJson } from "../util/strictJson.js";

/** The element types that an adapter can have. */
export const ELEMENT_BYTES = { F32: 4, F16: 2, BF16: 2 } as const;
export type ElementType = keyof typeof ELEMENT_BYTES;

export interface SafetensorsTensor {
  name: string;
  type: ElementType;
  /** Row-major, the outermost dimension first. */
  shape: number[];
  /** Of its first byte in the file. */
  offset: number;
  bytes: number;
}

const PREFIX_BYTES = 8;
/** A header takes some 150 bytes a tensor; one of this size could be of a hundred thousand. */
const HEADER_LIMIT = 16 << 20;
const DIMENSION_LIMIT = 8;

/**
 * A safetensors file: the length of the header, the header in JSON, the tensors' bytes. The header is not trusted:
 * every tensor is known to lie in the file, with as many bytes as its shape says, and all of them together to be the
 * whole file, without holes or overlaps.
 */
export class SafetensorsFile implements AsyncDisposable {
  readonly path: string;
  readonly tensors: ReadonlyMap<string, SafetensorsTensor>;
  readonly metadata: Readonly<Record<string, string>>;
  readonly #handle: FileHandle;

  private constructor(path: string, handle: FileHandle, header: Header) {
    this.path = path;
    this.#handle = handle;
    this.tensors = header.tensors;
    this.metadata = header.metadata;
  }

  /** @throws MediloraError `FILE_NOT_FOUND`, `FILE_READ`; `ADAPTER_INVALID` for a file that is none or is damaged */
  static async open(path: string): Promise<SafetensorsFile> {
    let handle: FileHandle | undefined;
    try {
      const { size } = await regularFile(path);
      handle = await open(path);
      return new SafetensorsFile(path, handle, await readHeader(handle, path, size));
    } catch (error) {
      await handle?.close();
      throw fileError(error, path, "read");
    }
  }

  /** The bytes of one tensor. @throws MediloraError `FILE_READ` */
  async read(tensor: SafetensorsTensor): Promise<Buffer> {
    return readExactly(this.#handle, this.path, tensor);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
  }
}

/**
 * The beginning of a safetensors file whose tensors follow in the order given.
 * @param metadata is put into the header as `__metadata__`
 */
export function safetensorsHeader(
  tensors: ReadonlyArray<Pick<SafetensorsTensor, "name" | "type" | "shape" | "bytes">>,
  metadata: Readonly<Record<string, string>>,
): Buffer {
  const header: Record<string, unknown> = { __metadata__: metadata };
  let offset = 0;
  for (const { name, type, shape, bytes } of tensors) {
    header[name] = { dtype: type, shape, data_offsets: [offset, offset + bytes] };
    offset += bytes;
  }
  const json = Buffer.from(JSON.stringify(header));
  const padded = Buffer.concat([json, Buffer.alloc(-json.length & 7, " ")]);
  const length = Buffer.alloc(PREFIX_BYTES);
  length.writeBigUInt64LE(BigInt(padded.length));
  return Buffer.concat([length, padded]);
}

/** Reads a range of a file. @throws MediloraError `FILE_READ` when the file has become shorter, or cannot be read */
export async function readExactly(
  handle: FileHandle,
  path: string,
  { offset, bytes }: { offset: number; bytes: number },
): Promise<Buffer> {
  const buffer = Buffer.alloc(bytes);
  try {
    for (let done = 0; done < bytes; ) {
      const { bytesRead } = await handle.read(buffer, done, bytes - done, offset + done);
      if (bytesRead === 0) throw new Error("the file became shorter");
      done += bytesRead;
    }
  } catch (error) {
    throw fileError(error, path, "read");
  }
  return buffer;
}

interface Header {
  tensors: Map<string, SafetensorsTensor>;
  metadata: Record<string, string>;
}

async function readHeader(handle: FileHandle, path: string, size: number): Promise<Header> {
  if (size < PREFIX_BYTES) throw invalid(path, "it is too short");
  const prefix = await readExactly(handle, path, { offset: 0, bytes: PREFIX_BYTES });
  const length = Number(prefix.readBigUInt64LE());
  if (length > HEADER_LIMIT) throw invalid(path, `its header would be longer than ${HEADER_LIMIT} bytes`);
  if (length > size - PREFIX_BYTES) throw invalid(path, "it ends inside its header");
  const header = parseHeader(path, await readExactly(handle, path, { offset: PREFIX_BYTES, bytes: length }));
  const { __metadata__: metadata = {}, ...entries } = header;
  const start = PREFIX_BYTES + length;
  const tensors = Object.entries(entries).map(([name, entry]) => readEntry(path, { name, entry, start }));
  checkCoverage(path, tensors, { start, size });
  return { tensors: new Map(tensors.map((tensor) => [tensor.name, tensor])), metadata: readMetadata(path, metadata) };
}

function parseHeader(path: string, bytes: Buffer): Record<string, unknown> {
  try {
    const header = parseStrictJson(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
    if (isObject(header)) return header;
  } catch {
    // The parser's message quotes the file.
  }
  throw invalid(path, "its header is no JSON object with distinct keys");
}

function readMetadata(path: string, metadata: unknown): Record<string, string> {
  if (!isObject(metadata) || Object.values(metadata).some((value) => typeof value !== "string"))
    throw invalid(path, "its __metadata__ is no object of texts");
  return metadata as Record<string, string>;
}

function readEntry(
  path: string,
  { name, entry, start }: { name: string; entry: unknown; start: number },
): SafetensorsTensor {
  const label = shown(name);
  if (!isObject(entry) || Object.keys(entry).sort().join() !== "data_offsets,dtype,shape")
    throw invalid(path, `the entry of ${label} has other fields than dtype, shape and data_offsets`);
  const { dtype, shape, data_offsets: offsets } = entry;
  if (typeof dtype !== "string" || !Object.hasOwn(ELEMENT_BYTES, dtype))
    throw new MediloraError(
      "TYPE_UNSUPPORTED",
      `${path}: ${label} has another element type than F32, F16 and BF16. Save the adapter in one of these.`,
    );
  if (!isSizes(shape) || shape.length > DIMENSION_LIMIT)
    throw invalid(path, `the shape of ${label} is no list of sizes`);
  if (!isSizes(offsets) || offsets.length !== 2) throw invalid(path, `the data_offsets of ${label} are no two offsets`);
  const type = dtype as ElementType;
  const [begin, end] = offsets as [number, number];
  const bytes = shape.reduce((product, size) => product * size, ELEMENT_BYTES[type]);
  if (end - begin !== bytes) throw invalid(path, `${label} has ${end - begin} bytes, but its shape takes ${bytes}`);
  return { name, type, shape, offset: start + begin, bytes };
}

function checkCoverage(path: string, tensors: SafetensorsTensor[], { start, size }: { start: number; size: number }) {
  let end = start;
  for (const { name, offset, bytes } of tensors.toSorted((a, b) => a.offset - b.offset || a.bytes - b.bytes)) {
    if (offset < end) throw invalid(path, `${shown(name)} overlaps another tensor`);
    if (offset > end) throw invalid(path, `there is a gap before ${shown(name)}`);
    end = offset + bytes;
    if (end > size) throw invalid(path, `it ends inside ${shown(name)}`);
  }
  if (end < size) throw invalid(path, `${size - end} bytes at its end belong to no tensor`);
}

/** A name out of an untrusted file as a message can carry it. */
export function shown(name: string): string {
  return JSON.stringify(name.length > 100 ? `${name.slice(0, 100)}...` : name);
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}

function invalid(path: string, what: string): MediloraError {
  return new MediloraError(
    "ADAPTER_INVALID",
    `${path} is not a usable safetensors file: ${what}. Download or save it again.`,
  );
}
