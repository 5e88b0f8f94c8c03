from acidtest.core.errors import InfrastructureError, SubmissionError
from acidtest.grader.lab.build.failure import of_installing


def test_a_dependency_outside_the_submission_tells_the_way_out() -> None:
    """A path that leaves what was handed in is explained by the option that hands in more."""
    log = "error: ...\n  cause: path could not be normalized: /app/../../packages/kit\n"

    error = of_installing(log, 2)

    assert isinstance(error, SubmissionError)
    assert "--subdir" in str(error)
    assert "/app/../../packages/kit" in str(error)


def test_a_name_that_does_not_resolve_is_the_machines() -> None:
    """Trouble of the network is never the candidate's."""
    error = of_installing("error: dns error: failed to lookup address information", 1)

    assert isinstance(error, InfrastructureError)
