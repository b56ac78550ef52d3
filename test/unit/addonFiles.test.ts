import assert from "node:assert/strict";
import { test } from "node:test";
import { unpackedPath } from "../../dist/native/addonFiles.js";

test("paths inside app.asar lead to app.asar.unpacked, others stay", () => {
  const inside = "/opt/App/resources/app.asar/node_modules/medilora/build/Release/medilora.node";
  assert.equal(unpackedPath(inside), inside.replace("app.asar", "app.asar.unpacked"));
  assert.equal(unpackedPath("C:\\App\\resources\\app.asar\\a.node"), "C:\\App\\resources\\app.asar.unpacked\\a.node");
  const nested = "/opt/app.asar/node_modules/a/node_modules/@medilora/linux-x64/medilora.node";
  assert.equal(unpackedPath(nested), nested.replace("app.asar", "app.asar.unpacked"));
  for (const path of ["/opt/app.asar.unpacked/a.node", "/opt/my-app.asar-files/a.node", "/opt/app.asar"])
    assert.equal(unpackedPath(path), path);
});
