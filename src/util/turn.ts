import { setImmediate } from "node:timers/promises";
import { MediloraError } from "../errors.js";

const BEFORE_QUESTIONS = "Stopped on request before a question was asked.";

/**
 * What a source gives, until a stop is asked for.
 * @throws MediloraError `ABORTED`, before the next item is handed on
 */
export async function* untilAborted<T>(source: AsyncIterable<T>, signal: AbortSignal | undefined): AsyncGenerator<T> {
  for await (const item of source) {
    stopIfAborted(signal, BEFORE_QUESTIONS);
    yield item;
  }
}

/**
 * Gives other events their turn in the middle of long synchronous work, and stops it on request.
 * @throws MediloraError `ABORTED`
 */
export async function nextTurn(signal: AbortSignal | undefined): Promise<void> {
  await setImmediate();
  stopIfAborted(signal, BEFORE_QUESTIONS);
}

/** Items between two turns of other events. */
const TURN = 64;

/**
 * The items of long synchronous work; other events get their turn in between.
 * @throws MediloraError `ABORTED`
 */
export async function* inTurns<T>(items: readonly T[], signal: AbortSignal | undefined): AsyncGenerator<T> {
  for (const [i, item] of items.entries()) {
    if (i % TURN === 0) await nextTurn(signal);
    yield item;
  }
}

/** @throws MediloraError `ABORTED` when a stop was asked for */
export function stopIfAborted(signal: AbortSignal | undefined, message = "Stopped on request."): void {
  if (signal?.aborted) throw new MediloraError("ABORTED", message, { cause: signal.reason });
}
