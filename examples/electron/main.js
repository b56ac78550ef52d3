// The main process: a window, and a utility process that trains. The addon is loaded in the utility process only, so that
// neither the window nor this process waits for it, and a crash there ends the training, not the app.
const { app, BrowserWindow, dialog, ipcMain, utilityProcess } = require("electron");
const { join } = require("node:path");

let window;
let trainer;

function createWindow() {
  window = new BrowserWindow({
    width: 720,
    height: 420,
    webPreferences: { preload: join(__dirname, "preload.js"), contextIsolation: true, sandbox: true },
  });
  // The page is this app's own and stays it: no link leads elsewhere, and none opens a window.
  window.webContents.on("will-navigate", (event) => event.preventDefault());
  window.webContents.setWindowOpenHandler(() => ({ action: "deny" }));
  window.loadFile(join(__dirname, "index.html"));
}

/** Runs what the page of our window asks for, and nobody else. */
function handle(channel, action) {
  ipcMain.handle(channel, ({ sender, senderFrame }) => {
    if (sender === window.webContents && senderFrame?.parent === null) return action();
  });
}

const send = (message) => {
  if (!window.isDestroyed()) window.webContents.send("training", message);
};

async function start() {
  if (trainer !== undefined) return;
  const { canceled, filePaths } = await dialog.showOpenDialog(window, {
    title: "Training configuration",
    filters: [{ name: "YAML", extensions: ["yaml", "yml"] }],
    properties: ["openFile"],
  });
  if (canceled || trainer !== undefined) return;
  trainer = utilityProcess.fork(join(__dirname, "trainer.mjs"), [], { serviceName: "medilora training" });
  trainer.on("message", send);
  trainer.on("exit", (code) => {
    trainer = undefined;
    send({ type: "exit", code });
  });
  trainer.postMessage({ type: "start", config: filePaths[0] });
  send({ type: "loading" });
}

handle("training:start", start);
handle("training:cancel", () => trainer?.postMessage({ type: "cancel" }));

app.whenReady().then(createWindow);
// A cancelled training writes a checkpoint and ends by itself; quitting the app ends it at once, and its last checkpoint stays.
app.on("window-all-closed", () => app.quit());
