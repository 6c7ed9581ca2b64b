"""What the API's description says of each route beside what its handler tells: parameters, bodies, answers.

Handlers read raw requests, so that they can bound them and name every fault; what they read stands here. A test holds
this list to the routes: none may be missing, none may be left over.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from trunkline.api.langfuse.annotation_queues import (
    AssignedShape,
    Assignment,
    CreateItem,
    CreateQueue,
    Done,
    ItemShape,
    QueueShape,
    Removed,
    UpdateItem,
)
from trunkline.api.langfuse.comments import CommentShape, CreateComment, Made
from trunkline.api.langfuse.formats import PageMeta
from trunkline.api.langfuse.metrics_daily import DayShape
from trunkline.api.langfuse.shapes import ObservationShape
from trunkline.api.langfuse.shapes_datasets import (
    CreateDataset,
    CreateDatasetItem,
    CreateDatasetRunItem,
    DatasetItemShape,
    DatasetRunItemShape,
    DatasetRunShape,
    DatasetShape,
)
from trunkline.api.langfuse.shapes_experiments import ExperimentItemShape, ExperimentShape
from trunkline.api.langfuse.shapes_media import MediaShape, UploadUrlShape
from trunkline.api.langfuse.shapes_models import CreateModel, ModelShape
from trunkline.api.langfuse.shapes_prompts import CreatePrompt, NewLabels, PromptMetaShape, PromptShape
from trunkline.api.langfuse.shapes_score_configs import CreateScoreConfig, ScoreConfigShape, UpdateScoreConfig
from trunkline.api.langfuse.shapes_scores import ScoreShape as LangfuseScore
from trunkline.api.langfuse.shapes_scores import ScoreV3Shape
from trunkline.api.langfuse.shapes_sessions import SessionShape, SessionWithTraces
from trunkline.api.native.shapes import (
    HistoryShape,
    KeyBody,
    MetricsRow,
    MovedShape,
    PromotionBody,
    RollbackBody,
    SearchHitShape,
    VersionShape,
)
from trunkline.api.native.users import UserShape
from trunkline.serving.compiling import CompileRequest
from trunkline.serving.entries import NativePrompt
from trunkline.store.project_settings import ProjectSettings
from trunkline.types import JSON

Schema = Mapping[str, JSON]


@dataclass(frozen=True, slots=True)
class Query:
    """A query parameter. `type` is one of JSON Schema's, or `date-time`."""

    name: str
    type: str = "string"
    description: str = ""
    required: bool = False


@dataclass(frozen=True, slots=True)
class Operation:
    """`path` is how the description spells the route where that differs; `answer` a type, or a schema around types."""

    tag: str
    query: tuple[Query, ...] = ()
    body: object = None
    answer: object = None
    status: int = 200
    also: tuple[int, ...] = ()
    """Other good statuses, whose answers are not described further."""
    path: str = ""
    binary_type: str = ""
    """Another content type in which the body may come, as bytes."""


@dataclass(frozen=True, slots=True)
class Listed:
    """An answer of ``{<key>: [item, …], …}``."""

    item: object
    key: str = "data"
    beside: Mapping[str, object] = field(default_factory=dict)


PAGE = (Query("page", "integer", "From 1."), Query("limit", "integer", "Items on a page, at most 100."))
NAME = Query("name", description="The prompt's name.", required=True)
TIMES = (Query("fromTimestamp", "date-time"), Query("toTimestamp", "date-time"))
SELECTOR = (
    Query("label", description="Excludes `version`; `production` where neither is given."),
    Query("version", "integer"),
)
FILTER = Query("filter", description="Conditions as a JSON array of {type, column, operator, value, key}.")
ENVIRONMENT = Query("environment", description="May be repeated.")
PAGED = {"meta": PageMeta}

PROMPTS, TRACES, SCORES, NATIVE, SERVER = "Prompts", "Traces", "Scores", "Trunkline", "Server"
DATASETS = "Datasets"
MEDIA = "Media"

METRICS = "Metrics"
QUERY = Query(
    "query", description="The question as a JSON document; docs/metrics.md says what it may hold.", required=True
)

