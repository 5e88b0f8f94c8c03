import json
from pathlib import Path

import pytest

from acidtest.core.errors import SubmissionError
from acidtest.grader.lab.recipe import GoBuild, NodeBuild, PythonBuild, Recipe, recognise

FASTAPI = "from fastapi import FastAPI\napp = FastAPI()\n"


def _recipe(root: Path, files: dict[str, str]) -> Recipe:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return recognise(root)


def _python(recipe: Recipe) -> PythonBuild:
    assert isinstance(recipe.dependencies, PythonBuild)
    return recipe.dependencies


@pytest.mark.parametrize(
    ("files", "start", "paths"),
    [
        ({"main.py": FASTAPI}, "main:app", (".",)),
        ({"app/main.py": FASTAPI}, "app.main:app", (".",)),
        ({"src/books/api.py": FASTAPI}, "books.api:app", ("src", ".")),
        (
            {"src/main.py": f"from src.db import x\n{FASTAPI}", "src/db.py": ""},
            "src.main:app",
            (".", "src"),
        ),
        (
            {"app/main.py": f"from models import x\n{FASTAPI}", "app/models.py": ""},
            "main:app",
            ("app", "."),
        ),
        ({"books/__init__.py": FASTAPI}, "books:app", (".",)),
        (
            {"app/main.py": f"from .db import x\n{FASTAPI}", "app/db.py": "", "x/y.py": FASTAPI},
            "app.main:app",
            (".",),
        ),
        ({"main.py": "import fastapi\nserver: X = fastapi.FastAPI()\n"}, "main:server", (".",)),
        ({"main.py": "try:\n    from fastapi import FastAPI\n    api = FastAPI()\nfinally: ...\n"},
         "main:api", (".",)),
    ],
)  # fmt: skip
def test_the_application_object_is_found(
    tmp_path: Path, files: dict[str, str], start: str, paths: tuple[str, ...]
) -> None:
    """The application is found in its file, with the folder it must be imported from."""
    recipe = _recipe(tmp_path, {"requirements.txt": "fastapi==0.1\nuvicorn==0.1\n", **files})

    assert recipe.start == f"uvicorn {start} --host 0.0.0.0 --port $PORT"
    assert _python(recipe).import_paths == paths


def test_tests_and_examples_are_not_the_service(tmp_path: Path) -> None:
    """An application in a test folder is not the one that is graded."""
    recipe = _recipe(
        tmp_path,
        {
            "requirements.txt": "fastapi\nuvicorn",
            "tests/app.py": FASTAPI,
            "examples/main.py": FASTAPI,
            "service/server.py": FASTAPI,
        },
    )

    assert "service.server:app" in recipe.start


def test_of_several_applications_the_dockerfile_decides(tmp_path: Path) -> None:
    """Where two applications fit, the one another file names is taken."""
    files = {"requirements.txt": "fastapi\nuvicorn", "main.py": FASTAPI, "admin.py": FASTAPI}

    assert "main:app" in _recipe(tmp_path / "a", files).start
    docker = {"Dockerfile": 'FROM x\nCMD ["uvicorn", "admin:app"]'}
    assert "admin:app" in _recipe(tmp_path / "b", {**files, **docker}).start


@pytest.mark.parametrize(
    ("requirements", "source", "start", "added"),
    [
        ("fastapi\nuvicorn[standard]", FASTAPI, "uvicorn main:app", ()),
        ("fastapi[standard]", FASTAPI, "uvicorn main:app", ()),
        ("fastapi\nhypercorn", FASTAPI, "hypercorn --bind 0.0.0.0:$PORT main:app", ()),
        ("fastapi\ngranian", FASTAPI, "granian --interface asgi", ()),
        ("fastapi", FASTAPI, "uvicorn main:app", ("uvicorn",)),
        ("flask\ngunicorn", "app = Flask(__name__)", "gunicorn --bind 0.0.0.0:$PORT", ()),
        ("flask", "app = Flask(__name__)", "gunicorn --bind 0.0.0.0:$PORT", ("gunicorn",)),
        ("flask\nwaitress", "app = Flask(__name__)", "waitress-serve --listen=0.0.0.0:$PORT", ()),
        (
            "flask\ngunicorn",
            "def create_app(config=None):\n    app = Flask(__name__)\n    return app\n",
            "'main:create_app()'",
            (),
        ),
        (
            "fastapi\nuvicorn",
            "def make() -> FastAPI:\n    return FastAPI()\n",
            "main:make --host 0.0.0.0 --port $PORT --factory",
            (),
        ),
        (
            "fastapi\nuvicorn",
            "def make():\n    return FastAPI()\nservice = make()\n",
            "uvicorn main:service",
            (),
        ),
    ],
)
def test_the_server_is_its_own_or_one_we_add(
    tmp_path: Path, requirements: str, source: str, start: str, added: tuple[str, ...]
) -> None:
    """The listed server starts the application or factory; a missing one is added and said."""
    recipe = _recipe(tmp_path, {"requirements.txt": requirements, "main.py": source})

    assert start in recipe.start
    assert _python(recipe).added == added
    assert bool(added) == any("was added" in note for note in recipe.notes)


