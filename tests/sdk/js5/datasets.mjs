// Datasets with items, runs by links and experiments; scores of items and of runs.
import { LangfuseClient } from "@langfuse/client";
import { startObservation } from "@langfuse/tracing";
import { processor } from "./tracing.mjs";

const DATASET = "js5/data set ü";

const exact = async ({ output, expectedOutput }) => ({
  name: "exact",
  value: Number(output === expectedOutput),
  comment: `${output}`,
  dataType: "NUMERIC",
});
const warm = async () => [{ name: "warm", value: "yes", dataType: "CATEGORICAL" }];
const mean = async ({ itemResults }) => {
  const values = itemResults.flatMap((each) => each.evaluations.filter((one) => one.name === "exact"));
  return { name: "mean exact", value: values.reduce((sum, each) => sum + each.value, 0) / values.length };
};
const task = async ({ input }) => input.number * 2;

const told = (result) => ({
  runName: result.runName,
  datasetRunId: result.datasetRunId,
  url: result.datasetRunUrl,
  items: result.itemResults.map((each) => [each.output, each.traceId]).sort((one, two) => one[0] - two[0]),
  evaluations: result.runEvaluations.map((each) => [each.name, each.value]),
});

export async function run() {
  const langfuse = new LangfuseClient();
  const made = await langfuse.api.datasets.create({ name: DATASET, description: "of tests", metadata: { owner: "us" } });
  for (const number of [0, 1, 20]) {
    await langfuse.dataset.createItem({
      datasetName: DATASET,
      id: `js5-item-${number}`,
      input: { number },
      expectedOutput: number === 20 ? 4 : number * 2,
      metadata: { k: number },
    });
  }
  const dataset = await langfuse.dataset.get(DATASET, { fetchItemsPageSize: 2 });
  const found = {
    description: dataset.description,
    items: dataset.items
      .map(({ id, input, expectedOutput, metadata, status }) => [id, input, expectedOutput, metadata, status])
      .sort(),
  };
  for (const item of dataset.items) {
    const span = startObservation("linked", { input: item.input });
    span.end();
    await item.link(span, "js5 linked/1", { description: "tried", metadata: { model: "m" } });
  }
  found.run = told(
    await dataset.runExperiment({
      name: "doubling",
      runName: "js5 run/1",
      description: "tried",
      task,
      evaluators: [exact, warm],
      runEvaluators: [mean],
      metadata: { model: "m" },
    }),
  );
  found.local = told(
    await langfuse.experiment.run({
      name: "js5 local",
      data: [{ input: { number: 5 }, expectedOutput: 10 }, { input: { number: 6 } }],
      task,
      evaluators: [exact],
    }),
  );
  await processor.forceFlush();
  await langfuse.flush();
  found.id = made.id;
  return found;
}
