"""The examiner: a process that validates documents and bodies, and is ended when it takes too long."""

from acidtest.grader.contract.document import OpenApiDocument


class Examiner:
    """Validates a document and compares answers with it, each within a deadline.

    Use as an async context manager; its process starts with the first question.
    """

    async def validate(self, document: OpenApiDocument, *, deadline: float = 20.0) -> list[str]:
        """What is wrong with the document by the OpenAPI specification, as sentences; empty if nothing."""
        raise NotImplementedError

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

        `path` is the concrete path of the request or the document's own template.
        """
        raise NotImplementedError

    async def close(self) -> None:
        """End the process."""
