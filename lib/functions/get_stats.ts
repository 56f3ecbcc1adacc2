import { z } from "zod";
import { defineFunction } from "./function.ts";

/** Tells how many users and connections there are, and what the server has done. */
export const getStats = defineFunction({
  name: "GET_STATS",
  input: z.object({}),
  run: (_input, { stats }) => stats(),
});
