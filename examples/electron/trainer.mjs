// The utility process: one training, with progress and cancel over its parent port.
import { isMediloraError, train } from "medilora";

const port = process.parentPort;
const controller = new AbortController();

async function run(config) {
  try {
    const { output } = await train(config, {
      signal: controller.signal,
      onProgress: (event) => port.postMessage({ type: "progress", event }),
    });
    port.postMessage({ type: "done", output });
  } catch (error) {
    // A MediloraError says what to do next and holds no text of the data; another error might quote some.
    const message = isMediloraError(error) ? `${error.message} [${error.code}]` : "Unexpected failure.";
    port.postMessage({ type: "failed", message });
  }
  process.exit(0);
}

port.on("message", ({ data }) => {
  if (data.type === "start") run(data.config);
  if (data.type === "cancel") controller.abort();
});
