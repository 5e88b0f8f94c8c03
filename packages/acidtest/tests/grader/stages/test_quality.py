"""The quality stage on small programs: each mistake beside what looks like it and is right."""

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import pytest

from acidtest.catalogue.rules import Rules
from acidtest.core.finding import Severity
from acidtest.grader.stages import (
    SourceTree,
    StageOutcome,
    Toolbox,
    assess_quality,
    read_tree,
)

Judge = Callable[[Mapping[str, str]], Awaitable[StageOutcome]]

GOOD = {
    "README.md": "# A service\n\n```\nuvicorn app.main:app\npytest\n```\n",
    "requirements.txt": "fastapi==0.100.0\n",
}


@pytest.fixture
def judge(
    write: Callable[[Mapping[str, str]], Path],
    toolbox_of: Callable[[SourceTree], Toolbox],
    rules: Rules,
) -> Judge:
    """Judge a program of these files, beside a README and a manifest that are right."""

    async def judged(files: Mapping[str, str]) -> StageOutcome:
        tree = read_tree(write({**GOOD, **files}))
        return await assess_quality(tree, toolbox_of(tree), rules)

    return judged


def found(outcome: StageOutcome) -> set[str]:
    """The rules of the findings that are more than notes."""
    return {one.rule for one in outcome.findings if one.severity is not Severity.NOTE}


PYTHON = [
    (
        "errors.swallowed",
        "def f(g):\n    try:\n        g()\n    except Exception:\n        pass\n",
        "def f(g):\n    try:\n        g()\n    except KeyError:\n        pass\n",
    ),
    (
        "errors.bare",
        "def f(g):\n    try:\n        g()\n    except:\n        raise ValueError\n",
        "def f(g):\n    try:\n        g()\n    except OSError:\n        raise\n",
    ),
    (
        "errors.cause_lost",
        "def f(g):\n    try:\n        g()\n    except KeyError:\n        raise OSError('x')\n",
        "def f(g):\n    try:\n        g()\n    except KeyError as e:\n        raise OSError from e",
    ),
    (
        "concurrency.blocking",
        "import time\nasync def f():\n    time.sleep(3)\n",
        "import asyncio\nasync def f():\n    await asyncio.sleep(3)\n",
    ),
    (
        "concurrency.blocking",
        "from sqlalchemy.orm import Session\nasync def f(db: Session):\n    db.query(1).all()\n",
        "from sqlalchemy.orm import Session\ndef f(db: Session):\n    return db.query(1).all()\n",
    ),
    (
        "concurrency.blocking",
        "from sqlalchemy.orm import Session\nasync def f(db: Session):\n    db.commit()\n",
        "from a import AsyncSession\nasync def f(db: AsyncSession):\n    await db.commit()\n",
    ),
    (
        "concurrency.blocking",
        "import psycopg2\nasync def f():\n    return psycopg2.connect('')\n",
        "import redis.asyncio as redis\nasync def f():\n    return redis.from_url('')\n",
    ),
    (
        "concurrency.blocking",
        "from redis import Redis\nasync def f():\n    return Redis()\n",
        "import psycopg2\nasync def f(t):\n    return await t.to_thread(psycopg2.connect, '')\n",
    ),
    (
        "concurrency.lost_task",
        "import asyncio\nasync def f(g):\n    asyncio.create_task(g())\n",
        "import asyncio\nasync def f(g):\n    await asyncio.create_task(g())\n",
    ),
    (
        "concurrency.shared_default",
        "def f(seen=[]):\n    seen.append(1)\n",
        "def f(seen=()):\n    return [*seen, 1]\n",
    ),
    ("correctness.undefined", "def f():\n    return nowhere\n", "def f(here):\n    return here\n"),
    (
        "correctness.naive_time",
        "from datetime import datetime\ndef f():\n    return datetime.utcnow()\n",
        "from datetime import UTC, datetime\ndef f():\n    return datetime.now(UTC)\n",
    ),
    (
        "complexity.tangle",
        "def f(x):\n" + "".join(f"    if x == {n}:\n        return {n}\n" for n in range(35)),
        "def f(x):\n    return {n: n for n in range(35)}[x]\n",
    ),
    (
        "complexity.length",
        "def f(x):\n" + "".join(f"    x = g{n}(x)\n" for n in range(70)),
        "def f(x):\n"
        + "".join(f"    def g{n}(y):\n        return y + {n}\n" for n in range(40))
        + "    return x\n",
    ),
    (
        "duplication.block",
        "".join(
            f"def f{m}(x):\n" + "".join(f"    x = x + {n} * g{n}(x)\n" for n in range(12))
            for m in range(2)
        ),
        "".join(
            f"def f{m}(x):\n" + "".join(f"    x = x + {n} * g{m}{n}(x)\n" for n in range(12))
            for m in range(2)
        ),
    ),
    (
        "dead_code.unused_definition",
        "def forgotten():\n    return 1\n",
        "def used():\n    return 1\n\n\nROUTES = {'used': used}\n",
    ),
]


