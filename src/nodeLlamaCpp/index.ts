// The subpath "medilora/node-llama-cpp". Apart from the main entry, since its types need node-llama-cpp's.
export { type AdapterFile, type Chat, type ChatOptions, openChat } from "./openChat.js";
