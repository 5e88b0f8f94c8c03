import pytest

from acidkit.observe import Trace, current_trace, trace_of_request, use_trace

PARENT = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"


@pytest.mark.parametrize("header", [f"00-{PARENT}-{SPAN}-01", f"cc-{PARENT}-{SPAN}-01-more"])
def test_valid_parent_is_continued(header: str) -> None:
    """A valid traceparent keeps its trace id, under a span id of our own."""
    trace = trace_of_request(header)
    assert (trace.trace_id, trace.sampled) == (PARENT, True)
    assert trace.span_id != SPAN


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "nonsense",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{PARENT}-{'0' * 16}-01",
        f"ff-{PARENT}-{SPAN}-01",
        f"00-{PARENT.upper()}-{SPAN}-01",
        f"00-{PARENT}-{SPAN}-01-more",
        f"cc-{PARENT}-{SPAN}-01more",
        f"00-{PARENT}-{SPAN}-0x",
    ],
)
def test_invalid_parent_starts_anew(header: str | None) -> None:
    """An invalid traceparent is dropped as a whole."""
    trace = trace_of_request(header)
    assert trace.trace_id not in {PARENT, "0" * 32}
    assert len(trace.trace_id) == 32


def test_current_trace_is_scoped() -> None:
    """The trace of a request is known inside it and unknown outside."""
    trace = Trace("1" * 32, "2" * 16, sampled=True)
    with use_trace(trace):
        assert current_trace().traceparent == f"00-{'1' * 32}-{'2' * 16}-01"
    assert current_trace().trace_id == "0" * 32
