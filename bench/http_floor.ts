/** The bare runtime: parses each request's JSON, checks and stores nothing, and answers as long. */
const [port] = Deno.args;

Deno.serve({ port: Number(port), hostname: "127.0.0.1", onListen: () => {} }, async (request) => {
  if (request.method === "GET") return Response.json({ instance: "floor", memory: { rss: 0 } });
  const { type, text } = await request.json();
  const now = new Date();
  return Response.json({
    state: { key: "tallyroom:dm:100000-100001", inbox_key: "user-100001" },
    entry: {
      id: crypto.randomUUID(),
      author: 100000,
      timestamp: { epoch: now.getTime(), iso: now.toISOString() },
      type,
      text,
    },
  }, { status: 201 });
});
