import { closeSync, fstatSync, openSync, readSync } from "node:fs";

/** Offsets in an ELF header, values of `e_machine` by Node.js's names. System V ABI, chapter 4. */
const CLASS_OFFSET = 4;
const BYTE_ORDER_OFFSET = 5;
const MACHINE_OFFSET = 18;
const MACHINES: Readonly<Record<number, string>> = { 3: "ia32", 40: "arm", 62: "x64", 183: "arm64" };
/** Of the 64-bit class. */
const HEADER_SIZE = 64;
const SEGMENT_SIZE = 56;
const LOADED_SEGMENT = 1;

interface Start {
  bytes: Buffer;
  /** Of the whole file, in bytes. */
  size: number;
}

/**
 * The processor that an ELF file (a program or library of Linux) was built for, as process.arch names it, or "another
 * processor"; undefined for a file that is none, is of big-endian byte order, or cannot be read.
 */
export function elfArchitecture(path: string): string | undefined {
  const start = startOf(path, MACHINE_OFFSET + 2);
  if (start === undefined || !isLittleEndianElf(start.bytes)) return undefined;
  return MACHINES[start.bytes.readUInt16LE(MACHINE_OFFSET)] ?? "another processor";
}

/**
 * For a library whose end is missing, as an interrupted copy leaves it, what is there and what should be, in words.
 * Loading such a file ends the process (SIGBUS) instead of throwing. Undefined where nothing is seen to be missing, and
 * for what is no 64-bit little-endian ELF file.
 */
export function missingEnd(path: string): string | undefined {
  const header = startOf(path, HEADER_SIZE);
  if (header === undefined || !isLittleEndianElf(header.bytes) || header.bytes[CLASS_OFFSET] !== 2) return undefined;
  const needed = Math.max(endOfSections(header.bytes), endOfSegments(path, header.bytes));
  return needed > header.size ? `${header.size} of ${needed} bytes` : undefined;
}

function endOfSections(header: Buffer): number {
  return offsetAt(header, 40) + header.readUInt16LE(58) * header.readUInt16LE(60);
}

/** Of those that are mapped: the section table behind them may have been stripped. */
function endOfSegments(path: string, header: Buffer): number {
  const table = offsetAt(header, 32);
  const count = header.readUInt16LE(56);
  const end = table + count * SEGMENT_SIZE;
  const start = startOf(path, end);
  if (start === undefined) return end;
  const segments = Array.from({ length: count }, (_, i) => start.bytes.subarray(table + i * SEGMENT_SIZE));
  const loaded = segments.filter((segment) => segment.readUInt32LE(0) === LOADED_SEGMENT);
  return Math.max(0, ...loaded.map((segment) => offsetAt(segment, 8) + offsetAt(segment, 32)));
}

function offsetAt(bytes: Buffer, at: number): number {
  return Number(bytes.readBigUInt64LE(at));
}

function isLittleEndianElf(header: Buffer): boolean {
  return header.toString("latin1", 0, 4) === "\x7fELF" && header[BYTE_ORDER_OFFSET] === 1;
}

/** Longest start that is read: a table of segments lies right behind the header. */
const MOST_START = 65_536;

/** The first bytes of a file; undefined where it has fewer, or cannot be read. */
function startOf(path: string, length: number): Start | undefined {
  if (length > MOST_START) return undefined;
  try {
    const file = openSync(path, "r");
    try {
      const bytes = Buffer.alloc(length);
      return readSync(file, bytes) < length ? undefined : { bytes, size: fstatSync(file).size };
    } finally {
      closeSync(file);
    }
  } catch {
    return undefined;
  }
}
