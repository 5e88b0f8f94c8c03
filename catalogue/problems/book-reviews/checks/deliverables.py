"""What is handed in beside the service: tests and a README, looked at only from outside."""

from acidtest.grader.sdk import ADVISORY, Env, check, fail, own_files

_TEST_NAMES = ("test", "spec")
_TOPICS = ("migrat", "test")


@check("R22", group="contract", kind=ADVISORY)
async def there_are_tests_and_a_readme(env: Env) -> None:
    """The repository has tests and a README that tells how to run service, migrations and tests.

    Only looks whether they are there; what they are worth is for a reader.
    """
    files = own_files(env.tree)
    names = {path: path.relative_to(env.tree).as_posix().lower() for path in files}
    tests = [path for path in files if any(word in names[path] for word in _TEST_NAMES)]
    readme = next((path for path in files if path.name.lower().startswith("readme")), None)
    text = readme.read_bytes()[:65_536].decode("utf-8", "replace").lower() if readme else ""
    lacking = [] if tests else ["tests"]
    lacking += [] if readme else ["a README"]
    lacking += [f"“{word}…” in the README" for word in _TOPICS if readme and word not in text]
    if lacking:
        fail(
            f"The repository lacks {' and '.join(lacking)}",
            expected="tests, and a README that says how to run service, migrations and tests",
            observed=f"{len(files)} files, {len(tests)} of them look like tests",
        )
