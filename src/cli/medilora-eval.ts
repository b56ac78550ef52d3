#!/usr/bin/env node
import { mediloraEvalProgram } from "./program.js";
import { run } from "./run.js";

await run(mediloraEvalProgram, process.argv.slice(2));
