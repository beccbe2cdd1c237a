// The TypeScript SDK's client, which resumes by itself: one call, and what comes on both kinds of stream.
// npm ci; node client.mjs http://127.0.0.1:3000/mcp [COUNT] [INTERVAL]
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { LoggingMessageNotificationSchema } from "@modelcontextprotocol/sdk/types.js";

const [url = "http://127.0.0.1:3000/mcp", count = "10", interval = "0.2"] = process.argv.slice(2);
const transport = new StreamableHTTPClientTransport(new URL(url));
const client = new Client({ name: "client.mjs", version: "1.0.0" });
const standing = new Promise((resolve) => {
  client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params: { data } }) => {
    console.log(data.stream, data.number, "of", data.of);
    if (data.stream === "standing") resolve();
  });
});
await client.connect(transport);
const asked = { count: Number(count), interval: Number(interval), caller: "client.mjs" };
const result = await client.callTool({ name: "start-notification-stream", arguments: asked });
console.log("answer", result.content[0].text);
await standing;
await transport.terminateSession();
await client.close();
