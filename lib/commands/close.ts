import { z } from "zod";
import { CloseReasons } from "../protocol/close_codes.ts";
import { type LocalCommand, localCommand } from "./command.ts";

/** Closes the connection, after the answers to what came before. */
export function close(): LocalCommand {
  return localCommand({
    type: "close",
    input: z.object({}),
    run(_input, { close }) {
      queueMicrotask(() => close(CloseReasons.normal));
    },
  });
}
