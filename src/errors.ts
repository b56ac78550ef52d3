/** Every code that a {@link MediloraError} can carry. Closed: a new failure is a new member here. */
export const ERROR_CODES = [
  "ABORTED",
  "ADAPTER_INVALID",
  "ADAPTER_MISMATCH",
  "ARCHITECTURE_UNSUPPORTED",
  "ARGUMENT_INVALID",
  "BATCH_INVALID",
  "BUSY",
  "CHECKPOINT_INVALID",
  "CONFIG_INVALID",
  "CONTEXT_EXCEEDED",
  "DATA_EMPTY",
  "DATA_INVALID",
  "DISK_FULL",
  "DISPOSED",
  "FILE_NOT_FOUND",
  "FILE_READ",
  "FILE_WRITE",
  "GRADIENT_NOT_FINITE",
  "INTERNAL",
  "LABELS_EMPTY",
  "MODEL_INVALID",
  "NATIVE_UNAVAILABLE",
  "NETWORK_FAILED",
  "OUT_OF_MEMORY",
  "QUANTIZE_FAILED",
  "TOKEN_OUT_OF_RANGE",
  "TYPE_UNSUPPORTED",
] as const;

/** One of {@link ERROR_CODES}. */
export type ErrorCode = (typeof ERROR_CODES)[number];

/**
 * The one error that medilora throws on purpose.
 *
 * `message` says what is wrong and what to do next; it never holds text of the user's data.
 */
export class MediloraError extends Error {
  override readonly name = "MediloraError";

  constructor(
    readonly code: ErrorCode,
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }
}

/** True for an error of ours, also one that comes from another copy of the package. */
export function isMediloraError(error: unknown): error is MediloraError {
  return (
    error instanceof Error &&
    error.name === "MediloraError" &&
    ERROR_CODES.includes((error as { code?: unknown }).code as ErrorCode)
  );
}

/** Turns a failed file operation into a MediloraError that names the file. */
export function fileError(error: unknown, path: string, action: "read" | "write"): MediloraError {
  if (isMediloraError(error)) return error;
  const errno = (error as NodeJS.ErrnoException)?.code;
  const cause = { cause: error };
  if (errno === "ENOENT" && action === "read")
    return new MediloraError("FILE_NOT_FOUND", `${path} does not exist. Check the path.`, cause);
  if (errno === "ENOSPC" || errno === "EDQUOT")
    return new MediloraError(
      "DISK_FULL",
      `No space left while writing ${path}. Free some space or write elsewhere.`,
      cause,
    );
  if (errno === "EISDIR" && action === "read")
    return new MediloraError("FILE_READ", `${path} is a folder. Name a file.`, cause);
  if (action === "read")
    return new MediloraError(
      "FILE_READ",
      `${path} cannot be read (${errno ?? "unknown reason"}). Check its permissions.`,
      cause,
    );
  return new MediloraError(
    "FILE_WRITE",
    `${path} cannot be written (${errno ?? "unknown reason"}). Check that its folder exists and is writable.`,
    cause,
  );
}
