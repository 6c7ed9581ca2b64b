"""What a command works on: a data folder, a plain repository or working tree, or a server.

All three answer the native API's requests, a folder and a repository by the same routes within this process: so the
output is the same wherever a command works.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import click
import httpx

from trunkline.cli.local import local_app
from trunkline.errors import InvalidRequest, TrunklineError, Unavailable
from trunkline.settings import load_settings
from trunkline.types import JSON

ORIGIN = "http://trunkline.invalid"
"""Stands for this process where there is no server."""
TIMEOUT_S = 60.0
Command = TypeVar("Command", bound=Callable[..., Any])


class Target:
    """Answers requests of the native API. Errors come back as what they are: the message of the API, exit code 1."""

    def get(self, path: str, **query: object) -> JSON:
        return self._request("GET", path, params=_given(query))

    def post(self, path: str, body: JSON) -> JSON:
        return self._request("POST", path, json=body)

    def patch(self, path: str, body: JSON) -> JSON:
        return self._request("PATCH", path, json=body)

    def delete(self, path: str, **query: object) -> JSON:
        return self._request("DELETE", path, params=_given(query))

    def _request(self, method: str, path: str, **arguments: Any) -> JSON:
        answer = self._send(method, path, **arguments)
        if not answer.is_success:
            raise _error(answer)
        return answer.json()

    def _send(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        raise NotImplementedError


class Server(Target):
    """A running server, over HTTP with a key pair."""

    def __init__(self, url: str, keys: tuple[str, str]) -> None:
        self._url, self._keys = url.rstrip("/"), keys

    def _send(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        try:
            return httpx.request(method, self._url + path, auth=self._keys, timeout=TIMEOUT_S, **arguments)
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise InvalidRequest(f"{self._url} is no address of a server: {error}") from None
        except httpx.TransportError as error:
            raise Unavailable(f"No answer from {self._url}: {error}. Is the server running?") from None


class Local(Target):
    """A data folder or a repository of this machine, as its operator."""

    def __init__(self, *, data: Path | None = None, repository: Path | None = None, project: str | None = None) -> None:
        self._data, self._repository, self._project = data, repository, project

    def _send(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        async def send() -> httpx.Response:
            async with local_app(data=self._data, repository=self._repository, project=self._project) as app:
                transport = httpx.ASGITransport(cast(Any, app))
                async with httpx.AsyncClient(transport=transport, base_url=ORIGIN, timeout=TIMEOUT_S) as client:
                    return await client.request(method, path, **arguments)

        return asyncio.run(send())


def target_options(command: Command) -> Command:
    """Gives a command `--data`, `--repo`, `--url`, `--json`, and passes it a `target` and `as_json`."""

    @functools.wraps(command)
    def with_target(
        data: Path | None,
        repo: Path | None,
        url: str | None,
        project: str | None,
        keys: tuple[str | None, str | None],
        **arguments: Any,
    ) -> Any:
        return command(target=open_target(data, repo, url, project, keys), **arguments)

    made = _key_options(with_target)
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print what the API answers."),
        click.option("--project", help="The project's id, in a data folder with several."),
        click.option("--url", help="A server; with --public-key and --secret-key, or their TRUNKLINE_… variables."),
        click.option("--repo", type=_FOLDER, help="A repository or working tree."),
        click.option("--data", type=_FOLDER, help="A data folder.  [default: ./data]"),
    ):
        made = option(made)
    return cast(Command, made)


_FOLDER = click.Path(path_type=Path, file_okay=False, exists=True)


def _key_options(command: Callable[..., Any]) -> Callable[..., Any]:
    @click.option("--secret-key", envvar=["TRUNKLINE_SECRET_KEY", "LANGFUSE_SECRET_KEY"], help="For --url.")
    @click.option("--public-key", envvar=["TRUNKLINE_PUBLIC_KEY", "LANGFUSE_PUBLIC_KEY"], help="For --url.")
    @functools.wraps(command)
    def with_keys(public_key: str | None, secret_key: str | None, **arguments: Any) -> Any:
        return command(keys=(public_key, secret_key), **arguments)

    return with_keys


def open_target(
    data: Path | None, repo: Path | None, url: str | None, project: str | None, keys: tuple[str | None, str | None]
) -> Target:
    """What the options name. Raises InvalidRequest where they name nothing, or more than one thing."""
    if sum(option is not None for option in (data, repo, url)) > 1:
        raise InvalidRequest("Give one of --data, --repo and --url.")
    if url is not None:
        public, secret = keys
        if not public or not secret:
            raise InvalidRequest("A server asks for a key pair: give --public-key and --secret-key.")
        return Server(url, (public, secret))
    if repo is not None:
        return Local(repository=repo)
    folder = data or load_settings().data
    if not folder.is_dir():
        raise InvalidRequest(f"There is no data folder {folder}. Give --data DIR, --repo DIR or --url URL.")
    return Local(data=folder, project=project)


def name_and_version(prompt: str) -> tuple[str, int | None]:
    """``support/triage@8`` is version 8 of ``support/triage``; without a number, None."""
    name, at, number = prompt.rpartition("@")
    if not at or not number.isdigit():
        return prompt, None
    return name, int(number)


def _given(query: dict[str, object]) -> dict[str, Any]:
    return {name: value for name, value in query.items() if value is not None}


def _error(answer: httpx.Response) -> TrunklineError:
    try:
        message = str(answer.json()["message"])
    except (ValueError, KeyError, TypeError):
        message = f"The server answered {answer.status_code} and no more."
    return TrunklineError(message)
