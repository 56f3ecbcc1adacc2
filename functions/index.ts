import type { AnyFunction } from "../lib/functions/function.ts";
import { createReactions } from "./reactions.ts";
import { ticTacToe } from "./tic_tac_toe.ts";

/** The functions that come with the server. A new one is a file beside this and a line here. */
export const functions: readonly AnyFunction[] = [
  createReactions(),
  ticTacToe,
];
