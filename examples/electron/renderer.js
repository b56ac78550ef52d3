const element = (id) => document.getElementById(id);
const status = (text) => {
  element("status").textContent = text;
};

element("start").addEventListener("click", () => window.training.start());
element("cancel").addEventListener("click", () => {
  status("Stopping; a checkpoint is written.");
  window.training.cancel();
});

const shown = {
  start: (event) => {
    status(`${event.samples} samples, ${event.totalSteps} steps.`);
  },
  step: (event) => {
    element("bar").value = event.step / event.totalSteps;
    status(`Step ${event.step} of ${event.totalSteps}, loss ${event.loss.toFixed(3)}.`);
  },
  warning: (event) => status(`Warning: ${event.message}`),
};

let ended = true;
window.training.onMessage((message) => {
  if (message.type === "loading") {
    ended = false;
    element("start").disabled = true;
    element("cancel").disabled = false;
    status("Reading the model and the rows.");
  }
  if (message.type === "progress") {
    shown[message.event.type]?.(message.event);
  }
  if (message.type === "done") status(`The adapter is in ${message.output}.`);
  if (message.type === "failed") status(message.message);
  ended ||= message.type === "done" || message.type === "failed";
  if (message.type !== "exit") return;
  if (!ended) status(`The training process ended (${message.code}). Start again with resume_from_checkpoint: auto.`);
  element("start").disabled = false;
  element("cancel").disabled = true;
});
