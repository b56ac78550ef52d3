import { asyncBufferFromFile, type FileMetaData, parquetMetadataAsync, parquetReadObjects } from "hyparquet";
import { compressors } from "hyparquet-compressors";
import { fileError } from "../../errors.js";
import { isObject, recordError, type SourceRecord } from "./record.js";

/**
 * Reads the rows of a Parquet file. Memory holds one row group, as the file's writer chose it (1000 rows to a few
 * hundred megabytes). Integers beyond 2^53 and dates become strings; lists and structs, arrays and objects.
 * @throws MediloraError `DATA_INVALID` with file and rows; `FILE_NOT_FOUND`, `FILE_READ`
 */
export async function* readParquetRecords(path: string): AsyncGenerator<SourceRecord> {
  const { file, metadata } = await open(path);
  let rowStart = 0;
  for (const { num_rows } of metadata.row_groups) {
    const rowEnd = rowStart + Number(num_rows);
    const values = await parquetReadObjects({ file, metadata, compressors, rowStart, rowEnd }).catch(() => {
      // The decoder's error may quote the data, so it is not passed on as a cause.
      throw recordError(`${path}, rows ${rowStart + 1} to ${rowEnd}`, "cannot be decoded; the file is damaged");
    });
    for (const [index, value] of values.entries()) {
      const row = rowStart + index + 1;
      yield { where: `${path}, row ${row}`, row, value: plain(value) as Record<string, unknown> };
    }
    rowStart = rowEnd;
  }
}

type ParquetFile = Awaited<ReturnType<typeof asyncBufferFromFile>>;

async function open(path: string): Promise<{ file: ParquetFile; metadata: FileMetaData }> {
  let file: ParquetFile;
  try {
    file = await asyncBufferFromFile(path);
  } catch (error) {
    throw fileError(error, path, "read");
  }
  try {
    return { file, metadata: await parquetMetadataAsync(file) };
  } catch {
    throw recordError(path, "is no Parquet file, or it is cut short");
  }
}

/** Plain JSON values of what the decoder gives. */
function plain(value: unknown): unknown {
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return value.map(plain);
  if (ArrayBuffer.isView(value)) return Array.from(value as unknown as ArrayLike<unknown>, plain);
  if (isObject(value)) return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
  return value;
}
