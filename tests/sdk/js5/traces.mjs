// Nested observations of every type, with everything that can be said of one; scores; prompt links.
import { LangfuseClient } from "@langfuse/client";
import {
  createTraceId,
  getActiveSpanId,
  getActiveTraceId,
  observe,
  propagateAttributes,
  setActiveTraceAsPublic,
  setActiveTraceIO,
  startActiveObservation,
  startObservation,
  updateActiveObservation,
} from "@langfuse/tracing";
import { processor } from "./tracing.mjs";

const TYPES = ["span", "agent", "tool", "chain", "retriever", "evaluator", "guardrail", "generation", "embedding"];
const langfuse = new LangfuseClient();

export async function run() {
  const prompts = {
    text: await langfuse.prompt.create({ name: "js5/text", prompt: "Say {{word}}", labels: ["production"] }),
    chat: await langfuse.prompt.create({
      name: "js5/chat",
      type: "chat",
      prompt: [{ role: "user", content: "Hi {{name}}" }],
      labels: ["production"],
    }),
  };
  const found = {
    nested: await nested(),
    links: await links(prompts),
    remote: await remote(),
    errors: await errors(),
    updates: updates(),
    observed: await observed(),
    scores: scores(),
    contents: contents(),
  };
  await processor.forceFlush();
  await langfuse.flush();
  return found;
}

function fieldsOf(kind) {
  const fields = {
    input: { to: kind },
    metadata: { kind, deep: { list: [1, "two", null] }, count: 3, flag: true, text: '{"a": 1}' },
    level: "DEBUG",
    statusMessage: `at ${kind}`,
    version: `v-${kind}`,
  };
  if (kind !== "generation" && kind !== "embedding") return fields;
  return {
    ...fields,
    model: "gpt-4o-mini",
    modelParameters: { temperature: 0.5, max_tokens: 10, stop: "a" },
    usageDetails: { input: 3, output: 4 },
  };
}

async function nested() {
  const ids = {};
  const told = await startActiveObservation("root", async (root) => {
    root.update({ input: { q: 1 } });
    await propagateAttributes(
      {
        userId: "js5-user",
        sessionId: "js5-session",
        tags: ["b", "a"],
        version: "1.2",
        metadata: { plan: "pro" },
        traceName: "js5-nested",
      },
      () => below([...TYPES], ids),
    );
    setActiveTraceAsPublic();
    setActiveTraceIO({ input: { asked: true }, output: { told: true } });
    root.update({ output: "done" });
    return { trace: root.traceId, root: root.id, active: [getActiveTraceId(), getActiveSpanId()] };
  });
  return { ...told, ids, url: await langfuse.getTraceUrl(told.trace) };
}

// Each type under the one before, an event in the middle.
async function below(kinds, ids) {
  const kind = kinds.shift();
  if (!kind) return;
  await startActiveObservation(
    `a ${kind}`,
    async (each) => {
      ids[kind] = each.id;
      each.update(fieldsOf(kind));
      if (kind === "chain") {
        const event = each.startObservation(
          "an event",
          { input: "in", output: "out", metadata: { e: 1 }, level: "WARNING" },
          { asType: "event" },
        );
        ids.event = event.id;
      }
      await below(kinds, ids);
      each.update({ output: [kind, 1.5] });
    },
    { asType: kind },
  );
}

async function links(prompts) {
  const ids = {};
  const fallback = await langfuse.prompt.get("js5/nowhere", { fallback: "Say {{word}}", maxRetries: 0 });
  const root = startObservation("links", {});
  const generation = (name, prompt) => {
    const each = root.startObservation(name, { prompt }, { asType: "generation" });
    ids[name] = each.id;
    return each;
  };
  generation("text", prompts.text).end();
  const later = generation("update", undefined);
  later.update({ prompt: prompts.chat }).end();
  generation("fallback", fallback).update({ input: fallback.compile({ word: "it" }) }).end();
  root.end();
  const propagated = await propagateAttributes({ prompt: prompts.chat }, () => {
    const each = startObservation("propagated", {}, { asType: "generation" });
    each.end();
    return { id: each.id, trace: each.traceId };
  });
  return { trace: root.traceId, ids, propagated, isFallback: fallback.isFallback, version: fallback.version };
}

