from acidtest.core.errors import HarnessError, SubmissionError, sole


def test_the_reason_of_a_group_is_found_however_deep_it_lies() -> None:
    """The one error inside nested groups is the reason, itself and not its wrapping."""
    error = SubmissionError("it does not build", log="x")

    assert sole(BaseExceptionGroup("", [BaseExceptionGroup("", [error])])) is error


def test_trouble_of_ours_explains_what_happened_beside_it() -> None:
    """When both failed at once, the candidate is not blamed."""
    ours, theirs = HarnessError("no disk"), SubmissionError("it does not build")

    assert sole(BaseExceptionGroup("", [theirs, ours])) is ours
