// mcp-remote, as a client of stdio starts it; that client is the TypeScript SDK's.  node remote.mjs URL CALLS
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { LoggingMessageNotificationSchema } from "@modelcontextprotocol/sdk/types.js";

const [url, calls] = process.argv.slice(2);
const client = new Client({ name: "remote.mjs", version: "1.0.0" });
client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => console.log(params.data));
const args = [new URL("node_modules/mcp-remote/dist/proxy.js", import.meta.url).pathname, url];
await client.connect(new StdioClientTransport({ command: process.execPath, args, stderr: "ignore" }));
const made = Array.from({ length: Number(calls) }, () => client.callTool({ name: "count", arguments: {} }));
for (const answer of await Promise.all(made)) console.log(answer.content[0].text);
await client.close();