@pytest.mark.parametrize(
    ("rule", "wrong", "right"), PYTHON, ids=[f"{n}-{row[0]}" for n, row in enumerate(PYTHON)]
)
async def test_a_mistake_is_found_and_its_likeness_is_not(
    judge: Judge, rule: str, wrong: str, right: str
) -> None:
    """The rule finds the mistake, and nothing of its kind where it is done right."""
    good = await judge({"app/main.py": right})
    bad = await judge({"app/main.py": wrong})

    assert rule in found(bad)
    assert rule not in found(good)


SCRIPTS = [
    ("errors.swallowed", "try { go() } catch {}\n", "try { go() } catch (e) { log(e) }\n"),
    (
        "concurrency.blocking",
        "import bcrypt from 'bcrypt'\nexport const h = (p) => bcrypt.hashSync(p, 10)\n",
        "import fs from 'node:fs'\nexport const t = fs.readFileSync('openapi.json', 'utf8')\n",
    ),
    (
        "correctness.undefined",
        "export const f = () => nowhere()\n",
        "export const f = () => Buffer.from(process.env.A, 'hex').length\n",
    ),
    (
        "correctness.never_as_meant",
        "export const f = (x) => ({ a: x, a: x })\n",
        "export const f = (x) => ({ a: x, b: x })\n",
    ),
    (
        "dead_code.unused_variable",
        "export function f(x) { const y = x + 1; return x }\n",
        "export function f(x) { const y = x + 1; return y }\n",
    ),
]


@pytest.mark.parametrize(("rule", "wrong", "right"), SCRIPTS, ids=[row[0] for row in SCRIPTS])
async def test_a_mistake_in_javascript_is_found_and_its_likeness_is_not(
    judge: Judge, rule: str, wrong: str, right: str
) -> None:
    """The same in JavaScript, with another linter behind it."""
    prefix = "const log = (e) => e\nconst go = () => log(1)\n" if "go()" in wrong else ""

    good = await judge({"src/app.js": prefix + right})
    bad = await judge({"src/app.js": prefix + wrong})

    assert rule in found(bad)
    assert rule not in found(good)


async def test_settings_of_the_submission_turn_nothing_off(judge: Judge) -> None:
    """Its own linter settings, and a blanket silence, hide no finding."""
    swallowed = "def f(g):\n    try:\n        g()\n    except Exception:  # noqa\n        pass\n"
    outcome = await judge(
        {
            "app/main.py": swallowed,
            "ruff.toml": 'exclude = ["*.py"]\n[lint]\nignore = ["ALL"]\n',
            "pyproject.toml": "[tool.ruff]\nexclude = ['app']\n",
            ".ruff.toml": "this is no toml",
            "src/app.js": "/* eslint-disable */\ntry { f() } catch {}\nfunction f() {}\n",
            ".oxlintrc.json": '{"ignorePatterns": ["**"], "rules": {"no-empty": "off"}}',
            ".eslintignore": "**\n",
            ".gitignore": "**\n",
        }
    )

    places = {one.place.file for one in outcome.findings if one.rule == "errors.swallowed"}  # type: ignore[union-attr]
    assert places == {"app/main.py", "src/app.js"}


