// The page sees these three functions and nothing of Node.js.
const { contextBridge, ipcRenderer } = require("electron");

contextBridge.exposeInMainWorld("training", {
  start: () => ipcRenderer.invoke("training:start"),
  cancel: () => ipcRenderer.invoke("training:cancel"),
  onMessage: (listener) => ipcRenderer.on("training", (_event, message) => listener(message)),
});
