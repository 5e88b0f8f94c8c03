from pathlib import Path

import pytest

from acidtest.core.errors import SubmissionError
from acidtest.grader.lab.recipe import Recipe, recognise

FASTAPI = "from fastapi import FastAPI\napp = FastAPI()\n"
OFFERED = {
    "PORT": "8000",
    "DATABASE_URL": "postgresql://u:p@127.0.0.1:5432/d",
    "DATABASE_HOST": "127.0.0.1",
    "DATABASE_PORT": "5432",
    "DATABASE_USER": "u",
    "DATABASE_PASSWORD": "p",
    "DATABASE_NAME": "d",
    "REDIS_URL": "redis://127.0.0.1:6379/0",
    "REDIS_HOST": "127.0.0.1",
    "REDIS_PORT": "6379",
    "SECRET": "s3cret",
}


def _recipe(root: Path, files: dict[str, str]) -> Recipe:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return recognise(root)


@pytest.mark.parametrize(
    ("files", "scheme"),
    [
        ({"db.py": "e = create_async_engine(URL)"}, "postgresql+asyncpg"),
        (
            {"db.py": "e = create_async_engine(URL)", ".env.example": "A=postgresql+psycopg://x"},
            "postgresql+psycopg",
        ),
        (
            {"db.py": "create_async_engine(u.replace('postgresql://', 'postgresql+asyncpg://'))"},
            "postgresql",
        ),
        (
            {"db.py": "create_async_engine(u); create_engine(u.replace('+asyncpg', ''))"},
            "postgresql+asyncpg",
        ),
        ({"db.py": "create_engine(u)", "requirements.txt": "fastapi\npsycopg2"}, "postgresql"),
        (
            {"db.py": "create_engine(u)", "requirements.txt": "fastapi\npsycopg[binary]"},
            "postgresql+psycopg",
        ),
        ({"db.py": "await asyncpg.connect(u)"}, "postgresql"),
    ],
)
def test_the_scheme_of_the_database_url_fits_the_code(
    tmp_path: Path, files: dict[str, str], scheme: str
) -> None:
    """DATABASE_URL is offered with the driver the code needs, unless it rewrites it itself."""
    recipe = _recipe(tmp_path, {"requirements.txt": "fastapi", "main.py": FASTAPI, **files})

    assert recipe.database_scheme == scheme
    assert recipe.environment(OFFERED)["DATABASE_URL"] == f"{scheme}://u:p@127.0.0.1:5432/d"


@pytest.mark.parametrize(
    "source",
    [
        "os.environ['POSTGRES_HOST']; os.getenv('REDIS_HOST'); os.environ.get('DB_URL')",
        "class S(BaseSettings):\n    postgres_host: str\n    redis_host: str\n    db_url: str",
        "env = Env()\nenv('POSTGRES_HOST'); env.str('REDIS_HOST'); config('DB_URL')",
    ],
)
def test_names_in_the_source_get_our_values(tmp_path: Path, source: str) -> None:
    """Every usual way of reading the environment is seen, and well-known names get a value."""
    recipe = _recipe(
        tmp_path, {"requirements.txt": "fastapi", "main.py": FASTAPI, "config.py": source}
    )
    env = recipe.environment(OFFERED)

    assert env["POSTGRES_HOST"] == "127.0.0.1"
    assert env["REDIS_HOST"] == "127.0.0.1"
    assert env["DB_URL"] == "postgresql://u:p@127.0.0.1:5432/d"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SQLALCHEMY_DATABASE_URI", OFFERED["DATABASE_URL"]),
        ("APP_DATABASE_URL", OFFERED["DATABASE_URL"]),
        ("PGHOST", "127.0.0.1"),
        ("PGUSER", "u"),
        ("DB_PASS", "p"),
        ("POSTGRES_DB", "d"),
        ("POSTGRES_PORT", "5432"),
        ("CACHE_URL", OFFERED["REDIS_URL"]),
        ("CELERY_BROKER_URL", OFFERED["REDIS_URL"]),
        ("REDIS_PORT", "6379"),
        ("APP_PORT", "8000"),
        ("JWT_SECRET_KEY", "s3cret"),
        ("ASYNC_DATABASE_URL", "postgresql+asyncpg://u:p@127.0.0.1:5432/d"),
        ("TEST_DATABASE_URL", None),
        ("RABBITMQ_URL", None),
        ("LOG_LEVEL", None),
        ("DATABASE_POOL_SIZE", None),
    ],
)
def test_each_well_known_name_means_one_of_our_values(
    tmp_path: Path, name: str, value: str | None
) -> None:
    """A name people use is set to the value it means; any other name is left alone."""
    recipe = _recipe(
        tmp_path, {"requirements.txt": "fastapi", "main.py": FASTAPI, ".env.example": f"{name}=x\n"}
    )

    assert recipe.environment(OFFERED).get(name) == value


