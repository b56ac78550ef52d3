import { setImmediate } from "node:timers/promises";
import { MediloraError } from "../errors.js";

/**
 * Gives other events their turn in the middle of long synchronous work, and stops it on request.
 * @throws MediloraError `ABORTED`
 */
export async function nextTurn(signal: AbortSignal | undefined): Promise<void> {
  await setImmediate();
  if (signal?.aborted)
    throw new MediloraError("ABORTED", "Stopped on request before a question was asked.", { cause: signal.reason });
}
