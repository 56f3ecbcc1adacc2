import {
  configure,
  getConsoleSink,
  getJsonLinesFormatter,
  getLogger,
  getTextFormatter,
  type Logger,
} from "@logtape/logtape";
import type { Settings } from "./settings.ts";

/** Sets logging up: text for a terminal, else one JSON object a line. */
export async function configureLog(level: Settings["LOG_LEVEL"], terminal: boolean): Promise<void> {
  const formatter = terminal
    ? getTextFormatter({ timestamp: "time" })
    : getJsonLinesFormatter({ properties: "flatten" });
  await configure({
    sinks: { console: getConsoleSink({ formatter }) },
    loggers: [
      { category: "tallyroom", lowestLevel: level, sinks: ["console"] },
      { category: ["logtape", "meta"], lowestLevel: "warning", sinks: ["console"] },
    ],
  });
}

/** The server's logger. */
export function serverLog(): Logger {
  return getLogger("tallyroom");
}
