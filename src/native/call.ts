import { ERROR_CODES, type ErrorCode, isMediloraError, MediloraError } from "../errors.js";

/** Wraps a progress callback, so that one that throws stops the job, which then rejects with what was thrown. */
export type Listen = <Progress>(callback: (progress: Progress) => void) => (progress: Progress) => void;

/**
 * Calls a synchronous function of the addon.
 * @throws MediloraError with the native error's code and the JavaScript stack of the caller
 */
export function callNative<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw fromNative(error);
  }
}

/**
 * Runs a job of the addon to its end. An abort stops it at its next checkpoint.
 * @param start starts the job with the cancel flag that it is to watch
 * @throws MediloraError `ABORTED` (its cause is the signal's reason) or the native error's code
 */
export async function runJob<T>(
  signal: AbortSignal | undefined,
  start: (cancel: Int32Array, listen: Listen) => Promise<T>,
): Promise<T> {
  if (signal?.aborted) throw aborted(signal);
  const cancel = new Int32Array(1);
  const stop = (): void => {
    Atomics.store(cancel, 0, 1);
  };
  const thrown: unknown[] = [];
  const listen: Listen = (callback) => (progress) => {
    if (thrown.length > 0) return;
    try {
      callback(progress);
    } catch (error) {
      thrown.push(error);
      stop();
    }
  };
  signal?.addEventListener("abort", stop, { once: true });
  try {
    const result = await start(cancel, listen);
    if (thrown.length === 0) return result;
  } catch (error) {
    if (thrown.length === 0) throw fromNative(error, signal);
  } finally {
    signal?.removeEventListener("abort", stop);
  }
  throw thrown[0];
}

function aborted(signal: AbortSignal): MediloraError {
  return new MediloraError("ABORTED", "Stopped on request before it began.", { cause: signal.reason });
}

function fromNative(error: unknown, signal?: AbortSignal): MediloraError {
  if (isMediloraError(error)) return error;
  const { code, message } = error as { code?: unknown; message?: unknown };
  if (!ERROR_CODES.includes(code as ErrorCode))
    return new MediloraError("INTERNAL", `Unexpected failure in native code: ${String(message)}`, { cause: error });
  const cause = code === "ABORTED" && signal?.aborted ? signal.reason : error;
  return new MediloraError(code as ErrorCode, String(message), { cause });
}