// An observation of a trace that another process began, with an id made from a seed and times of one's own.
async function remote() {
  const traceId = await createTraceId("js5 order 12");
  const each = startObservation(
    "afar",
    { input: "from afar", output: "arrived" },
    {
      asType: "agent",
      startTime: new Date("2026-02-03T04:05:06.789Z"),
      parentSpanContext: { traceId, spanId: "00000000000000a1", traceFlags: 1 },
    },
  );
  each.end(new Date("2026-02-03T04:05:09.289Z"));
  return { trace: traceId, afar: each.id };
}

async function errors() {
  const ids = {};
  await startActiveObservation(
    "fails",
    async (root) => {
      ids.trace = root.traceId;
      ids.root = root.id;
      await startActiveObservation(
        "raised",
        async (each) => {
          ids.raised = each.id;
          each.otelSpan.recordException(new Error("seen before"));
          throw new Error("too hot");
        },
        { asType: "generation" },
      );
    },
    {},
  ).catch(() => {});
  return ids;
}

function updates() {
  const first = new Date();
  const each = startObservation(
    "updated",
    { input: "one", metadata: { a: 1 }, model: "gpt-4o" },
    { asType: "generation" },
  );
  each.update({ input: "two", metadata: { d: 4 }, model: "gpt-4o-mini", version: "7" });
  each.update({
    output: { text: "ünï — 漢字 🚀" },
    completionStartTime: new Date(first.getTime() + 500),
    usageDetails: {
      prompt_tokens: 12,
      completion_tokens: 30,
      total_tokens: 42,
      prompt_tokens_details: { cached_tokens: 4 },
      completion_tokens_details: { reasoning_tokens: 10 },
    },
    modelParameters: { temperature: 0, seed: 7 },
    statusMessage: "done",
  });
  each.end(new Date(first.getTime() + 2000));
  const priced = startObservation(
    "priced",
    { model: "my-own-model", usageDetails: { input: 10, output: 5 }, costDetails: { input: 0.25, output: 0.5 } },
    { asType: "generation" },
  );
  priced.end();
  return { generation: each.id, trace: each.traceId, priced: priced.id, pricedTrace: priced.traceId };
}

async function observed() {
  const ids = {};
  const tool = observe(
    (word) => {
      ids.tool = getActiveSpanId();
      return word.toUpperCase();
    },
    { name: "shout", asType: "tool" },
  );
  const agent = observe(
    async function answer(question) {
      ids.trace = getActiveTraceId();
      ids.agent = getActiveSpanId();
      updateActiveObservation({ metadata: { by: "observe" } }, { asType: "agent" });
      return { said: tool(question) };
    },
    { asType: "agent" },
  );
  await agent("why?");
  return ids;
}

function scores() {
  const root = startObservation("scored", {});
  const each = root.startObservation("answer", {}, { asType: "generation" });
  langfuse.score.observation(each, { name: "numeric", value: 0.5, comment: "half", metadata: { by: "me" } });
  langfuse.score.observation(each, { name: "boolean", value: 1, dataType: "BOOLEAN" });
  langfuse.score.observation(each, { name: "category", value: "warm", dataType: "CATEGORICAL" });
  langfuse.score.trace(root, { name: "of the trace", value: 3 });
  each.end();
  root.end();
  startActiveObservation("active", (active) => {
    langfuse.score.activeObservation({ name: "active observation", value: 1 });
    langfuse.score.activeTrace({ name: "active trace", value: "blue" });
    root.active = active.traceId;
  });
  langfuse.score.create({ id: "js5-score", sessionId: "js5-scored-session", name: "session", value: 4.5 });
  langfuse.score.create({ id: "js5-score", sessionId: "js5-scored-session", name: "session", value: 5 });
  langfuse.score.create({ traceId: root.traceId, name: "elsewhere", value: 1, environment: "production" });
  return { trace: root.traceId, generation: each.id, active: root.active };
}

function contents() {
  const given = {
    "empty": "",
    "number": 12.5,
    "zero": 0,
    "false": false,
    "list": [1, [2, [3]]],
    "json text": '{"a": 1}',
    "long": "x".repeat(100_000),
    "date": new Date("2026-01-02T00:00:00Z"),
  };
  const root = startObservation("contents", { metadata: "only text" });
  const ids = {};
  for (const [key, value] of Object.entries(given)) {
    const each = root.startObservation(key, { input: value, output: value, metadata: { it: value } });
    each.end();
    ids[key] = each.id;
  }
  root.end();
  return { trace: root.traceId, root: root.id, ids };
}
