"""Comments on traces, observations, sessions and versions of prompts. No process caches them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, Row, String, Table, Text, func, insert, select

from trunkline.errors import NotFound
from trunkline.store.control import ControlStore
from trunkline.store.control_tables import METADATA
from trunkline.types import Micros, Struct

MAX_OBJECT_ID = 800

COMMENTS = Table(
    "comments",
    METADATA,
    Column("id", String(64), primary_key=True),
    Column("project_id", String(64), ForeignKey("projects.id"), nullable=False),
    Column("object_type", String(16), nullable=False),
    Column("object_id", String(MAX_OBJECT_ID), nullable=False),
    Column("content", Text, nullable=False),
    Column("author_user_id", String(255)),
    Column("prompt_name", String(255)),
    Column("prompt_version", Integer),
    Column("created_at", BigInteger, nullable=False),
    Index("ix_comments_object", "project_id", "object_type", "object_id", "created_at"),
    Index("ix_comments_time", "project_id", "created_at"),
    Index("ix_comments_prompt", "project_id", "prompt_name", "prompt_version"),
)


class Commented(StrEnum):
    """What a comment can hang on."""

    TRACE = "TRACE"
    OBSERVATION = "OBSERVATION"
    SESSION = "SESSION"
    PROMPT = "PROMPT"


class Comment(Struct, frozen=True, kw_only=True):
    """`prompt_name` and `prompt_version`: the version that is commented, or that generated what is commented."""

    id: str
    project_id: str
    object_type: Commented
    object_id: str
    content: str
    author_user_id: str | None = None
    prompt_name: str | None = None
    prompt_version: int | None = None
    created_at: Micros


class CommentStore:
    """Methods block."""

    def __init__(self, control: ControlStore) -> None:
        self._control = control

    def create(self, comment: Comment) -> None:
        values = {name: getattr(comment, name) for name in comment.__struct_fields__}
        with self._control.writing() as connection:
            connection.execute(insert(COMMENTS).values(**{**values, "object_type": comment.object_type.value}))

    def get(self, project_id: str, comment_id: str) -> Comment:
        """Raises NotFound."""
        mine = (COMMENTS.c.project_id == project_id) & (COMMENTS.c.id == comment_id)
        with self._control.reading() as connection:
            row = connection.execute(select(COMMENTS).where(mine)).one_or_none()
        if row is None:
            raise NotFound("Comment not found within authorized project")
        return _comment(row)

    def list(
        self,
        project_id: str,
        *,
        limit: int,
        offset: int = 0,
        object_type: Commented | None = None,
        object_id: str | None = None,
        author_user_id: str | None = None,
    ) -> tuple[list[Comment], int]:
        """A page, oldest first, and how many match."""
        given = {"object_type": object_type, "object_id": object_id, "author_user_id": author_user_id}
        wanted = [COMMENTS.c.project_id == project_id]
        wanted += [COMMENTS.c[name] == value for name, value in given.items() if value is not None]
        order = (COMMENTS.c.created_at, COMMENTS.c.id)
        with self._control.reading() as connection:
            rows = connection.execute(select(COMMENTS).where(*wanted).order_by(*order).limit(limit).offset(offset))
            found = [_comment(row) for row in rows]
            total = connection.execute(select(func.count()).select_from(COMMENTS).where(*wanted)).scalar_one()
        return found, int(total)

    def by_version(self, project_id: str, prompt_name: str) -> Mapping[int, int]:
        """How many comments each version of a prompt has, with those on what it generated."""
        mine = (COMMENTS.c.project_id == project_id) & (COMMENTS.c.prompt_name == prompt_name)
        query = select(COMMENTS.c.prompt_version, func.count()).where(mine).group_by(COMMENTS.c.prompt_version)
        with self._control.reading() as connection:
            rows = connection.execute(query.where(COMMENTS.c.prompt_version.is_not(None))).all()
        return {int(row[0]): int(row[1]) for row in rows}


def _comment(row: Row[tuple[object, ...]]) -> Comment:
    return Comment(**{**row._mapping, "object_type": Commented(row.object_type)})
