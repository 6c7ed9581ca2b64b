// Runs scenarios in one process: `scenarios.mjs traces prompts …`, modules beside this file with a `run()`.
// Prints one JSON object: for each scenario what its `run()` returned, or the "traceback".
const printed = process.stdout.write.bind(process.stdout);
process.stdout.write = process.stderr.write.bind(process.stderr); // SDKs print too

const told = {};
for (const name of process.argv.slice(2)) {
  try {
    const { run } = await import(`./${name}.mjs`);
    told[name] = await run();
  } catch (error) {
    told[name] = { traceback: `${error?.stack ?? error} ${JSON.stringify(error?.body ?? null)}` };
  }
}
printed(JSON.stringify(told), () => process.exit(0));
