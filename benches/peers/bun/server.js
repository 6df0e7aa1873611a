// Bun's WebSocket server, which is uWebSockets: echo on /, broadcast to everyone on /broadcast.
// Replies to what arrived together leave together: Bun corks its handlers.
const GROUP = "everyone";
const LARGEST = 64 * 1024 * 1024;

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: Number(process.argv[2]),
  fetch(request, server) {
    const joins = new URL(request.url).pathname === "/broadcast";
    if (!server.upgrade(request, { data: { joins } })) {
      return new Response("a WebSocket is wanted here", { status: 426 });
    }
  },
  websocket: {
    perMessageDeflate: false,
    maxPayloadLength: LARGEST,
    backpressureLimit: LARGEST,
    open(socket) {
      if (socket.data.joins) socket.subscribe(GROUP);
    },
    message(socket, message) {
      if (socket.data.joins) server.publish(GROUP, message);
      else socket.send(message);
    },
  },
});
