#!/usr/bin/env node
import { mediloraProgram } from "./program.js";
import { run } from "./run.js";

await run(mediloraProgram, process.argv.slice(2));
