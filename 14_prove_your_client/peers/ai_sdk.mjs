// Vercel's AI SDK: the tool as its agents call it.  node ai_sdk.mjs URL
import { createMCPClient } from "@ai-sdk/mcp";

const client = await createMCPClient({ transport: { type: "http", url: process.argv[2] } });
const { count } = await client.tools();
const answer = await count.execute({}, { messages: [], toolCallId: "1" });
console.log(answer.content[0].text);
await client.close();
