// Prompts created, labelled, fetched with a cache and with a fallback, deleted, refused.
import { LangfuseClient } from "@langfuse/client";

const NAME = "js5/shop/greet me";
let asked = 0;
const fetched = globalThis.fetch;
globalThis.fetch = (...given) => {
  if (String(given[0]?.url ?? given[0]).includes("/v2/prompts/")) asked += 1;
  return fetched(...given);
};

const shown = ({ name, version, labels, tags, config, prompt, isFallback, commitMessage }) => ({
  name,
  version,
  labels,
  tags,
  config,
  prompt,
  isFallback,
  commitMessage,
});

export async function run() {
  const langfuse = new LangfuseClient();
  const found = {};
  found.text = shown(
    await langfuse.prompt.create({
      name: NAME,
      prompt: "Grüße {{ name }} from {{shop}} 🚀\n  twice\n",
      labels: ["production", "a.b-c"],
      tags: ["x", "a"],
      config: { model: "gpt-4o", temperature: 0.25, deep: { list: [1, null, true] } },
      commitMessage: "Greet",
    }),
  );
  const again = await langfuse.prompt.create({ name: NAME, prompt: "Hello {{name}}", labels: ["staging"] });
  found.moved = (await langfuse.prompt.update({ name: NAME, version: again.version, newLabels: ["a.b-c"] })).labels;
  await langfuse.prompt.create({
    name: "js5/chat bot",
    type: "chat",
    prompt: [
      { role: "system", content: "You are {{who}}." },
      { type: "placeholder", name: "history" },
      { role: "user", content: "{{ask}}" },
    ],
    labels: ["production"],
  });
  const chat = await langfuse.prompt.get("js5/chat bot", { type: "chat" });
  found.chat = chat.compile({ who: "a bot", ask: "Why?" }, { history: [{ role: "assistant", content: "two" }] });
  const production = await langfuse.prompt.get(NAME);
  found.production = shown(production);
  found.compiled = production.compile({ name: "Zoë", shop: "us" });
  found.staging = (await langfuse.prompt.get(NAME, { label: "staging" })).version;
  found.latest = (await langfuse.prompt.get(NAME, { label: "latest" })).version;
  found.one = (await langfuse.prompt.get(NAME, { version: 1 })).version;
  const before = asked;
  for (let round = 0; round < 5; round += 1) await langfuse.prompt.get(NAME);
  found.cached = asked - before;
  await langfuse.prompt.get(NAME, { cacheTtlSeconds: 0 });
  found.uncached = asked - before;
  const fallback = await langfuse.prompt.get("js5/nowhere", { fallback: "Say {{x}}", maxRetries: 0 });
  found.fallback = [fallback.isFallback, fallback.compile({ x: "it" })];
  found.refused = {};
  const refuse = async (key, call) => {
    found.refused[key] = await call().then(
      () => null,
      (error) => error.statusCode ?? error.message,
    );
  };
  await refuse("missing", () => langfuse.api.prompts.get("js5/nowhere"));
  await refuse("label", () => langfuse.prompt.create({ name: NAME, prompt: "x", labels: ["Not A Label"] }));
  await refuse("type", () => langfuse.prompt.create({ name: NAME, type: "chat", prompt: [] }));
  await langfuse.prompt.delete(NAME, { version: 1 });
  found.after = (await langfuse.api.prompts.list({ name: NAME })).data[0].versions;
  await langfuse.prompt.delete(NAME);
  await refuse("deleted", () => langfuse.api.prompts.get(NAME));
  return found;
}