_TRACE_FILTERS = (
    *(*PAGE, *TIMES, ENVIRONMENT),
    *(*map(Query, ("name", "userId", "sessionId", "tags", "version", "release", "orderBy", "fields")), FILTER),
)
_OBSERVATION_FILTERS = (
    *(ENVIRONMENT, Query("fromStartTime", "date-time"), Query("toStartTime", "date-time")),
    *(Query("isRootObservation", "boolean"), Query("limit", "integer")),
    *(
        *map(Query, ("name", "userId", "type", "traceId", "parentObservationId", "sessionId", "level", "version")),
        FILTER,
    ),
)
_SCORE_FILTERS = (
    *(*TIMES, ENVIRONMENT, Query("value", "number"), Query("limit", "integer")),
    *map(Query, ("name", "userId", "source", "dataType", "operator", "traceId", "observationId", "sessionId")),
    *map(Query, ("configId", "queueId", "datasetRunId", "fields")),
)

_ADDRESS_TERMS = (Query("expires", "integer", "Seconds since 1970."), Query("signature", required=True))
_UPLOAD_TERMS = (*_ADDRESS_TERMS, Query("length", "integer"), Query("sha256"), Query("type"))
_EXPERIMENT_FILTERS = (
    Query("fromStartTime", "date-time", required=True),
    *(Query("toStartTime", "date-time"), Query("limit", "integer"), Query("scoreLimit", "integer")),
    *map(Query, ("fields", "cursor", "datasetId", "filter")),
)