@pytest.mark.parametrize(
    ("files", "kind", "lock"),
    [
        ({"requirements.txt": "fastapi"}, "requirements", None),
        ({"requirements/prod.txt": "fastapi"}, "requirements", None),
        ({"pyproject.toml": '[project]\nname="x"\ndependencies=["fastapi"]'}, "pyproject", None),
        (
            {"pyproject.toml": '[project]\nname="x"\ndependencies=["fastapi"]', "uv.lock": ""},
            "uv",
            "uv.lock",
        ),
        (
            {"pyproject.toml": '[tool.poetry.dependencies]\nfastapi="*"', "poetry.lock": ""},
            "poetry",
            "poetry.lock",
        ),
        ({"pyproject.toml": '[tool.poetry.dependencies]\nfastapi="*"'}, "poetry", None),
        ({"Pipfile": '[packages]\nfastapi="*"', "Pipfile.lock": "{}"}, "pipfile", "Pipfile.lock"),
        ({"setup.py": "install_requires=['fastapi']"}, "setup", None),
        ({}, "none", None),
    ],
)
def test_dependencies_are_read_from_whatever_lists_them(
    tmp_path: Path, files: dict[str, str], kind: str, lock: str | None
) -> None:
    """Each way of listing Python dependencies is known, and a lock goes before a loose list."""
    plan = _python(_recipe(tmp_path, {"main.py": FASTAPI, **files}))

    assert (plan.kind, plan.lock) == (kind, lock)


def test_loose_requirements_are_said(tmp_path: Path) -> None:
    """Requirements without a fixed version are named in a note, included files counted."""
    recipe = _recipe(
        tmp_path,
        {
            "main.py": FASTAPI,
            "requirements.txt": "-r more.txt\nfastapi>=0.1\nuvicorn==0.30\n# a comment\n",
            "more.txt": "redis\n-r requirements.txt\n",
        },
    )

    assert any("2 requirements in requirements.txt are not pinned" in n for n in recipe.notes)


@pytest.mark.parametrize(
    ("files", "migrate"),
    [
        ({"alembic.ini": ""}, "alembic upgrade head"),
        ({"db/alembic.ini": ""}, "cd db && alembic upgrade head"),
        (
            {"manage.py": "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'x.settings')"},
            "python manage.py migrate --noinput",
        ),
        (
            {"requirements.txt": "flask\nflask-migrate", "migrations/env.py": "",
             "main.py": "app = Flask(__name__)"},
            "flask --app main:app db upgrade",
        ),
        ({"Procfile": "web: x\nrelease: make db\n"}, "make db"),
        ({}, None),
    ],
)  # fmt: skip
def test_migrations_are_found(tmp_path: Path, files: dict[str, str], migrate: str | None) -> None:
    """The command that migrates is the one of the tool whose files are there."""
    recipe = _recipe(tmp_path, {"requirements.txt": "fastapi", "main.py": FASTAPI, **files})

    assert recipe.migrate == migrate


def _package(**content: object) -> str:
    return json.dumps(content)


@pytest.mark.parametrize(
    ("code", "port"),
    [
        ("app.listen(3000);", 3000),
        (
            "// app.listen(process.env.PORT);\nconst db = env.DB_PORT;\nawait app.listen(3000);",
            3000,
        ),
        ("app.listen(process.env.PORT || 3000);", None),
        ("const port = config.get('PORT');\napp.listen(3000);", None),
    ],
)
def test_a_port_that_is_written_into_the_code_is_offered(
    tmp_path: Path, code: str, port: int | None
) -> None:
    """A service that listens on one port whatever it is told is met there."""
    files = {"package.json": _package(scripts={"start": "node main.js"}), "main.js": code}

    assert _recipe(tmp_path, files).port == port


