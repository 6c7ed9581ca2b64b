"""From name and label, or version, to the bytes of an answer.

Every snapshot has a memo of its answers: made when somebody asks for the first time, gone as one with the snapshot when
a new head is served, so that no reader ever sees half a commit. What a new head did not change is not encoded again:
encoded bodies are kept by everything that they say.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial

import msgspec

from trunkline.errors import InvalidRequest, NotFound
from trunkline.prompts.names import validate_prompt_name
from trunkline.registry.registry import Registry
from trunkline.registry.snapshot import PromptState, ServedArm
from trunkline.serving.bounded import Bounded
from trunkline.serving.bundle import encode_bundle
from trunkline.serving.cache import SharedCache
from trunkline.serving.compiling import Compiler, CompileRequest
from trunkline.serving.entries import Encoder, NativePrompt, PromptEntry, labels_of
from trunkline.serving.fetches import FetchCounts
from trunkline.serving.memo import Answer, Memo, etag_of
from trunkline.serving.resolve import DEFAULT_LABEL, Resolver, numbered
from trunkline.serving.split import choose
from trunkline.types import PromptContent

__all__ = ["Answer", "CompileRequest", "Memo", "PromptServer"]

KEPT_ENTRIES, KEPT_BYTES = 50_000, 64 * 2**20
MOST_BUNDLES = 8


class PromptServer:
    """Hands prompts out. One a process; `registries` is by project id and may grow.

    `secret` is the installation's signing key, `encode` makes the compatible API's JSON, `fetches` counts who asks for
    what. `client` of a call is the caller's key, for those counts.
    """

    def __init__(
        self,
        registries: Mapping[str, Registry],
        encode: Encoder,
        shared: SharedCache | None = None,
        fetches: FetchCounts | None = None,
        *,
        secret: bytes,
    ) -> None:
        self._registries = registries
        self._encode = encode
        self.shared = shared
        self.fetches = fetches or FetchCounts()
        self._resolver = Resolver(shared)
        self._compiler = Compiler(secret, shared)
        self._memos: dict[str, Memo] = {}
        self._bodies: Bounded[tuple[object, ...], tuple[bytes, bytes]] = Bounded(entries=KEPT_ENTRIES, size=KEPT_BYTES)
        self._bundles: dict[tuple[str, str], asyncio.Task[Answer]] = {}

    def memo(self, project_id: str) -> Memo:
        """What is known of the project's current snapshot. Raises NotFound for a project that is not open here."""
        memo = self._memos.get(project_id)
        if memo is not None and memo.snapshot is memo.registry.snapshot:
            return memo
        registry = self._registries.get(project_id)
        if registry is None:
            raise NotFound(f"There is no project {project_id!r} here")
        memo = self._memos[project_id] = Memo(project_id, registry, registry.snapshot)
        for key in [key for key in self._bundles if key[0] == project_id]:
            del self._bundles[key]
        return memo

    async def fetch(
        self,
        project_id: str,
        name: str,
        *,
        label: str | None = None,
        version: int | None = None,
        sticky: str | None = None,
        resolve: bool = True,
        client: str = "",
    ) -> Answer:
        """A prompt as the compatible API has it; `resolve=False` gives its text with the references in it.

        Raises NotFound with upstream's texts, InvalidRequest for a name that cannot be or for two selectors.
        """
        memo = self.memo(project_id)
        answer = memo.answers.get((name, None, version, resolve)) if version is not None and label is None else None
        if answer is None:
            label, arms = _select(memo, name, label, version, resolve=resolve)
            arm = choose(arms, sticky, name=name, label=label or "")
            selected = (name, label, arm.version.version, resolve)
            answer = memo.answers.get(selected)
            if answer is None:
                answer = await self._make(memo, label, arm, split=len(arms) > 1, resolve=resolve)
                memo.keep(selected, answer)
        self.fetches.add(answer, client)
        return answer

    async def compile(self, project_id: str, request: CompileRequest, *, client: str = "") -> Answer:
        """A prompt with its variables filled in. Raises NotFound, MissingVariables, InvalidRequest."""
        memo = self.memo(project_id)
        label, arms = _select(memo, request.name, request.label, request.version)
        arm = choose(arms, request.sticky, name=request.name, label=label or "")
        deadline = self._deadline()
        resolved = await self._resolver.resolve(memo.registry, arm, deadline)
        prompt = await self._compiler.compile(resolved, request.variables, strict=request.strict, deadline=deadline)
        version, content = arm.version, resolved.content
        native = NativePrompt(
            name=version.name,
            version=version.version,
            label=label,
            commit=version.commit,
            blob=version.blob,
            type=content.type,
            prompt=msgspec.Raw(prompt),
            config=content.config,
        )
        split = len(arms) > 1 and request.sticky is None
        answer = _answer(memo, arm, label, split=split, body=msgspec.json.encode(native))
        self.fetches.add(answer, client)
        return answer

    async def bundle(self, project_id: str, label: str) -> Answer:
        """All prompts of a label in one answer. Raises NotFound where no prompt has the label.

        Made once a snapshot, however many ask at once: with 10,000 prompts it takes seconds the first time.
        """
        memo = self.memo(project_id)
        task = self._bundles.get((project_id, label))
        if task is None:
            while len(self._bundles) >= MOST_BUNDLES:
                del self._bundles[next(iter(self._bundles))]
            task = self._bundles[project_id, label] = asyncio.create_task(self._make_bundle(memo, label))
            task.add_done_callback(partial(self._drop_failed, (project_id, label)))
        return await asyncio.shield(task)

    async def _make(self, memo: Memo, label: str | None, arm: ServedArm, *, split: bool, resolve: bool) -> Answer:
        state: PromptState = memo.snapshot.prompts[arm.version.name]
        labels = labels_of(state, arm.version.version)
        uses = arm.uses if resolve else ()
        said = (memo.project_id, arm.version, labels, state.tags, state.updated_at, uses, resolve)
        kept = self._bodies.get(said)
        if kept is not None:
            body, etag = kept
            return _answer(memo, arm, label, split=split, body=body, etag=etag)
        entry = PromptEntry(
            project_id=memo.project_id,
            version=arm.version,
            content=await self._content(memo, arm, resolve=resolve),
            labels=labels,
            tags=state.tags,
            updated_at=state.updated_at,
            uses=uses,
            resolved=resolve,
        )
        body = self._encode.prompt(entry)
        answer = _answer(memo, arm, label, split=split, body=body, etag=etag_of(body))
        self._bodies.put(said, (body, answer.etag), len(body))
        return answer

    async def _content(self, memo: Memo, arm: ServedArm, *, resolve: bool = True) -> PromptContent:
        if not resolve:
            return memo.registry.content(arm.version)
        return (await self._resolver.resolve(memo.registry, arm, self._deadline())).content

    async def _make_bundle(self, memo: Memo, label: str) -> Answer:
        body = await encode_bundle(memo.snapshot, label, partial(self._content, memo))
        return Answer(body, project_id=memo.project_id, name="", version=0, label=label, split=False)

    def _drop_failed(self, key: tuple[str, str], task: asyncio.Task[Answer]) -> None:
        failed = task.cancelled() or task.exception() is not None
        if failed and self._bundles.get(key) is task:
            del self._bundles[key]

    def _deadline(self) -> float | None:
        return None if self.shared is None else self.shared.deadline()