OPERATIONS: Mapping[tuple[str, str], Operation] = {
    ("GET", "/api/public/health"): Operation(SERVER),
    ("GET", "/api/public/projects"): Operation(SERVER),
    ("GET", "/api/public/v2/prompts"): Operation(
        PROMPTS,
        query=(
            *(*map(Query, ("name", "label", "tag")), Query("version", "integer"), PAGE[0]),
            Query("limit", "integer", "Items on a page: 10 where it is not given, at most 100."),
            *(Query("fromUpdatedAt", "date-time"), Query("toUpdatedAt", "date-time")),
        ),
        answer=Listed(PromptMetaShape, beside={"meta": PageMeta, "pagination": PageMeta}),
    ),
    ("POST", "/api/public/v2/prompts"): Operation(PROMPTS, body=CreatePrompt, answer=PromptShape, status=201),
    ("GET", "/api/public/v2/prompts/{prompt_name}"): Operation(
        PROMPTS,
        query=(
            *SELECTOR,
            Query("resolve", "boolean", "`false` gives the text with its references in it."),
            Query("sticky", description="Keeps a caller on one version of a split."),
        ),
        answer=PromptShape,
    ),
    ("PATCH", "/api/public/v2/prompts/{prompt_name}"): Operation(
        PROMPTS,
        body=NewLabels,
        answer=PromptShape,
        path="/api/public/v2/prompts/{prompt_name}/versions/{version}",
    ),
    ("DELETE", "/api/public/v2/prompts/{prompt_name}"): Operation(
        PROMPTS,
        query=(
            Query("label", description="Only the versions that have it."),
            Query("version", "integer", "Only this one."),
        ),
        status=204,
    ),
    ("POST", "/api/public/ingestion"): Operation(TRACES, body={"type": "object", "required": ["batch"]}, status=207),
    ("POST", "/api/public/otel/v1/traces"): Operation(
        TRACES, body={"type": "object"}, binary_type="application/x-protobuf"
    ),
    ("GET", "/api/public/traces"): Operation(TRACES, query=_TRACE_FILTERS, answer=Listed({}, beside=PAGED)),
    ("DELETE", "/api/public/traces"): Operation(TRACES, body={"type": "object", "required": ["traceIds"]}),
    ("GET", "/api/public/traces/{trace_id}"): Operation(TRACES, query=(Query("fields"),), answer={"type": "object"}),
    ("DELETE", "/api/public/traces/{trace_id}"): Operation(TRACES),
    ("GET", "/api/public/observations"): Operation(
        TRACES, query=(PAGE[0], *_OBSERVATION_FILTERS), answer=Listed(ObservationShape, beside=PAGED)
    ),
    ("GET", "/api/public/observations/{observation_id}"): Operation(TRACES, answer=ObservationShape),
    ("GET", "/api/public/v2/observations"): Operation(
        TRACES,
        query=(*_OBSERVATION_FILTERS, *map(Query, ("fields", "cursor", "expandMetadata"))),
        answer=Listed({}, beside={"meta": {"type": "object"}}),
    ),
    ("GET", "/api/public/sessions"): Operation(
        TRACES, query=(*PAGE, *TIMES, ENVIRONMENT), answer=Listed(SessionShape, beside=PAGED)
    ),
    ("GET", "/api/public/sessions/{session_id}"): Operation(TRACES, answer=SessionWithTraces),
    ("POST", "/api/public/scores"): Operation(SCORES, body={"type": ["object", "array"]}, also=(202, 207)),
    ("DELETE", "/api/public/scores/{score_id}"): Operation(SCORES, status=204),
    ("GET", "/api/public/v2/scores"): Operation(
        SCORES,
        query=(PAGE[0], *_SCORE_FILTERS, *map(Query, ("scoreIds", "traceTags")), FILTER),
        answer=Listed({}, beside=PAGED),
    ),
    ("GET", "/api/public/v2/scores/{score_id}"): Operation(SCORES, answer=LangfuseScore),
    ("GET", "/api/public/v3/scores"): Operation(
        SCORES,
        query=(*_SCORE_FILTERS, *map(Query, ("id", "cursor", "valueMin", "valueMax", "authorUserId", "experimentId"))),
        answer=Listed(ScoreV3Shape, beside={"meta": {"type": "object"}}),
    ),
    ("GET", "/api/public/score-configs"): Operation(SCORES, query=PAGE, answer=Listed(ScoreConfigShape, beside=PAGED)),
    ("POST", "/api/public/score-configs"): Operation(SCORES, body=CreateScoreConfig, answer=ScoreConfigShape),
    ("GET", "/api/public/score-configs/{config_id}"): Operation(SCORES, answer=ScoreConfigShape),
    ("PATCH", "/api/public/score-configs/{config_id}"): Operation(
        SCORES, body=UpdateScoreConfig, answer=ScoreConfigShape
    ),
    ("POST", "/api/public/v2/datasets"): Operation(DATASETS, body=CreateDataset, answer=DatasetShape),
    ("GET", "/api/public/v2/datasets"): Operation(DATASETS, query=PAGE, answer=Listed(DatasetShape, beside=PAGED)),
    ("GET", "/api/public/v2/datasets/{dataset_name}"): Operation(DATASETS, answer=DatasetShape),
    ("POST", "/api/public/datasets"): Operation(DATASETS, body=CreateDataset, answer=DatasetShape),
    ("GET", "/api/public/datasets"): Operation(DATASETS, query=PAGE, answer=Listed(DatasetShape, beside=PAGED)),
    ("GET", "/api/public/datasets/{dataset_name}"): Operation(
        DATASETS,
        query=PAGE,
        answer=(Listed(DatasetRunShape, beside=PAGED), DatasetRunShape, DatasetShape),
        path="/api/public/datasets/{dataset_name}/runs",
    ),
    ("DELETE", "/api/public/datasets/{dataset_name}"): Operation(
        DATASETS, path="/api/public/datasets/{dataset_name}/runs/{run_name}"
    ),
    ("POST", "/api/public/dataset-items"): Operation(DATASETS, body=CreateDatasetItem, answer=DatasetItemShape),
    ("GET", "/api/public/dataset-items"): Operation(
        DATASETS,
        query=(
            *(*PAGE, *map(Query, ("datasetName", "sourceTraceId", "sourceObservationId"))),
            Query("version", "date-time", "The dataset as it stood then."),
        ),
        answer=Listed(DatasetItemShape, beside=PAGED),
    ),
    ("GET", "/api/public/dataset-items/{item_id}"): Operation(DATASETS, answer=DatasetItemShape),
    ("DELETE", "/api/public/dataset-items/{item_id}"): Operation(DATASETS),
    ("POST", "/api/public/dataset-run-items"): Operation(
        DATASETS, body=CreateDatasetRunItem, answer=DatasetRunItemShape
    ),
    ("GET", "/api/public/dataset-run-items"): Operation(
        DATASETS,
        query=(Query("datasetId", required=True), Query("runName", required=True), *PAGE),
        answer=Listed(DatasetRunItemShape, beside=PAGED),
    ),
    ("POST", "/api/public/media"): Operation(
        MEDIA,
        body={"type": "object", "required": ["contentType", "contentLength", "sha256Hash", "field"]},
        answer=UploadUrlShape,
    ),
    ("GET", "/api/public/media/{media_id}"): Operation(MEDIA, answer=MediaShape),
    ("PATCH", "/api/public/media/{media_id}"): Operation(
        MEDIA, body={"type": "object", "required": ["uploadedAt", "uploadHttpStatus"]}, status=204
    ),
    ("PUT", "/api/v1/media/{project_id}/{media_id}"): Operation(MEDIA, query=_UPLOAD_TERMS),
    ("GET", "/api/v1/media/{project_id}/{media_id}"): Operation(MEDIA, query=_ADDRESS_TERMS),
    ("GET", "/api/public/experiments"): Operation(
        DATASETS,
        query=(*_EXPERIMENT_FILTERS, *map(Query, ("id", "name"))),
        answer=Listed(ExperimentShape, beside={"meta": {"type": "object"}}),
    ),
    ("GET", "/api/public/experiment-items"): Operation(
        DATASETS,
        query=(*_EXPERIMENT_FILTERS, *map(Query, ("experimentId", "experimentName", "experimentItemId"))),
        answer=Listed(ExperimentItemShape, beside={"meta": {"type": "object"}}),
    ),
    ("GET", "/api/public/annotation-queues"): Operation(SCORES, query=PAGE, answer=Listed(QueueShape, beside=PAGED)),
    ("POST", "/api/public/annotation-queues"): Operation(SCORES, body=CreateQueue, answer=QueueShape),
    ("GET", "/api/public/annotation-queues/{queue_id}"): Operation(SCORES, answer=QueueShape),
    ("GET", "/api/public/annotation-queues/{queue_id}/items"): Operation(
        SCORES, query=(*PAGE, Query("status")), answer=Listed(ItemShape, beside=PAGED)
    ),
    ("POST", "/api/public/annotation-queues/{queue_id}/items"): Operation(SCORES, body=CreateItem, answer=ItemShape),
    ("GET", "/api/public/annotation-queues/{queue_id}/items/{item_id}"): Operation(SCORES, answer=ItemShape),
    ("PATCH", "/api/public/annotation-queues/{queue_id}/items/{item_id}"): Operation(
        SCORES, body=UpdateItem, answer=ItemShape
    ),
    ("DELETE", "/api/public/annotation-queues/{queue_id}/items/{item_id}"): Operation(SCORES, answer=Removed),
    ("POST", "/api/public/annotation-queues/{queue_id}/assignments"): Operation(
        SCORES, body=Assignment, answer=AssignedShape
    ),
    ("DELETE", "/api/public/annotation-queues/{queue_id}/assignments"): Operation(SCORES, body=Assignment, answer=Done),
    ("GET", "/api/public/comments"): Operation(
        TRACES,
        query=(*PAGE, *map(Query, ("objectType", "objectId", "authorUserId"))),
        answer=Listed(CommentShape, beside=PAGED),
    ),
    ("POST", "/api/public/comments"): Operation(TRACES, body=CreateComment, answer=Made),
    ("GET", "/api/public/comments/{comment_id}"): Operation(TRACES, answer=CommentShape),
    ("GET", "/api/public/models"): Operation(TRACES, query=PAGE, answer=Listed(ModelShape, beside=PAGED)),
    ("POST", "/api/public/models"): Operation(TRACES, body=CreateModel, answer=ModelShape),
    ("GET", "/api/public/models/{model_id}"): Operation(TRACES, answer=ModelShape),
    ("DELETE", "/api/public/models/{model_id}"): Operation(TRACES, status=204),
    ("GET", "/api/public/metrics"): Operation(METRICS, query=(QUERY,), answer=Listed({"type": "object"})),
    ("GET", "/api/public/metrics/daily"): Operation(
        METRICS,
        query=(*PAGE, *TIMES, ENVIRONMENT, *map(Query, ("traceName", "userId", "tags"))),
        answer=Listed(DayShape, beside=PAGED),
    ),
    ("GET", "/api/v1/users"): Operation(
        METRICS,
        query=(
            *(*PAGE, Query("since", "date-time"), Query("until", "date-time"), ENVIRONMENT),
            Query("contains", description="Only users in whose name this stands."),
            Query("order", description="last_seen (where it is not given), first_seen, traces or user."),
        ),
        answer=Listed(UserShape, key="users"),
    ),
    ("GET", "/api/public/v2/metrics"): Operation(METRICS, query=(QUERY,), answer=Listed({"type": "object"})),
    ("POST", "/api/v1/compile"): Operation(NATIVE, body=CompileRequest, answer=NativePrompt),
    ("GET", "/api/v1/labels/{label}/bundle"): Operation(NATIVE, answer=Listed(NativePrompt, key="prompts")),
    ("DELETE", "/api/v1/labels/{label}"): Operation(
        NATIVE,
        query=(NAME, Query("expected", "integer", "The version that the label is thought to serve.")),
        answer=MovedShape,
    ),
    ("GET", "/api/v1/prompts"): Operation(
        NATIVE,
        query=(*map(Query, ("prefix", "label", "tag", "after")), Query("limit", "integer")),
        answer=Listed({"type": "object"}, key="prompts"),
    ),
    ("GET", "/api/v1/prompts/show"): Operation(NATIVE, query=(NAME, *SELECTOR)),
    ("GET", "/api/v1/prompts/history"): Operation(
        NATIVE, query=(NAME, Query("label"), Query("limit", "integer")), answer=Listed(HistoryShape, key="history")
    ),
    ("GET", "/api/v1/prompts/diff"): Operation(
        NATIVE, query=(NAME, Query("from", "integer", required=True), Query("to", "integer", required=True))
    ),
    ("GET", "/api/v1/prompts/metrics"): Operation(
        NATIVE,
        query=(NAME, Query("since", "date-time"), Query("until", "date-time"), Query("environment")),
        answer=Listed(MetricsRow, key="versions"),
    ),
    ("GET", "/api/v1/search"): Operation(
        NATIVE,
        query=(
            Query(
                "q", description='Words, "phrases", prefi*, OR, NOT, name:, input:, output:, brackets.', required=True
            ),
            Query("type", description="Types of observations, with commas between them; traces are then left out."),
            *(ENVIRONMENT, Query("from", "date-time"), Query("to", "date-time"), Query("limit", "integer")),
            Query("cursor", description="That of the page before."),
        ),
        answer=Listed(SearchHitShape, key="hits", beside={"cursor": {"type": ["string", "null"]}}),
    ),
    ("POST", "/api/v1/promotions"): Operation(NATIVE, body=PromotionBody, answer=MovedShape),
    ("POST", "/api/v1/rollbacks"): Operation(NATIVE, body=RollbackBody, answer=(MovedShape, VersionShape)),
    ("GET", "/api/v1/keys"): Operation(SERVER, answer=Listed({"type": "object"}, key="keys")),
    ("POST", "/api/v1/keys"): Operation(SERVER, body=KeyBody, status=201),
    ("DELETE", "/api/v1/keys/{public_key}"): Operation(SERVER),
    ("GET", "/api/v1/projects"): Operation(SERVER, answer=Listed({"type": "object"}, key="projects")),
    ("GET", "/api/v1/project/settings"): Operation(SERVER, answer=ProjectSettings),
    ("PATCH", "/api/v1/project/settings"): Operation(SERVER, body=ProjectSettings, answer=ProjectSettings),
    ("GET", "/health"): Operation(SERVER),
    ("GET", "/metrics"): Operation(SERVER),
    ("GET", "/api/openapi.json"): Operation(SERVER),
    ("GET", "/api/docs"): Operation(SERVER),
}
