/**
 * A generator of HTTP requests, to be run as a process of its own: `deno run -A bench/http_load.ts
 * '{…}'`. Each connection keeps some requests unanswered for some seconds. Prints one JSON line: an
 * {@linkcode HttpLoadResult}.
 */
export interface HttpLoadPlan {
  readonly port: number;
  /** Each connection's request, whole, as it is sent again and again. */
  readonly requests: readonly string[];
  readonly window: number;
  readonly seconds: number;
  /** The status line of the answers that are counted. */
  readonly counted: string;
}

export interface HttpLoadResult {
  readonly sent: number;
  /** How many answers of the status have come, of all that were sent. */
  readonly answered: number;
  readonly seconds: number;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

async function run(plan: HttpLoadPlan): Promise<HttpLoadResult> {
  let sent = 0;
  let answered = 0;
  let lastAt = 0;
  const startedAt = performance.now();
  const until = startedAt + plan.seconds * 1000;
  await Promise.all(plan.requests.map(async (request) => {
    const connection = await Deno.connect({ hostname: "127.0.0.1", port: plan.port });
    const send = async (count: number): Promise<void> => {
      sent += count;
      await connection.write(encoder.encode(request.repeat(count)));
    };
    await send(plan.window);
    const buffer = new Uint8Array(65_536);
    let rest = "";
    for (let open = plan.window; open > 0;) {
      const length = await connection.read(buffer);
      if (length === null) break;
      // A status line may lie across two readings.
      const text = rest + decoder.decode(buffer.subarray(0, length));
      const lines = text.split(plan.counted);
      const count = lines.length - 1;
      rest = lines.at(-1)!.slice(1 - plan.counted.length);
      answered += count;
      open -= count;
      lastAt = performance.now();
      if (count === 0 || lastAt > until) continue;
      open += count;
      await send(count);
    }
    connection.close();
  }));
  return { sent, answered, seconds: (lastAt - startedAt) / 1000 };
}

if (import.meta.main) {
  console.log(JSON.stringify(await run(JSON.parse(Deno.args[0]!))));
  Deno.exit(0);
}
