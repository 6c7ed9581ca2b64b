// Traces, nested observations, updates, ends, scores and links to prompts, read back by the SDK's own reads.
import { Langfuse } from "langfuse";

export async function run() {
  const langfuse = new Langfuse({ environment: "staging", release: "r-1" });
  const prompt = await langfuse.createPrompt({ name: "js3/linked", prompt: "Say {{word}}", labels: ["production"] });
  const trace = langfuse.trace({
    id: "js3 trace/with slash",
    timestamp: new Date("2026-03-01T12:00:00.123Z"),
    name: "answer",
    userId: "js3-user",
    sessionId: "js3-session",
    version: "1.2",
    input: { question: "why?" },
    metadata: { deep: { one: 1 } },
    tags: ["b", "a"],
    public: true,
  });
  const span = trace.span({
    name: "retrieve",
    input: ["in"],
    startTime: new Date("2026-03-01T12:00:00.200Z"),
    metadata: { a: 1, b: { c: 2 } },
  });
  const generation = span.generation({
    name: "draft",
    model: "gpt-4o",
    modelParameters: { temperature: 0.7, max_tokens: 100, stop: ["a", "b"] },
    input: [{ role: "user", content: prompt.compile({ word: "1" }) }],
    startTime: new Date("2026-03-01T12:00:01Z"),
    prompt,
    version: "9",
  });
  const event = span.event({ name: "cache-miss", level: "WARNING", statusMessage: "cold", input: 1, output: 2 });
  generation.update({ model: "gpt-4o-mini", completionStartTime: new Date("2026-03-01T12:00:01.250Z") });
  generation.update({
    output: "one",
    usage: { promptTokens: 11, completionTokens: 7, totalTokens: 18 },
    endTime: new Date("2026-03-01T12:00:02.500Z"),
  });
  const detailed = trace.generation({
    name: "detailed",
    model: "gpt-4o-mini",
    usageDetails: { input: 3, output: 4, cache_read_input_tokens: 5 },
    costDetails: { input: 0.25, output: 0.5 },
  });
  detailed.end({ level: "ERROR", statusMessage: "no such model" });
  span.update({ metadata: { b: { d: 3 } } });
  span.end({ output: "out" });
  trace.update({ output: { answer: "because" }, metadata: { deep: { two: 2 } }, tags: ["c"] });
  generation.score({ name: "helpful", value: 0.9, comment: "on the point" });
  trace.score({ name: "tone", value: "warm" });
  langfuse.score({ traceId: trace.id, name: "resolved", value: 1, dataType: "BOOLEAN" });
  const fallback = await langfuse.getPrompt("js3/nowhere", undefined, { fallback: "Say {{x}}", maxRetries: 0 });
  const unlinked = trace.generation({ name: "fallback", prompt: fallback, input: fallback.compile({ x: "it" }) });
  unlinked.end();
  await langfuse.flushAsync();

  const masked = new Langfuse({ mask: ({ data }) => JSON.parse(JSON.stringify(data).replaceAll("secret", "***")) });
  const hidden = masked.trace({ name: "masked", input: { text: "my secret" }, output: "secret" });
  await masked.shutdownAsync();
  const disabled = new Langfuse({ enabled: false });
  const never = disabled.trace({ name: "never" });
  await disabled.shutdownAsync();

  const read = (await langfuse.fetchTrace(encodeURIComponent(trace.id))).data;
  return {
    trace: trace.id,
    ids: {
      span: span.id,
      generation: generation.id,
      event: event.id,
      detailed: detailed.id,
      fallback: unlinked.id,
      masked: hidden.id,
      never: never.id,
    },
    url: trace.getTraceUrl(),
    read: { name: read.name, observations: read.observations.length, scores: read.scores.length },
    listed: (await langfuse.fetchTraces({ userId: "js3-user" })).data.map((each) => each.id),
    observations: (await langfuse.fetchObservations({ traceId: trace.id, type: "GENERATION", name: "draft" })).data.map(
      (each) => each.id,
    ),
    observation: (await langfuse.fetchObservation(generation.id)).data.id,
    sessions: (await langfuse.fetchSessions()).data?.map((each) => each.id),
  };
}
