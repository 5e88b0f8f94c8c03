from acidtest.core.evidence import Evidence, HttpExchange, Note, clip


def test_clip_says_how_much_is_missing() -> None:
    """Cut text ends with the number of characters that were left out."""
    assert clip("abcdef", 4) == "abcd… [2 more characters]"
    assert clip("abcd", 4) == "abcd"
    assert clip("abcdefgh", 4, end=1) == "abc… [4 more characters]h"


def test_curl_lines_come_in_order_of_the_timeline() -> None:
    """Evidence lists the commands of its requests and nothing else."""
    timeline = (
        HttpExchange(at=1, method="GET", url="/a", curl="curl a"),
        Note(at=2, text="then"),
        HttpExchange(at=3, method="GET", url="/b", curl="curl b"),
    )

    assert Evidence(timeline=timeline).curl == ("curl a", "curl b")


def test_evidence_survives_its_own_json() -> None:
    """Evidence read back from a judgement file is the evidence that was written."""
    evidence = Evidence(
        expected="x", timeline=(Note(at=1, text="\x1b[31m"),), tables={"before": [{"a": None}]}
    )

    assert Evidence.model_validate_json(evidence.model_dump_json()) == evidence


def test_text_that_is_no_unicode_can_be_stored() -> None:
    """A lone surrogate in what a service said is written out, and the evidence can be saved."""
    evidence = Evidence(observed="a\ud800b", timeline=(Note(at=1, text="\udfff"),))

    assert evidence.observed == "a\\ud800b"
    assert Evidence.model_validate_json(evidence.model_dump_json()) == evidence
