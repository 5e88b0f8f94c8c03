"""The examiner: a process that judges documents and bodies, ended when it takes too long."""

import asyncio
import base64
import json
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from types import TracebackType
from typing import Any, Self

from acidtest.grader.contract.document import OpenApiDocument

_MAX_ANSWER = 1024 * 1024
_START_SECONDS = 10.0
"""Allowed on top of a deadline while a new process loads its libraries."""


class Unexaminable(Exception):  # noqa: N818 - a state of affairs, not an error of ours
    """A document or body could not be judged in time or at all; the message says why."""


class Examiner:
    """Validates a document and compares answers with it, each within a deadline.

    Use as an async context manager; its process starts with the block, and again with the first
    question after one that ended it.
    """

    def __init__(self) -> None:
        self._process: Process | None = None
        self._loaded = False
        """Whether the process has answered once."""
        self._turn = asyncio.Lock()
        """Protects the pipe: one question, then its answer."""

    async def __aenter__(self) -> Self:
        await self._running()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def validate(self, document: OpenApiDocument, *, deadline: float = 20.0) -> list[str]:
        """What is wrong with the document by the OpenAPI specification; empty when nothing is.

        Raises:
            Unexaminable: it takes too long or breaks the validator.
        """
        return await self._ask({"ask": "validate", "root": document.root}, deadline)

    async def conforms(
        self,
        document: OpenApiDocument,
        method: str,
        path: str,
        *,
        status: int,
        content_type: str,
        body: bytes,
        deadline: float = 10.0,
    ) -> list[str]:
        """How an answer departs from the document, as sentences; empty when it conforms.

        A status that is not documented is no departure here: ask `OpenApiDocument.documents`.

        Args:
            document: the service's own document.
            method: of the request.
            path: the concrete path of the request, or the document's own template.
            status: of the answer.
            content_type: of the answer, as in its header.
            body: of the answer.
            deadline: seconds.

        Raises:
            Unexaminable: it takes too long or breaks the validator.
        """
        question = {
            "ask": "conforms",
            "root": document.root,
            "method": method,
            "path": path,
            "status": status,
            "content_type": content_type,
            "body": base64.b64encode(body).decode(),
        }
        return await self._ask(question, deadline)

    async def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        self._loaded = False
        if process is None:
            return
        if process.returncode is None:
            process.kill()
        await process.wait()

    async def _ask(self, question: dict[str, Any], deadline: float) -> list[str]:
        async with self._turn:
            try:
                async with asyncio.timeout(deadline + (0.0 if self._loaded else _START_SECONDS)):
                    said = await self._exchange(json.dumps(question).encode() + b"\n")
                self._loaded = True
            except TimeoutError:
                await self.close()
                raise Unexaminable(f"judging it takes longer than {deadline:g} s") from None
            except BaseException:
                # An answer nobody waits for any more must not be taken for the next one's.
                await self.close()
                raise
        if "broken" in said:
            raise Unexaminable(f"it cannot be judged: {said['broken']}")
        return [str(sentence) for sentence in said["found"]]

    async def _exchange(self, line: bytes) -> dict[str, Any]:
        process = await self._running()
        if process.stdin is None or process.stdout is None:
            raise Unexaminable("the examiner has no pipes")
        try:
            process.stdin.write(line)
            await process.stdin.drain()
            answer = await process.stdout.readline()
        except ConnectionError:
            answer = b""
        if not answer:
            raise Unexaminable("judging it takes more memory than is allowed")
        said: dict[str, Any] = json.loads(answer)
        return said

    async def _running(self) -> Process:
        if self._process is None:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-I",
                "-m",
                "acidtest.grader.contract.examination",
                stdin=PIPE,
                stdout=PIPE,
                stderr=DEVNULL,
                env={},
                limit=_MAX_ANSWER,
            )
        return self._process
