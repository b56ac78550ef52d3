import type { Command } from "commander";
import type { CliContext } from "../run.js";

/** `medilora config`: what a configuration may say. */
export function configCommand(command: Command, { out }: CliContext): Command {
  command.description("what a training configuration may say");
  command
    .command("schema")
    .description("print the JSON Schema of training configurations, for editors")
    .option("--json", "the schema is JSON with and without this")
    .action(async () => {
      const { trainConfigJsonSchema } = await import("../../config/jsonSchema.js");
      out.json(trainConfigJsonSchema());
    });
  return command;
}
