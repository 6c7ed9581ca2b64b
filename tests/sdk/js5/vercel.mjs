// The Vercel AI SDK's telemetry, by the Langfuse span processor and by a plain OTLP exporter (protobuf, gzip).
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { CompressionAlgorithm } from "@opentelemetry/otlp-exporter-base";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { NodeTracerProvider } from "@opentelemetry/sdk-trace-node";
import { startActiveObservation } from "@langfuse/tracing";
import { embed, generateText, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";
import { processor } from "./tracing.mjs";

const llm = createOpenAICompatible({
  name: "stand-in",
  baseURL: process.env.LLM_URL,
  apiKey: "sk-stand-in",
  includeUsage: true,
});
const weather = tool({
  description: "The weather somewhere",
  inputSchema: z.object({ city: z.string().optional() }).loose(),
  execute: async () => ({ sky: "clear" }),
});

function plain() {
  const { LANGFUSE_BASE_URL, LANGFUSE_PUBLIC_KEY, LANGFUSE_SECRET_KEY } = process.env;
  const exporter = new OTLPTraceExporter({
    url: `${LANGFUSE_BASE_URL}/api/public/otel/v1/traces`,
    compression: CompressionAlgorithm.GZIP,
    headers: { Authorization: `Basic ${btoa(`${LANGFUSE_PUBLIC_KEY}:${LANGFUSE_SECRET_KEY}`)}` },
  });
  return new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
}

async function all(telemetry, langfusePrompt) {
  const said = (functionId) => ({
    experimental_telemetry: {
      isEnabled: true,
      functionId,
      metadata: { userId: "ai-user", sessionId: "ai-session", tags: ["ai", "b"], plan: "pro", ...langfusePrompt },
      ...telemetry,
    },
  });
  const model = llm("gpt-4o-mini");
  const text = await generateText({ model, system: "Be brief", prompt: "Why?", temperature: 0.5, ...said("text") });
  const stream = streamText({ model, prompt: "Why not?", ...said("stream") });
  const streamed = await stream.text;
  const tools = { weather };
  const asked = await generateText({ model, prompt: "Sky?", tools, stopWhen: stepCountIs(3), ...said("tools") });
  const failed = await generateText({ model: llm("broken-model"), prompt: "x", maxRetries: 0, ...said("broken") }).then(
    () => null,
    (error) => error.message,
  );
  const { embedding } = await embed({
    model: llm.embeddingModel("text-embedding-3-small"),
    value: "words",
    ...said("embed"),
  });
  return { text: text.text, usage: text.usage, streamed, asked: asked.text, failed, embedding: embedding.length };
}

export async function run() {
  const inside = await startActiveObservation("by langfuse", async (root) => ({ trace: root.traceId, ...(await all({})) }));
  await processor.forceFlush();
  const provider = plain();
  const tracer = provider.getTracer("ai");
  const outside = await tracer.startActiveSpan("by otlp", async (root) => {
    const told = await all({ tracer }, { langfusePrompt: JSON.stringify({ name: "js5/text", version: 1 }) });
    root.end();
    return { trace: root.spanContext().traceId, ...told };
  });
  await provider.forceFlush();
  await provider.shutdown();
  return { inside, outside };
}
