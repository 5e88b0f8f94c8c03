"""Start lines: the program replaces its shell where that cannot change what the line does."""

import subprocess

import pytest

from acidtest.grader.lab.sandbox._shell import replacing_shell, start_script

REPLACED = {
    "uvicorn app:app": "exec uvicorn app:app",
    "cd app && uvicorn app:app": "cd app && exec uvicorn app:app",
    "a; b": "a; exec b",
    "a || b": "a || exec b",
    "A=1 B='x y' node x.js": "exec env A=1 B='x y' node x.js",
    "gunicorn -w $(nproc) app": "exec gunicorn -w $(nproc) app",
    "python -c 'import a; b()'": "exec python -c 'import a; b()'",
    'python -c "a && b | c"': 'exec python -c "a && b | c"',
    "server > log 2>&1": "exec server > log 2>&1",
    "./manage.py run\\;me": "exec ./manage.py run\\;me",
    "if true; then a; fi && b": "if true; then a; fi && exec b",
}
KEPT = [
    "a | b",
    "a &",
    "a;",
    "if a; then b; fi",
    "for x in 1 2; do a; done",
    "(a; b)",
    "{ a; }",
    "cd /app",
    "exec uvicorn app:app",
    "A=1",
    "A=1 . ./env",
    "cat <<X\ny\nX",
    "a # && b",
    "`which node` x",
    "'unbalanced",
    "",
    "$SERVER app",
    "a $(b",
]


@pytest.mark.parametrize("line", REPLACED)
def test_the_last_program_replaces_the_shell(line: str) -> None:
    """`exec` stands before the last program of the line."""
    assert " ".join(replacing_shell(line).split()) == REPLACED[line]


@pytest.mark.parametrize("line", KEPT)
def test_lines_that_need_their_shell_keep_it(line: str) -> None:
    """A line that would mean something else with `exec` stays as it is."""
    assert replacing_shell(line) == line


@pytest.mark.parametrize(
    "line",
    [
        "echo a; echo b",
        "A=1 sh -c 'echo $A'",
        "false || echo c",
        "echo $(echo d) 2>&1",
        "echo '#' e",
    ],
)
def test_a_replaced_line_says_the_same(line: str) -> None:
    """A real shell prints the same for a line and for its replacement."""
    outputs = [
        subprocess.run(["sh", "-c", text], capture_output=True, text=True, check=False)
        for text in (line, replacing_shell(line))
    ]

    assert replacing_shell(line) != line
    assert outputs[0].stdout == outputs[1].stdout
    assert outputs[0].returncode == outputs[1].returncode


def test_the_start_script_quotes_what_it_is_given() -> None:
    """Nothing in a value or a directory is run by the shell."""
    script = start_script("pwd; echo $X", cwd="/usr/../usr", env={"X": "$(echo evil)'\"`id`"})
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout == "/usr\n$(echo evil)'\"`id`\n"


def test_a_missing_directory_ends_the_start() -> None:
    """Where the directory to start in is missing, nothing else runs."""
    script = start_script("echo evil", cwd="/no such place", env={})
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=False)

    assert done.returncode == 126
    assert done.stdout == ""
