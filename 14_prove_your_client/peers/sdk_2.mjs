// The TypeScript SDK's client of the 2.x line, with its defaults.  node sdk_2.mjs URL CALLS
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";

const [url, calls] = process.argv.slice(2);
const client = new Client({ name: "sdk_2.mjs", version: "1.0.0" });
client.setNotificationHandler("notifications/message", ({ params }) => console.log(params.data));
await client.connect(new StreamableHTTPClientTransport(new URL(url)));
const made = Array.from({ length: Number(calls) }, () => client.callTool({ name: "count", arguments: {} }));
for (const answer of await Promise.all(made)) console.log(answer.content[0].text);
await client.close();
