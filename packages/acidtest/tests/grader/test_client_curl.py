"""The command of an exchange replays it byte for byte."""

import http.server
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from acidtest.grader.client import Request, curl_line
from acidtest.grader.client.curl import raw_line

FAKE = """#!/bin/sh
for argument in "$@"; do printf '%s\\0' "$argument" >> "$OUT/argv"; done
cat > "$OUT/stdin"
"""
QUIET = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
LINES = st.text(st.characters(exclude_characters="\r\n\0", codec="utf-8"), min_size=1, max_size=30)
NASTY = b'it\'s "quoted" `id` $(id) $HOME \\ \\n %s %% !! \n\t\r\0\x1b[31m\xff \xe2\x80\xae end'


class Played(NamedTuple):
    """What the programs called `curl` and `nc` were given."""

    argv: list[str]
    stdin: bytes


@pytest.fixture
def stage(tmp_path: Path) -> Path:
    """A folder in front of PATH whose `curl` and `nc` write down what they were given."""
    for name in ("curl", "nc"):
        tool = tmp_path / name
        tool.write_text(FAKE)
        tool.chmod(0o755)
    return tmp_path


def play(command: str, stage: Path) -> Played:
    """Run `command` in a shell whose `curl` and `nc` are the fake ones."""
    (stage / "argv").write_bytes(b"")
    environment = {
        "PATH": f"{stage}:{os.environ['PATH']}",
        "OUT": str(stage),
        "BASE": "http://127.0.0.1:8000",
    }
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=20,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    argv = (stage / "argv").read_bytes().decode("utf-8", "surrogateescape").split("\0")[:-1]
    return Played(argv, (stage / "stdin").read_bytes())


def body_of(played: Played) -> bytes | None:
    """The request body as curl would send it."""
    if "--data-raw" in played.argv:
        return played.argv[played.argv.index("--data-raw") + 1].encode()
    if "--data-binary" in played.argv:
        assert played.argv[played.argv.index("--data-binary") + 1] == "@-"
        return played.stdin
    return None


@QUIET
@given(body=st.binary(max_size=200) | LINES.map(str.encode))
@example(body=NASTY)
@example(body=b"")
@example(body=b"-n")
@example(body=b"-\x00")
@example(body=b"@/etc/passwd")
@example(body=b"'" * 2_000)
@example(body=b"\x00" * 3_001)
@example(body=b'{"title": "' + b"a" * 1_000_000 + b'"}')
def test_bodies_replay_exactly(stage: Path, body: bytes) -> None:
    """Whatever a body holds, the command hands curl exactly those bytes."""
    played = play(curl_line(Request("POST", "/books", body=body)), stage)

    assert body_of(played) == body


@QUIET
@given(
    method=st.sampled_from(["GET", "DELETE"]) | st.from_regex(r"[A-Z$'; ]{1,8}", fullmatch=True),
    path=LINES,
    name=st.from_regex(r"X-[A-Za-z]{1,8}", fullmatch=True),
    value=LINES,
)  # fmt: skip
@example(method="GET", path="/a b?x=$(id)&y='[1-3]{a,b}", name="X-A", value='"; rm -rf "')
@example(method="GET", path="/../..//%2e", name="X-A", value="`id`")
def test_arguments_replay_exactly(
    stage: Path, method: str, path: str, name: str, value: str
) -> None:
    """Method, address and headers reach curl as one argument each, whatever they hold."""
    argv = play(curl_line(Request(method, f"/{path}", headers={name: value})), stage).argv

    assert f"http://127.0.0.1:8000/{path}" in argv
    assert f"{name}: {value}" in argv
    assert method in argv or method == "GET"
    assert ("--globoff" in argv) == bool(set("[]{}") & set(path))


@QUIET
@given(data=st.binary(max_size=100))
@example(data=NASTY)
def test_raw_bytes_replay_exactly(stage: Path, data: bytes) -> None:
    """Bytes that are no HTTP are piped as they are to the service's port."""
    played = play(raw_line(data), stage)

    assert played.stdin == data
    assert played.argv == ["-w", "5", "127.0.0.1", "8000"]


def test_a_common_request_reads_well() -> None:
    """The ordinary case is a command a person would have written."""
    request = Request.json("POST", "/books", {"title": "Ünix", "year": 1}, query={"a": "b c"})

    assert curl_line(request) == (
        "curl -sS -i -X POST \"$BASE\"'/books?a=b+c' -H 'Accept: application/json'"
        ' -H \'Content-Type: application/json\' --data-raw \'{"title": "Ünix", "year": 1}\''
    )
    assert curl_line(Request("GET", "/books/1")) == (
        "curl -sS -i \"$BASE/books/1\" -H 'Accept: application/json'"
    )


def test_a_body_beyond_showing_is_said_to_be() -> None:
    """A long body that does not pack is left out, and the command says so."""
    line = curl_line(Request("POST", "/x", body=os.urandom(60_000)))

    assert line.startswith("# the body of 60000 bytes is too long to show\n")
    assert len(line) < 300


class _Echo(http.server.BaseHTTPRequestHandler):
    seen: tuple[str, str, str | None, bytes]

    def _note(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length)
        type(self).seen = (self.command, self.path, self.headers.get("Content-Type"), body)
        self.send_response(204)
        self.end_headers()

    do_GET = do_POST = do_PATCH = do_HEAD = _note  # noqa: N815 - the names http.server looks for

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Stay silent."""


@pytest.fixture
def echo() -> Iterator[str]:
    """The address of a server that notes the last request."""
    server = http.server.HTTPServer(("127.0.0.1", 0), _Echo)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join(5)
    server.server_close()


@pytest.mark.skipif(not shutil.which("curl"), reason="there is no curl on this machine")
@pytest.mark.parametrize(
    "request_",
    [
        Request("GET", "/a/../%2e%2e/[x]{y}?q='"),
        Request("HEAD", "/books"),
        Request("POST", "/books", body=b""),
        Request("POST", "/books", body=NASTY),
        Request("POST", "/books", body=b"x" * 1_500_000),
        Request("PATCH", "/books", headers={"Content-Type": "text/plain"}, body=b"@x"),
    ],
    ids=["odd path", "head", "empty body", "nasty body", "large body", "type"],
)
def test_a_real_curl_agrees(request_: Request, echo: str) -> None:
    """The installed curl sends what the judge sent, content type or its absence included."""
    subprocess.run(
        ["/bin/sh", "-c", curl_line(request_)],
        env={"PATH": os.environ["PATH"], "BASE": echo},
        check=True,
        capture_output=True,
        timeout=20,
    )

    expected = request_.headers.get("Content-Type")
    seen = (request_.method, request_.target, expected, request_.body or b"")
    assert _Echo.seen == seen
