/**
 * The floor that fan-out and memory are measured against: a bare loop over sockets, which sends
 * what it receives to all, and neither checks, orders nor commits anything.
 */
const sockets = new Set<WebSocket>();

Deno.serve({ port: Number(Deno.args[0]), hostname: "127.0.0.1", onListen: () => {} }, (request) => {
  if (request.headers.get("upgrade") !== "websocket") {
    return Response.json({ memory: { rss: Deno.memoryUsage().rss } });
  }
  const { socket, response } = Deno.upgradeWebSocket(request);
  socket.onopen = () => sockets.add(socket);
  socket.onmessage = ({ data }) => {
    for (const other of sockets) other.send(data);
  };
  socket.onclose = () => sockets.delete(socket);
  return response;
});
