// Datasets with items and linked runs.
import { Langfuse } from "langfuse";

const DATASET = "js3/data set ü";

export async function run() {
  const langfuse = new Langfuse();
  await langfuse.createDataset({ name: DATASET, description: "of tests", metadata: { owner: "us" } });
  for (const number of [0, 1, 2]) {
    await langfuse.createDatasetItem({
      datasetName: DATASET,
      id: `js3-item-${number}`,
      input: { number },
      expectedOutput: number * 2,
      metadata: { k: number },
    });
  }
  const dataset = await langfuse.getDataset(DATASET, { fetchItemsPageSize: 2 });
  for (const item of dataset.items) {
    const trace = langfuse.trace({ name: "run", input: item.input });
    const span = trace.span({ name: "work" });
    span.end();
    await item.link(span, "js3 run/1", { description: "tried", metadata: { model: "m" } });
    await item.link(trace, "js3 run/2");
  }
  await langfuse.flushAsync();
  const one = await langfuse.getDatasetRun({ datasetName: DATASET, runName: "js3 run/1" });
  return {
    description: dataset.description,
    metadata: dataset.metadata,
    items: dataset.items.map(({ id, input, expectedOutput, metadata }) => [id, input, expectedOutput, metadata]).sort(),
    item: (await langfuse.getDatasetItem("js3-item-1")).input,
    runs: (await langfuse.getDatasetRuns(DATASET)).data.map((each) => each.name).sort(),
    run: [one.description, one.metadata],
    linked: one.datasetRunItems.map((each) => [each.datasetItemId, each.traceId, each.observationId]).sort(),
  };
}
