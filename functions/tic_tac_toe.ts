import { z } from "zod";
import { ProtocolError } from "../lib/errors.ts";
import { defineFunction } from "../lib/functions/function.ts";

type Mark = "X" | "O";

/** A game as the room's data holds it. */
type Game = {
  /** Row by row. */
  cells: (Mark | null)[];
  /** The users' ids; each place goes to the first who makes its move. */
  players: { X: string | null; O: string | null };
  /** Whose move is next; `null` when the game is over. */
  turn: Mark | null;
  winner: Mark | "draw" | null;
};

const LINES = [
  ...[[0, 1, 2], [3, 4, 5], [6, 7, 8]],
  ...[[0, 3, 6], [1, 4, 7], [2, 5, 8]],
  ...[[0, 4, 8], [2, 4, 6]],
] as const;

/**
 * `tic-tac-toe`: a referee. A move that breaks the rules is refused and nobody sees it; any other is
 * seen by all who have asked for the room's data `tic-tac-toe:GAME`. A move after the end begins
 * anew.
 */
export const ticTacToe = defineFunction({
  name: "tic-tac-toe",
  input: z.object({
    game: z.string("must be the game's name").min(1).max(64).default("default"),
    cell: z.number("must be a cell, 0 to 8").int().min(0).max(8),
  }),
  async run({ game: name, cell }, { caller, room }) {
    const key = `tic-tac-toe:${name}`;
    const game = move(await room.data.get(key) as Game | null, caller.userId, cell);
    room.data.set(key, game);
    return game;
  },
});

function move(before: Game | null, user: string, cell: number): Game {
  const game = before && before.turn !== null ? before : newGame();
  const mark = game.turn!;
  const player = game.players[mark] ?? user;
  if (player !== user) throw illegal("It is the other player's turn.");
  if (game.players[mark === "X" ? "O" : "X"] === user) throw illegal("Wait for another player.");
  if (game.cells[cell] !== null) throw illegal(`Cell ${cell} is taken.`);
  const cells = game.cells.with(cell, mark);
  const players = { ...game.players, [mark]: user };
  const won = LINES.some((line) => line.every((at) => cells[at] === mark));
  const over = won || !cells.includes(null);
  return {
    cells,
    players,
    turn: over ? null : mark === "X" ? "O" : "X",
    winner: won ? mark : over ? "draw" : null,
  };
}

function newGame(): Game {
  return { cells: Array(9).fill(null), players: { X: null, O: null }, turn: "X", winner: null };
}

function illegal(reason: string): ProtocolError {
  return new ProtocolError("not_allowed", reason);
}
