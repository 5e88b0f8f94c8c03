"""The contract: the service's own OpenAPI document, found, read, judged and compared with answers.

A room of its own because the document is hostile text of arbitrary depth, which nothing else should
have to think about. Anything that runs its patterns runs in a process that can be ended.
"""

from acidtest.grader.contract.document import ContractError, OpenApiDocument
from acidtest.grader.contract.examiner import Examiner, Unexaminable
from acidtest.grader.contract.search import find_document

__all__ = ["ContractError", "Examiner", "OpenApiDocument", "Unexaminable", "find_document"]
