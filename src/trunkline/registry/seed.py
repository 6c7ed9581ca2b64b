"""The sample prompts of a first start: committed, edited, labelled: something to compare, promote and roll back."""

from __future__ import annotations

from pathlib import Path

from trunkline.errors import InvalidRequest
from trunkline.prompts.labels import dump_label
from trunkline.prompts.names import label_path, prompt_path
from trunkline.registry.operations import Change, Edit
from trunkline.registry.registry import Registry
from trunkline.types import Actor, ActorKind, Arm, LabelTarget, Struct

AUTHOR = Actor(kind=ActorKind.OPERATOR, name="Trunkline", email="samples@trunkline.invalid")


class SampleEdit(Struct, frozen=True, kw_only=True):
    """One commit that replaces `old` by `new` in a prompt's file."""

    name: str
    message: str
    old: str
    new: str


EDITS = (
    SampleEdit(
        name="support/triage",
        message="Let a ticket be urgent by what it says, not by how loud it is",
        old='"urgency": 1-5}.\n',
        new='"urgency": 1-5}.\n      Judge urgency by what stops working for the customer, not by the tone.\n',
    ),
    SampleEdit(
        name="support/triage",
        message="Offer a queue for feature requests",
        old='"bug" | "question"',
        new='"bug" | "question" | "idea"',
    ),
    SampleEdit(
        name="support/greeting",
        message="Try a greeting that says when somebody will look",
        old="has arrived.\n",
        new="has arrived,\n  and that a person reads it within {{hours}} hours.\n",
    ),
)


def samples_folder() -> Path:
    """The shipped sample prompts: in the installed package, or beside `src` in a checkout."""
    package = Path(__file__).parent.parent
    for folder in (package / "samples", package.parent.parent / "prompts"):
        if folder.is_dir():
            return folder
    raise InvalidRequest("The sample prompts are missing from this installation; install Trunkline anew.")


def seed(registry: Registry, samples: Path) -> None:
    """Fills an empty registry: samples with their labels in one commit, then edits, promotions, a split."""
    files = {path.relative_to(samples).with_suffix("").as_posix(): path for path in sorted(samples.rglob("*.yaml"))}

    def add_samples(edit: Edit) -> str:
        for name, path in files.items():
            blob = edit.write(prompt_path(name), path.read_bytes())
            # With its label in the same commit: other samples refer to it.
            target = LabelTarget(arms=(Arm(version=1, blob=blob),))
            edit.write(label_path("production", name), dump_label(target))
        return "Add the sample prompts and set production on them"

    registry.commit(add_samples, actor=AUTHOR)
    for sample in EDITS:
        registry.commit(_applying(sample), actor=AUTHOR)
    registry.promote("support/triage", "staging", version=3, actor=AUTHOR)
    registry.promote("support/triage", "production", version=2, expected=1, actor=AUTHOR)
    split = LabelTarget(arms=(Arm(version=1, weight=90), Arm(version=2, weight=10)))
    registry.promote("support/greeting", "production", split=split, actor=AUTHOR)


def _applying(sample: SampleEdit) -> Change:
    def change(edit: Edit) -> str:
        path = prompt_path(sample.name)
        text = (edit.read(path) or b"").decode()
        if sample.old not in text:
            raise InvalidRequest(f"The sample {sample.name!r} does not hold what its edit replaces: {sample.old!r}")
        edit.write(path, text.replace(sample.old, sample.new).encode())
        return sample.message

    return change
