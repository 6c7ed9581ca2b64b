"""`trunkline search`: on a folder without a server, and beside one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from server_process import running, wait_for
from trunkline.cli import main
from trunkline.store.sqlite_index import index_path


def trunkline(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["search", *arguments])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with a trace, whose server has stopped."""
    data = tmp_path_factory.mktemp("search") / "data"
    body = {"id": "o1", "traceId": "t1", "name": "draft-answer", "output": "Your refund is on its way."}
    event = {"id": "e", "type": "span-create", "timestamp": "2026-03-01T12:00:00Z", "body": body}
    with running(data) as server, server.client() as client:
        assert client.post("/api/public/ingestion", json={"batch": [event]}).json()["errors"] == []
        wait_for(lambda: bool(client.get("/api/v1/search?q=refund").json()["hits"]), what="the index")
    return data


def test_find(folder: Path) -> None:
    found = trunkline("find", '"your refund"', "name:draft", "--data", str(folder))
    assert found.exit_code == 0
    assert "t1" in found.output
    assert "Your refund is on its way." in found.output
    answer = trunkline("find", "refund", "--data", str(folder), "--json")
    assert json.loads(answer.output)["hits"][0]["observation_id"] == "o1"
    nothing = trunkline("find", "***", "--data", str(folder))
    assert nothing.exit_code == 1
    assert "no word to look for" in nothing.output


def test_rebuild_and_status(folder: Path) -> None:
    index_path(folder / "traces.db").unlink()
    rebuilt = trunkline("rebuild", "--data", str(folder))
    assert (rebuilt.exit_code, "is rebuilt" in rebuilt.output) == (0, True)
    said = trunkline("status", "--data", str(folder)).output.split()
    assert said[said.index("Documents") + 1] == "1"
    assert said[said.index("read") + 1] == "0"


def test_rebuild_beside_a_server(folder: Path) -> None:
    with running(folder) as server, server.client() as client:
        rebuilt = trunkline("rebuild", "--data", str(folder))
        assert rebuilt.exit_code == 0
        assert "server on this folder" in rebuilt.output
        assert len(client.get("/api/v1/search?q=refund").json()["hits"]) == 1


def test_a_folder_without_traces(tmp_path: Path) -> None:
    missing = trunkline("status", "--data", str(tmp_path))
    assert missing.exit_code == 1
    assert "does not exist" in missing.output
