// A conversation with a model in node-llama-cpp, an optional peer dependency. In the repository, after `npm ci`:
//   node examples/node/chat.mjs [MODEL.gguf [ADAPTER.gguf]]
// Without a model it is the demo's, which babbles. What a model says is not medical advice.
import { fileURLToPath } from "node:url";
import { openChat } from "medilora/node-llama-cpp";

const demo = fileURLToPath(new URL("../../assets/medtiny-f16.gguf", import.meta.url));
const [model = demo, adapter] = process.argv.slice(2).filter((path) => path.endsWith(".gguf"));

// `await using chat` would dispose by itself, but needs Node.js 24 or TypeScript.
const chat = await openChat({ model, adapters: adapter === undefined ? [] : [{ path: adapter }] });
try {
  await chat.session.prompt("Does aspirin lower the risk of stroke?", {
    maxTokens: 40,
    onTextChunk: (text) => process.stdout.write(text),
  });
  console.log("\n\nNot medical advice.");
} finally {
  await chat.dispose();
}