@pytest.mark.parametrize(
    "files",
    [
        {"a.py": "try:\n    int()\nexcept:  # noqa: E722\n    int()\n"},
        {"src/a.js": "try { f() } catch {} // eslint-disable-line no-empty\nfunction f() {}\n"},
        {
            "src/a.js": "// eslint-disable-next-line no-empty -- f is asked again\n"
            "try { f() } catch {}\nfunction f() {}\n"
        },
    ],
    ids=["python", "line", "next line"],
)
async def test_what_its_author_silenced_by_name_is_a_note(
    judge: Judge, files: dict[str, str]
) -> None:
    """A decision at its place costs nothing, and is still told."""
    outcome = await judge(files)

    silenced = [one for one in outcome.findings if one.criterion == "code.errors"]
    assert [one.severity for one in silenced] == [Severity.NOTE]
    assert "silenced by its author" in silenced[0].message
    assert all(mark.share == 1 for mark in outcome.marks if mark.criterion == "code.errors")


async def test_tests_and_migrations_are_nobodys_style(judge: Judge) -> None:
    """Files that test or that a tool wrote are not judged as code."""
    tangled = "def f(g):\n    try:\n        g()\n    except:\n        pass\n"

    outcome = await judge(
        {
            "app/main.py": "def main():\n    return 1\n",
            "tests/test_app.py": tangled,
            "migrations/versions/0001_a.py": tangled,
            ".venv/lib/x.py": tangled,
            "node_modules/x/index.js": "try { f() } catch {}\n",
        }
    )

    assert found(outcome) == set()


async def test_a_file_that_cannot_be_read_is_named_and_costs_nothing(judge: Judge) -> None:
    """Text that is no Python, or nests beyond every parser, ends nothing else."""
    outcome = await judge(
        {
            "app/main.py": "def main():\n    return 1\n",
            "app/broken.py": "def f(:\n",
            "app/deep.py": "x = " + "(" * 20_000 + ")" * 20_000,
        }
    )

    assert any("app/broken.py" in note for note in outcome.notes)
    assert all(mark.share is not None for mark in outcome.marks if mark.criterion == "code.errors")


@pytest.mark.parametrize(
    ("files", "rule"),
    [
        ({"README.md": "# Nothing else\n"}, "documentation.readme_start"),
        ({"README.md": "```\nuvicorn a:b\n```\n"}, "documentation.readme_tests"),
        (
            {"README.md": "```\npip install -r missing.txt\nuvicorn a:b\npytest\n```\n"},
            "documentation.readme_wrong",
        ),
        (
            {
                "README.md": "```\nnpm run serve\nnpm test\n```\n",
                "package.json": '{"scripts": {"start": "node ."}}',
            },
            "documentation.readme_wrong",
        ),
        ({"requirements.txt": "fastapi\n"}, "dependencies.unpinned"),
    ],
)
async def test_what_a_newcomer_misses_is_found(
    judge: Judge, files: dict[str, str], rule: str
) -> None:
    """The README and the manifests are read as somebody would who sees them first."""
    program = {"app/main.py": "def main():\n    return 1\n"}

    assert found(await judge(program)) == set()
    assert rule in found(await judge({**program, **files}))


async def test_a_language_without_a_linter_is_not_assessed(judge: Judge) -> None:
    """Go is measured as far as the tools reach, and the rest is said to be unknown."""
    outcome = await judge({"main.go": "package main\n\nfunc main() {\n}\n"})

    shares = {mark.criterion: mark.share for mark in outcome.marks}
    assert shares["code.errors"] is None
    assert shares["code.types"] is None
    assert shares["code.complexity"] == 1
