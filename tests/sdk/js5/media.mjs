// Media as LangfuseMedia and as data URIs in input, output and metadata, and read back.
import { LangfuseClient, LangfuseMedia } from "@langfuse/client";
import { startObservation } from "@langfuse/tracing";
import { createHash } from "node:crypto";
import { processor } from "./tracing.mjs";

const bytes = (name, size) => createHash("shake256", { outputLength: size }).update(name).digest();
const PICTURE = `data:image/png;base64,${bytes("picture", 70_000).toString("base64")}`;

export async function run() {
  const langfuse = new LangfuseClient();
  const span = startObservation("see", {
    input: { messages: [{ role: "user", content: [{ type: "image_url", image_url: { url: PICTURE } }] }] },
    output: new LangfuseMedia({ source: "bytes", contentBytes: bytes("sound", 700_000), contentType: "audio/wav" }),
    metadata: {
      paper: new LangfuseMedia({ source: "bytes", contentBytes: bytes("paper", 2_000), contentType: "application/pdf" }),
    },
  });
  span.end();
  await processor.forceFlush();
  const stored = await langfuse.api.legacy.observationsV1.get(span.id);
  const resolve = (obj) => langfuse.media.resolveReferences({ obj, resolveWith: "base64DataUri" });
  return {
    input: await resolve(stored.input),
    output: await resolve(stored.output),
    paper: await resolve(stored.metadata.paper),
    stored: [stored.input, stored.output],
  };
}