@pytest.mark.parametrize(
    ("files", "start", "migrate", "build"),
    [
        ({"package.json": _package(scripts={"start": "node src/server.js"})},
         "node src/server.js", None, None),
        ({"package.json": _package(main="lib.js"), "lib.js": ""}, "node lib.js", None, None),
        ({"package.json": _package(), "index.js": ""}, "node index.js", None, None),
        ({"package.json": _package(main="index.js", devDependencies={"ts-node-dev": "2"}),
          "src/index.ts": ""}, "ts-node src/index.ts", None, None),
        ({"package.json": _package(scripts={"start": "npm run x"})}, "npm run start", None, None),
        ({"package.json": _package(scripts={"start": "node dist/main.js", "build": "tsc"})},
         "node dist/main.js", None, "build"),
        ({"package.json": _package(scripts={"start": "node a.js", "db:migrate": "x"})},
         "node a.js", "npm run db:migrate", None),
        ({"package.json": _package(scripts={"start": "node a.js"}), "knexfile.js": ""},
         "node a.js", "node_modules/.bin/knex migrate:latest", None),
        ({"package.json": _package(scripts={"start": "nest start", "start:prod": "node dist/main",
                                            "build": "nest build"})},
         "node dist/main", None, "build"),
    ],
)  # fmt: skip
def test_node_projects_are_recognised(
    tmp_path: Path, files: dict[str, str], start: str, migrate: str | None, build: str | None
) -> None:
    """package.json tells how a Node service is compiled, migrated and started."""
    recipe = _recipe(tmp_path, files)

    assert isinstance(recipe.dependencies, NodeBuild)
    assert (recipe.start, recipe.migrate) == (start, migrate)
    assert recipe.dependencies.build_script == build


def test_node_names_and_fixed_ports_are_seen(tmp_path: Path) -> None:
    """Names from process.env are mapped, and a port written into the source is noticed."""
    recipe = _recipe(
        tmp_path,
        {
            "package.json": _package(dependencies={"express": "4"}),
            "index.js": "const { DB_HOST } = process.env; x(process.env.REDIS_URI); a.listen(3000)",
        },
    )

    assert recipe.stack == "node-express"
    assert recipe.port == 3000
    assert recipe.env == {"DB_HOST": "${DATABASE_HOST}", "REDIS_URI": "${REDIS_URL}"}


def test_go_modules_are_recognised(tmp_path: Path) -> None:
    """The main package that looks most like the service is built."""
    main = "package main\n\nfunc main() {}\n"
    recipe = _recipe(
        tmp_path, {"go.mod": "module x", "cmd/tool/main.go": main, "cmd/server/main.go": main}
    )

    assert recipe.dependencies == GoBuild(package="./cmd/server")


def test_a_frontend_beside_a_python_service_is_not_the_service(tmp_path: Path) -> None:
    """A package.json without anything to start does not hide the Python application."""
    recipe = _recipe(
        tmp_path,
        {
            "package.json": _package(scripts={"start": "vite"}),
            "requirements.txt": "fastapi",
            "main.py": FASTAPI,
        },
    )

    assert recipe.stack == "python-fastapi"


def test_when_nothing_fits_the_way_out_is_shown(tmp_path: Path) -> None:
    """An unknown folder is refused with what was looked for, where it may be, and an example."""
    files = {"README.md": "hi", "backend/requirements.txt": "fastapi", "backend/main.py": FASTAPI}
    with pytest.raises(SubmissionError) as caught:
        _recipe(tmp_path, files)

    text = str(caught.value)
    assert "Procfile" in text
    assert "`backend`" in text
    assert 'start = "' in text


@pytest.mark.parametrize(
    "files",
    [
        {"main.py": "(" * 5000, "package.json": "[" * 100_000},
        {"main.py": "app = FastAPI(\x00", "requirements.txt": "\x00\xff"},
        {"docker-compose.yml": "a: &a [x]\nb: &b [*a,*a]\nservices: *b"},
        {"docker-compose.yml": "services: [1, 2]", "Dockerfile": "CMD", "Procfile": "web:"},
        {
            "package.json": '{"scripts": [], "main": 7, "dependencies": "x"}',
            "pyproject.toml": "= x",
        },
        {
            "pyproject.toml": '[project]\ndependencies = 5\n[tool]\npoetry = "x"',
            "Pipfile": "packages=1",
        },
    ],
)
def test_hostile_files_are_no_crash(tmp_path: Path, files: dict[str, str]) -> None:
    """Files that are broken on purpose end in the ordinary refusal or an ordinary recipe."""
    try:
        recipe = _recipe(tmp_path, files)
    except SubmissionError as error:
        assert "not recognised" in str(error)  # noqa: PT017 - either end is fine, a crash is not
    else:
        assert recipe.start


def test_links_out_of_the_folder_are_not_read(tmp_path: Path) -> None:
    """A file that is a link to somewhere else does not exist for us."""
    outside = tmp_path / "outside.txt"
    outside.write_text("web: stolen\n")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "Procfile").symlink_to(outside)

    with pytest.raises(SubmissionError):
        recognise(tmp_path / "in")


def test_nothing_of_a_submission_is_run(tmp_path: Path) -> None:
    """Recognising reads; a file that would act when imported does not act."""
    sign = tmp_path / "ran"
    code = f"open({str(sign)!r}, 'w').close()\n{FASTAPI}"
    _recipe(tmp_path / "in", {"main.py": code, "setup.py": code, "conftest.py": code})

    assert not sign.exists()
