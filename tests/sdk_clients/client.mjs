// The TypeScript SDK's client, unchanged: calls a burst, and prints the number of each message that comes.
// node client.mjs URL COUNT INTERVAL
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { LoggingMessageNotificationSchema } from "@modelcontextprotocol/sdk/types.js";

const [url, count, interval] = process.argv.slice(2);
const transport = new StreamableHTTPClientTransport(new URL(url));
const client = new Client({ name: "client.mjs", version: "1.0.0" });
const last = new Promise((resolve) => {
  client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => {
    console.log("number", params.data.number);
    if (params.data.number === Number(count)) resolve();
  });
});
await client.connect(transport);
await client.callTool({ name: "send_burst", arguments: { count: Number(count), interval: Number(interval) } });
await last;
await transport.terminateSession();
await client.close();
