"""Every setting of a server, with its description; `trunkline config` prints what is in force.

A setting `name` is read from ``TRUNKLINE_NAME``. Langfuse's own ``LANGFUSE_INIT_PROJECT_ID``, ``…_PUBLIC_KEY`` and
``…_SECRET_KEY`` are honoured, so that a switch is one line. An unknown ``TRUNKLINE_*`` name is refused: a setting that
was misspelt must not be silently ignored.
"""

from __future__ import annotations

import difflib
import os
from pathlib import Path
from typing import Literal

from pydantic import AliasChoices, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from trunkline.errors import InvalidRequest

PREFIX = "TRUNKLINE_"


class Settings(BaseSettings):
    """What one server is told. Every field works as it stands: no configuration is needed for a start."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore", populate_by_name=True)

    data: Path = Field(Path("data"), description="Folder of the repositories and databases; made at the first start.")
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(3000, ge=0, le=65535, description="Port to listen on; 0 takes a free one and prints it.")
    workers: int = Field(1, ge=1, le=64, description="Worker processes that share the port and the data folder.")
    url: str = Field("", description="Address that users see, for links in answers; empty: the host and port served.")
    public_key: str = Field(
        "",
        validation_alias=AliasChoices(PREFIX + "PUBLIC_KEY", "LANGFUSE_INIT_PROJECT_PUBLIC_KEY"),
        description="Public key of the first project's key pair; empty: made up at the first start and printed once.",
    )
    secret_key: SecretStr = Field(
        SecretStr(""),
        validation_alias=AliasChoices(PREFIX + "SECRET_KEY", "LANGFUSE_INIT_PROJECT_SECRET_KEY"),
        description="Secret key that goes with the public key.",
    )
    project_id: str = Field(
        "default",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$",
        validation_alias=AliasChoices(PREFIX + "PROJECT_ID", "LANGFUSE_INIT_PROJECT_ID"),
        description="Id of the first project; part of its pages' and its repository's address.",
    )
    admin_password: SecretStr = Field(
        SecretStr(""), description="Password of the user `admin`; empty: made up at the first start and printed once."
    )
    redis_url: str = Field("", description="Redis or Valkey shared by workers and replicas; empty: none is used.")
    redis_timeout_ms: int = Field(50, ge=1, description="Longest wait for Redis, in ms, before going on without it.")
    redis_max_bytes: int = Field(65_536, ge=0, description="Largest answer, in bytes, that is put into Redis.")
    redis_ttl_s: int = Field(3600, ge=1, description="Seconds that an answer stays in Redis.")
    head_poll_ms: int = Field(5, ge=1, le=1000, description="How often, in ms, a process looks for a new head.")
    max_body_bytes: int = Field(
        20_000_000, ge=1024, description="Largest request body, in bytes, as sent and after decompression."
    )
    media_max_bytes: int = Field(1_000_000_000, ge=1, description="Largest medium, in bytes, that may be uploaded.")
    media_url_s: int = Field(
        3600, ge=10, le=604_800, description="Seconds that a signed address of a medium is good for."
    )
    media_s3_bucket: str = Field("", description="Bucket of an S3-compatible store for media; empty: the data folder.")
    media_s3_endpoint: str = Field("", description="Address of the store; empty: Amazon's own for the region.")
    media_s3_region: str = Field("us-east-1", description="Region of the store.")
    media_s3_access_key: str = Field("", description="Access key of the store; empty: found as AWS's own tools do.")
    media_s3_secret_key: SecretStr = Field(SecretStr(""), description="Secret key that goes with the access key.")
    media_s3_prefix: str = Field("", description="What the names of the store's objects begin with, such as `media/`.")
    media_s3_path_style: bool = Field(
        False, description="Name the bucket in the path, not in the host; most stores other than Amazon's need it."
    )
    search: bool = Field(True, description="Keep a full-text index of what is traced; off: none is kept or searched.")
    shutdown_s: int = Field(10, ge=1, description="Seconds that a stopping server gives to requests under way.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level that is logged.")
    log_format: Literal["json", "console"] = Field("json", description="One JSON object a line, or text for people.")
    access_log: bool = Field(True, description="Write a line for every request.")
    secure_cookies: bool = Field(False, description="Send the sign-in cookie over HTTPS only.")


def load_settings(**overrides: object) -> Settings:
    """Reads the environment; `overrides` (from the command line) win where they are not None.

    Raises InvalidRequest that names each variable that is unknown or wrong.
    """
    _refuse_unknown()
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        lines = [f"{variable_name(str(e['loc'][0]))}: {e['msg']}" for e in error.errors()]
        raise InvalidRequest("Wrong settings:\n  " + "\n  ".join(lines)) from None


def variable_name(field: str) -> str:
    """The environment variable of a field: ``redis_url`` is ``TRUNKLINE_REDIS_URL``."""
    return field if field.isupper() else PREFIX + field.upper()


def _refuse_unknown() -> None:
    known = {variable_name(name) for name in Settings.model_fields}
    for name in sorted(os.environ):
        if name.startswith(PREFIX) and name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f" Did you mean {near[0]}?" if near else " `trunkline config` lists all settings."
            raise InvalidRequest(f"Unknown setting {name}.{hint}")
