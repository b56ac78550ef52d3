import { setImmediate } from "node:timers/promises";
import { MediloraError } from "../errors.js";

/**
 * What a source gives, until a stop is asked for.
 * @throws MediloraError `ABORTED`, before the next item is handed on
 */
export async function* untilAborted<T>(source: AsyncIterable<T>, signal: AbortSignal | undefined): AsyncGenerator<T> {
  for await (const item of source) {
    stopIfAborted(signal);
    yield item;
  }
}

/**
 * Gives other events their turn in the middle of long synchronous work, and stops it on request.
 * @throws MediloraError `ABORTED`
 */
export async function nextTurn(signal: AbortSignal | undefined): Promise<void> {
  await setImmediate();
  stopIfAborted(signal);
}

/** @throws MediloraError `ABORTED` when a stop was asked for */
export function stopIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted)
    throw new MediloraError("ABORTED", "Stopped on request before a question was asked.", { cause: signal.reason });
}
