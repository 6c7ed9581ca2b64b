// Prompts created, labelled, fetched with a cache and with a fallback, compiled.
import { Langfuse } from "langfuse";

const NAME = "js3/shop/greet me";

const shown = ({ name, version, labels, tags, config, prompt, isFallback }) => ({
  name,
  version,
  labels,
  tags,
  config,
  prompt,
  isFallback,
});

export async function run() {
  const langfuse = new Langfuse();
  let asked = 0;
  const fetched = langfuse.fetch.bind(langfuse);
  langfuse.fetch = (url, options) => {
    if (options.method === "GET") asked += 1;
    return fetched(url, options);
  };
  const found = {};
  found.text = shown(
    await langfuse.createPrompt({
      name: NAME,
      prompt: "Grüße {{name}} from {{shop}} 🚀\n",
      labels: ["production", "a.b-c"],
      tags: ["x", "a"],
      config: { model: "gpt-4o", temperature: 0.25 },
    }),
  );
  const again = await langfuse.createPrompt({ name: NAME, prompt: "Hello {{name}}", labels: ["staging"] });
  found.moved = (await langfuse.updatePrompt({ name: NAME, version: again.version, newLabels: ["a.b-c"] })).labels;
  await langfuse.createPrompt({
    name: "js3/chat bot",
    type: "chat",
    prompt: [
      { role: "system", content: "You are {{who}}." },
      { type: "placeholder", name: "history" },
      { role: "user", content: "{{ask}}" },
    ],
    labels: ["production"],
  });
  const chat = await langfuse.getPrompt("js3/chat bot", undefined, { type: "chat" });
  found.chat = chat.compile({ who: "a bot", ask: "Why?" }, { history: [{ role: "assistant", content: "two" }] });
  const production = await langfuse.getPrompt(NAME);
  found.production = shown(production);
  found.compiled = production.compile({ name: "Zoë", shop: "us" });
  found.staging = (await langfuse.getPrompt(NAME, undefined, { label: "staging" })).version;
  found.one = (await langfuse.getPrompt(NAME, 1)).version;
  const before = asked;
  for (let round = 0; round < 5; round += 1) await langfuse.getPrompt(NAME);
  found.cached = asked - before;
  await langfuse.getPrompt(NAME, undefined, { cacheTtlSeconds: 0 });
  found.uncached = asked - before;
  const fallback = await langfuse.getPrompt("js3/nowhere", undefined, { fallback: "Say {{x}}", maxRetries: 0 });
  found.fallback = [fallback.isFallback, fallback.compile({ x: "it" })];
  found.missing = await langfuse.getPrompt("js3/nowhere", undefined, { maxRetries: 0 }).then(
    () => null,
    (error) => String(error.message ?? error),
  );
  return found;
}
