// The TypeScript SDK's client of the 1.x line, with its defaults.  node sdk_1.mjs URL CALLS
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { LoggingMessageNotificationSchema } from "@modelcontextprotocol/sdk/types.js";

const [url, calls] = process.argv.slice(2);
const client = new Client({ name: "sdk_1.mjs", version: "1.0.0" });
client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => console.log(params.data));
await client.connect(new StreamableHTTPClientTransport(new URL(url)));
const made = Array.from({ length: Number(calls) }, () => client.callTool({ name: "count", arguments: {} }));
for (const answer of await Promise.all(made)) console.log(answer.content[0].text);
await client.close();
