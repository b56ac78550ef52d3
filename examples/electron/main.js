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
  window.loadFile(join(__dirname, "index.html"));
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
}

ipcMain.handle("training:start", start);
ipcMain.handle("training:cancel", () => trainer?.postMessage({ type: "cancel" }));

app.whenReady().then(createWindow);
// A cancelled training writes a checkpoint and ends by itself; quitting the app ends it at once, and its last checkpoint stays.
app.on("window-all-closed", () => app.quit());
