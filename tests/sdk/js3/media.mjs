// Media as LangfuseMedia and as data URIs in input, output and metadata, and read back.
import { Langfuse, LangfuseMedia } from "langfuse";
import { createHash } from "node:crypto";
import { setTimeout } from "node:timers/promises";

const bytes = (name, size) => createHash("shake256", { outputLength: size }).update(name).digest();
const PICTURE = `data:image/png;base64,${bytes("picture", 70_000).toString("base64")}`;

export async function run() {
  await setTimeout(0); // The SDK imports its crypto asynchronously, and does not wait for it.
  const langfuse = new Langfuse();
  const trace = langfuse.trace({
    name: "see",
    input: { messages: [{ role: "user", content: [{ type: "image_url", image_url: { url: PICTURE } }] }] },
    output: new LangfuseMedia({ contentBytes: bytes("sound", 700_000), contentType: "audio/wav" }),
    metadata: { paper: new LangfuseMedia({ contentBytes: bytes("paper", 2_000), contentType: "application/pdf" }) },
  });
  await langfuse.flushAsync();
  const stored = (await langfuse.fetchTrace(trace.id)).data;
  const resolve = (obj) => langfuse.resolveMediaReferences({ obj, resolveWith: "base64DataUri" });
  return {
    input: await resolve(stored.input),
    output: await resolve(stored.output),
    paper: await resolve(stored.metadata.paper),
    stored: [stored.input, stored.output],
  };
}
