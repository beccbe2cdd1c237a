// Calls a tool by @modelcontextprotocol/ext-tasks on @modelcontextprotocol/client, and prints the result.
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { createTaskSessionFromClient, resultFromTaskOutcome } from "@modelcontextprotocol/ext-tasks/client";

const [url, steps, interval] = process.argv.slice(2);
const ERA = "2026-07-28", TASKS = "io.modelcontextprotocol/tasks";
const clientInfo = { name: "ext-tasks", version: "1.0.0" };
const clientCapabilities = { extensions: { [TASKS]: {} } };
const client = new Client(clientInfo, { capabilities: clientCapabilities, versionNegotiation: { mode: "auto" } });
await client.connect(new StreamableHTTPClientTransport(new URL(url)));


// The package asks its host to send what the SDK's own codecs refuse.
const rawDispatch = async (request) => {
  const { method, params } = request;
  const name = params.taskId ?? params.name;
  const headers = { "content-type": "application/json", accept: "application/json, text/event-stream",
    "mcp-protocol-version": ERA, "mcp-method": method, "mcp-name": name };
  for (;;) {
    try {
      const answer = await fetch(url, { method: "POST", headers, body: JSON.stringify({ jsonrpc: "2.0", id: 1, ...request }) });
      const told = await answer.json();
      return told.error ? { kind: "error", error: told.error } : { kind: "result", result: told.result };
    } catch (error) {
      console.log(`lost ${error.cause?.code ?? error.message}`);
      await new Promise((again) => setTimeout(again, 200));
    }
  }
};
const session = createTaskSessionFromClient(client, {
  endpointId: "lesson-13", rawDispatch,
  v2RequestFraming: { protocolVersion: ERA, clientInfo, clientCapabilities },
});
const execution = await session.callTool("build_project", { steps: Number(steps), interval: Number(interval) });
console.log(`${execution.kind} ${execution.handle?.taskId ?? ""}`);
const { outcome } = await execution.settle();
console.log(resultFromTaskOutcome(outcome).content[0].text);
await session.close();
await client.close();
