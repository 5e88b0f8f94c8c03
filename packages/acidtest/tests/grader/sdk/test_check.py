from pathlib import Path

import pytest

from acidtest.core.errors import PackageError
from acidtest.grader.sdk import load_checks

CHECK = '''
from acidtest.grader.sdk import check

@check("R1", group="g", requires=("earlier",))
async def it_holds(env):
    """It holds.

    Looks at it.
    """
    return
'''


def folder(tmp_path: Path, **modules: str) -> Path:
    """A folder of checks with these modules."""
    (tmp_path / "__init__.py").write_text("")
    for name, text in modules.items():
        (tmp_path / f"{name}.py").write_text(text)
    return tmp_path


def test_a_check_is_known_by_its_function(tmp_path: Path) -> None:
    """Name, sentence, explanation and prerequisites come from the function itself."""
    (check,) = load_checks(folder(tmp_path, one=CHECK), package="checks_known")

    assert check.info.id == "it_holds"
    assert check.info.title == "It holds."
    assert check.info.explanation == "Looks at it."
    assert check.info.requires == ("earlier",)


def test_siblings_may_be_imported_and_count_once(tmp_path: Path) -> None:
    """A module may use another of its folder without its checks being found twice."""
    two = CHECK.replace("it_holds", "it_also_holds") + "\nfrom .one import it_holds\n"

    checks = load_checks(folder(tmp_path, one=CHECK, two=two), package="checks_siblings")

    assert [check.info.id for check in checks] == ["it_holds", "it_also_holds"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("import nothing_of_the_kind", "does not import"),
        (CHECK.replace('"""It holds.', 'x = """'), "no docstring"),
        ("", "no checks found"),
    ],
)
def test_a_bad_module_is_named(tmp_path: Path, text: str, complaint: str) -> None:
    """What is wrong with a package's checks is said with the place."""
    package = f"checks_bad_{abs(hash(complaint))}"

    with pytest.raises(PackageError, match=complaint):
        load_checks(folder(tmp_path, one=text), package=package)


def test_two_checks_of_one_name_are_refused(tmp_path: Path) -> None:
    """A name is the key of weights and suspects, so it exists once."""
    with pytest.raises(PackageError, match="two checks are named it_holds"):
        load_checks(folder(tmp_path, one=CHECK, two=CHECK), package="checks_twice")
