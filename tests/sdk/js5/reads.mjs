// Each read of the generated client that the server has, on what the scenarios before it wrote.
import { LangfuseClient } from "@langfuse/client";

const day = 86_400_000;
const SINCE = new Date(Date.now() - 2 * day).toISOString();
const UNTIL = new Date(Date.now() + day).toISOString();
const METRICS = JSON.stringify({
  view: "observations",
  metrics: [{ measure: "count", aggregation: "count" }],
  dimensions: [{ field: "name" }],
  filters: [],
  fromTimestamp: SINCE,
  toTimestamp: UNTIL,
});

export async function run() {
  const langfuse = new LangfuseClient();
  const { api } = langfuse;
  const dataset = "js5/data set ü";
  const fields = "core,basic,time,io,metadata,model,usage,prompt,metrics,trace_context";
  const first = async (listing) => (await listing).data[0].id;
  const calls = {
    health: () => api.health.health(),
    projects: () => api.projects.get(),
    prompts: () => api.prompts.list({ limit: 100 }),
    prompt: () => api.prompts.get("js5/text", { label: "latest" }),
    datasets: () => api.datasets.list({ limit: 100 }),
    dataset: () => api.datasets.get(dataset),
    runs: () => api.datasets.getRuns(dataset),
    run: () => api.datasets.getRun(dataset, "js5 linked/1"),
    "run items": async () =>
      api.datasetRunItems.list({ datasetId: await datasetId(api, dataset), runName: "js5 linked/1" }),
    items: () => api.datasetItems.list({ limit: 100 }),
    item: () => api.datasetItems.get("js5-item-1"),
    "score configs": () => api.scoreConfigs.get({ limit: 100 }),
    models: () => api.models.list({ limit: 100 }),
    model: async () => api.models.get(await first(api.models.list({ limit: 1 }))),
    traces: () => api.trace.list({ limit: 100, fromTimestamp: SINCE, orderBy: "timestamp.desc" }),
    trace: async () => api.trace.get(await first(api.trace.list({ limit: 1 }))),
    observations: () => api.legacy.observationsV1.getMany({ limit: 100, fromStartTime: SINCE }),
    "observations v2": () => api.observations.getMany({ fields, limit: 1000, fromStartTime: SINCE }),
    scores: () => api.scores.getMany({ limit: 100 }),
    metrics: () => api.metrics.metrics({ query: METRICS }),
    "metrics v1": () => api.legacy.metricsV1.metrics({ query: METRICS }),
    experiments: () => api.experiments.list({ fromStartTime: SINCE, limit: 100 }),
    "experiment items": () => api.experiments.listItems({ fromStartTime: SINCE, limit: 100 }),
    sessions: () => api.sessions.list({ limit: 100 }),
    session: () => api.sessions.get("js5-session"),
    comments: () => api.comments.get({}),
    queues: () => api.annotationQueues.listQueues({}),
    fetchTraces: () => langfuse.fetchTraces({ limit: 1 }),
    fetchObservations: () => langfuse.fetchObservations({ limit: 1 }),
  };
  const found = {};
  for (const [key, call] of Object.entries(calls)) {
    try {
      const answer = await call();
      found[key] = { count: Array.isArray(answer.data) ? answer.data.length : 1 };
    } catch (error) {
      found[key] = { failed: `${error}`.slice(0, 1000) };
    }
  }
  return found;
}

async function datasetId(api, name) {
  return (await api.datasets.get(name)).id;
}