def _select(
    memo: Memo, name: str, label: str | None, version: int | None, *, resolve: bool = True
) -> tuple[str | None, tuple[ServedArm, ...]]:
    """The label that was asked for (None: by number) and the arms that it serves. Raises NotFound, InvalidRequest."""
    if version is not None and label is not None:
        raise InvalidRequest("Give a label or a version, not both.")
    state = memo.snapshot.prompts.get(name)
    if state is None:
        validate_prompt_name(name)
    if version is not None:
        if state is None or version not in state.versions:
            raise NotFound(f"Prompt not found: '{name}' with version {version}")
        if not resolve:
            return None, (ServedArm(version=memo.registry.version(name, version)),)
        return None, (numbered(memo.registry, memo.snapshot, name, version),)
    label = label if label is not None else DEFAULT_LABEL
    served = memo.snapshot.label(name, label)
    if served is None or not served.arms:
        raise NotFound(f"Prompt not found: '{name}' with label '{label}'")
    return label, served.arms


def _answer(memo: Memo, arm: ServedArm, label: str | None, *, split: bool, body: bytes, etag: bytes = b"") -> Answer:
    version = arm.version
    return Answer(
        body,
        project_id=memo.project_id,
        name=version.name,
        version=version.version,
        label=label,
        split=split,
        etag=etag,
    )
