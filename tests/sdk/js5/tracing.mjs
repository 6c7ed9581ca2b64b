// How an application sets up tracing once: one provider for all scenarios of the process.
import { LangfuseSpanProcessor } from "@langfuse/otel";
import { NodeTracerProvider } from "@opentelemetry/sdk-trace-node";

export const processor = new LangfuseSpanProcessor({ environment: "staging", release: "r-7" });
new NodeTracerProvider({ spanProcessors: [processor] }).register();