@pytest.mark.parametrize(
    ("dockerfile", "start", "port"),
    [
        ('FROM x\nWORKDIR /code\nEXPOSE 9000\nCMD ["./run", "/code/a"]', "./run /app/a", 9000),
        ("FROM x\nCMD serve --port 8000", "serve --port $PORT", None),
        (
            'FROM x\nCMD ["sh", "-c", "a && b --bind 0.0.0.0:8000"]',
            "a && b --bind 0.0.0.0:$PORT",
            None,
        ),
        ('FROM a\nCMD ["wrong"]\nFROM b\nENTRYPOINT ["right"]\nCMD ["x y"]', "right 'x y'", None),
        ("FROM a\nCMD one \\\n  two", "one    two", None),
    ],
)
def test_a_dockerfile_tells_the_command(
    tmp_path: Path, dockerfile: str, start: str, port: int | None
) -> None:
    """The last stage's command is used, with our folder and our port in place of its own."""
    recipe = _recipe(tmp_path, {"Dockerfile": dockerfile})

    assert (recipe.start, recipe.port) == (start, port)
    assert recipe.dockerfile == tmp_path / "Dockerfile"


def test_a_compose_file_tells_names_port_and_command(tmp_path: Path) -> None:
    """The service that is built is ours: its command, its names, its worker, its inner port."""
    recipe = _recipe(
        tmp_path,
        {
            "compose.yaml": """
services:
  db: {image: postgres, environment: {POSTGRES_USER: x}}
  api:
    build: .
    command: serve --port 8080
    ports: ["80:8080"]
    environment: ["DB_HOST=db", "CACHE_HOST=cache"]
  jobs: {build: ., command: [celery, -A, x, worker]}
"""
        },
    )

    assert recipe.start == "serve --port $PORT"
    assert recipe.worker == "celery -A x worker"
    assert recipe.port == 8080
    assert recipe.env == {"DB_HOST": "${DATABASE_HOST}", "CACHE_HOST": "${REDIS_HOST}"}


def test_an_images_defaults_do_not_lead_past_the_grader(tmp_path: Path) -> None:
    """Addresses written into a Dockerfile give way to ours; its other settings are kept."""
    docker = "FROM x\nENV DATABASE_URL=postgresql://db/x DB_HOST=db MODE=fast\nENV LEVEL 5\nCMD a"
    env = _recipe(tmp_path, {"Dockerfile": docker}).environment(OFFERED)

    assert env["DATABASE_URL"] == OFFERED["DATABASE_URL"]
    assert (env["DB_HOST"], env["MODE"], env["LEVEL"]) == ("127.0.0.1", "fast", "5")


def test_the_order_of_trust(tmp_path: Path) -> None:
    """What is said in acidtest.toml wins; what it leaves out comes from the next file in line."""
    files = {
        "acidtest.toml": 'health = "/up"\nmigrate = "mine"\n[env]\nDB_HOST = "fixed"\n',
        "Procfile": "web: gunicorn x\nrelease: theirs\nworker: w\n",
        "requirements.txt": "fastapi",
        "main.py": f"{FASTAPI}os.getenv('DB_HOST')\n@app.get('/healthz')\ndef h(): ...\n",
        "Dockerfile": "FROM x\nCMD docker\nEXPOSE 7000",
    }
    recipe = _recipe(tmp_path, files)

    assert (recipe.start, recipe.source) == ("gunicorn x", "Procfile")
    assert (recipe.migrate, recipe.worker, recipe.health) == ("mine", "w", "/up")
    assert recipe.environment(OFFERED)["DB_HOST"] == "fixed"
    assert recipe.port == 7000
    assert not any("docker" in note for note in recipe.notes)


def test_everything_can_be_said_in_acidtest_toml(tmp_path: Path) -> None:
    """Every key arrives where it belongs, and placeholders stand for the run's values."""
    recipe = _recipe(
        tmp_path,
        {
            "acidtest.toml": """
stack = "custom-thing"
build = ["make deps", "make"]
migrate = "make db"
start = "./serve"
worker = "./work"
health = "/health"
[env]
HOST = "${DATABASE_HOST}:${DATABASE_PORT}"
DEBUG = false
WORKERS = 2
QUEUE = "${BROKER_URL}"
[dialect.create_book]
path = "/library/books"
"""
        },
    )

    assert recipe.build == ("make deps", "make")
    assert (recipe.start, recipe.worker, recipe.stack) == ("./serve", "./work", "custom-thing")
    assert recipe.dialect == {"create_book": {"path": "/library/books"}}
    env = recipe.environment(OFFERED)
    assert (env["HOST"], env["DEBUG"], env["WORKERS"]) == ("127.0.0.1:5432", "false", "2")
    assert "QUEUE" not in env


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ('strat = "x"', "strat: there is no such key; did you mean `start`?"),
        ("start = 5", "start"),
        ('start = "  "', "is empty"),
        ('health = "health"', "starts with `/`"),
        ('[env]\n"A B" = "x"', "cannot be the name"),
        ('[env]\nA = "${DATABASE_HOTS}"', "did you mean `DATABASE_HOST`?"),
        ("start = ", "not valid TOML"),
        ("[" * 5000, "not valid TOML"),
    ],
)
def test_mistakes_in_acidtest_toml_are_named_by_their_place(
    tmp_path: Path, text: str, word: str
) -> None:
    """A wrong key, type, path or placeholder is refused with its place and a suggestion."""
    with pytest.raises(SubmissionError) as caught:
        _recipe(tmp_path, {"acidtest.toml": text, "main.py": FASTAPI})

    assert word in str(caught.value)
    assert "acidtest.toml" in str(caught.value)
