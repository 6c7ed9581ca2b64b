"""Every SDK: datasets with items and runs; from 3 on experiments and the evaluation of what is stored already."""

import json

from langfuse import Langfuse
from sdk import MAJOR, NAME

DATASET = f"{NAME}/data set ü"
RUN = f"{NAME} run/1"


def run():
    langfuse = Langfuse()
    found = {"made": made(langfuse)}
    found["runs"] = linked(langfuse) if MAJOR == 2 else experiment(langfuse)
    if MAJOR >= 3:
        found["local"] = local_experiment(langfuse)
        found["evaluated"] = evaluated(langfuse)
    if MAJOR < 5:
        found["read"] = read_runs(langfuse)
    if MAJOR in (3, 4):
        langfuse.delete_dataset_run(dataset_name=DATASET, run_name=f"{NAME} run/2")
        found["after"] = [each.name for each in langfuse.get_dataset_runs(dataset_name=DATASET).data]
    langfuse.flush()
    return found


def made(langfuse):
    dataset = langfuse.create_dataset(name=DATASET, description="of tests", metadata={"owner": "us"})
    for number in range(3):
        langfuse.create_dataset_item(
            dataset_name=DATASET,
            id=f"{NAME}-item-{number}",
            input={"number": number},
            expected_output=number * 2,
            metadata={"k": number},
        )
    langfuse.create_dataset_item(dataset_name=DATASET, id=f"{NAME}-item-2", input={"number": 20}, expected_output=None)
    langfuse.create_dataset_item(dataset_name=DATASET, id=f"{NAME}-archived", input="old", status="ARCHIVED")
    fetched = langfuse.get_dataset(DATASET, fetch_items_page_size=2)
    items = sorted(fetched.items, key=lambda item: item.id)
    return {
        "id": dataset.id,
        "description": fetched.description,
        "metadata": fetched.metadata,
        "items": [[item.id, item.input, item.expected_output, item.metadata, str(item.status)] for item in items],
    }


def linked(langfuse):
    """SDK 2: by `item.link` and by `item.observe`."""
    from langfuse.decorators import langfuse_context, observe

    @observe()
    def work(number):
        return number * 2

    dataset = langfuse.get_dataset(DATASET)
    for name in (RUN, f"{NAME} run/2"):
        for item in dataset.items:
            trace = langfuse.trace(name="run", input=item.input)
            span = trace.span(name="work")
            item.link(span, name, run_metadata={"model": "m"}, run_description="tried")
            trace.score(name="exact", value=1)
    for item in dataset.items:
        with item.observe(run_name=f"{NAME} observed") as trace_id:
            work(item.input["number"], langfuse_observation_id=trace_id)
    langfuse_context.flush()
    langfuse.flush()
    return None


def double(*, item, **_):
    value = item["input"] if isinstance(item, dict) else item.input
    return value["number"] * 2


def exact(*, input, output, expected_output=None, metadata=None, **_):
    from langfuse import Evaluation

    return Evaluation(name="exact", value=float(output == expected_output), comment=f"{output}", data_type="NUMERIC")


async def warm(*, output, **_):
    from langfuse import Evaluation

    return [Evaluation(name="warm", value="yes", data_type="CATEGORICAL")]


def mean(*, item_results, **_):
    from langfuse import Evaluation

    values = [each.value for result in item_results for each in result.evaluations if each.name == "exact"]
    return Evaluation(name="mean exact", value=sum(values) / len(values), comment="of all")


def told(result):
    return {
        "run_name": result.run_name,
        "dataset_run_id": result.dataset_run_id,
        "url": result.dataset_run_url,
        "items": sorted([each.output, each.trace_id] for each in result.item_results),
        "evaluations": [[each.name, each.value] for each in result.run_evaluations],
        "formatted": len(result.format()) > 0,
    }


def experiment(langfuse):
    results = []
    for name in (RUN, f"{NAME} run/2"):
        result = langfuse.get_dataset(DATASET).run_experiment(
            name="doubling",
            run_name=name,
            description="tried",
            task=double,
            evaluators=[exact, warm],
            run_evaluators=[mean],
            metadata={"model": "m"},
        )
        results.append(told(result))
    return results


def local_experiment(langfuse):
    return told(
        langfuse.run_experiment(
            name=f"{NAME} local",
            data=[{"input": {"number": 5}, "expected_output": 10, "metadata": {"a": "b"}}, {"input": {"number": 6}}],
            task=double,
            evaluators=[exact],
            run_evaluators=[mean],
        )
    )


def evaluated(langfuse):
    """Scores what is stored: generations by a filter, in pages, by what each SDK reads them with."""
    from langfuse import Evaluation, EvaluatorInputs

    with langfuse.start_as_current_observation(name=f"{NAME} to evaluate", as_type="span"):
        for number in range(5):
            each = langfuse.start_observation(
                name=f"{NAME} evaluated", as_type="generation", input=f"question {number}", output="x" * number
            )
            each.end()
    langfuse.flush()

    def mapper(*, item):
        return EvaluatorInputs(input=item.input, output=item.output, expected_output=None, metadata={"id": item.id})

    def length(*, input, output, expected_output=None, metadata=None, **_):
        return Evaluation(name=f"{NAME} length", value=len(output or ""))

    condition = [{"type": "string", "column": "name", "operator": "=", "value": f"{NAME} evaluated"}]
    options = {} if MAJOR == 5 else {"scope": "observations"}
    result = langfuse.run_batched_evaluation(
        mapper=mapper, evaluators=[length], filter=json.dumps(condition), fetch_batch_size=2, **options
    )
    found = {
        "fetched": result.total_items_fetched,
        "processed": result.total_items_processed,
        "failed": result.total_items_failed,
        "scores": result.total_scores_created,
        "completed": result.completed,
    }
    if MAJOR < 5:
        condition[0]["value"] = f"{NAME} to evaluate"
        traces = langfuse.run_batched_evaluation(
            scope="traces", mapper=mapper, evaluators=[length], filter=json.dumps(condition)
        )
        found["traces"] = traces.total_items_processed
    return found


def read_runs(langfuse):
    runs = langfuse.get_dataset_runs(DATASET) if MAJOR == 2 else langfuse.get_dataset_runs(dataset_name=DATASET)
    if MAJOR == 2:
        one = langfuse.get_dataset_run(DATASET, RUN)
    else:
        one = langfuse.get_dataset_run(dataset_name=DATASET, run_name=RUN)
    return {
        "names": sorted(each.name for each in runs.data),
        "description": one.description,
        "metadata": one.metadata,
        "id": one.id,
        "items": sorted([each.dataset_item_id, each.trace_id, each.observation_id] for each in one.dataset_run_items),
    }
