import { closeSync, openSync, readSync } from "node:fs";

/** Offset and values of `e_machine`, by Node.js's names. System V ABI, chapter 4. */
const MACHINE_OFFSET = 18;
const MACHINES: Readonly<Record<number, string>> = { 3: "ia32", 40: "arm", 62: "x64", 183: "arm64" };

/**
 * The processor that an ELF file (a program or library of Linux) was built for, as process.arch names it, or "another
 * processor"; undefined for a file that is none, is of big-endian byte order, or cannot be read.
 */
export function elfArchitecture(path: string): string | undefined {
  const header = Buffer.alloc(MACHINE_OFFSET + 2);
  try {
    const file = openSync(path, "r");
    try {
      if (readSync(file, header) < header.length) return undefined;
    } finally {
      closeSync(file);
    }
  } catch {
    return undefined;
  }
  const littleEndian = header.toString("latin1", 0, 4) === "\x7fELF" && header[5] === 1;
  if (!littleEndian) return undefined;
  return MACHINES[header.readUInt16LE(MACHINE_OFFSET)] ?? "another processor";
}
