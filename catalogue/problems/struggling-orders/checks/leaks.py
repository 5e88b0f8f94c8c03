"""Secrets: what is left of the old ones, and whether CI blocks new ones."""

import asyncio
import base64
import string
from collections.abc import Callable

from acidtest.grader.sdk import SAFETY, Env, check, clip, fail, own_files

from ._leaked import leaked

CI = "ci_lets_a_clean_change_pass"
_LARGEST = 2_000_000
_AT_ONCE = 3
_WORKFLOWS = (
    ".github/workflows",
    ".gitlab-ci.yml",
    ".gitlab-ci.yaml",
    ".circleci",
    "Jenkinsfile",
    "azure-pipelines.yml",
    ".drone.yml",
    "bitbucket-pipelines.yml",
    ".woodpecker",
    ".woodpecker.yml",
    ".forgejo/workflows",
    ".gitea/workflows",
)
_CLEAN = {
    "notes/release.md": (
        "# Release\n\nCommit 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b is live. The token is read\n"
        "from the vault, see `PAYMENT_TOKEN_FILE`; nobody needs to know the password.\n"
    ),
    "notes/settings.py": (
        '"""Where things are."""\n\nimport os\n\nDATABASE = os.environ["DATABASE_URL"]\n'
        'SECRET_NAME = "payments/webhook"\nREQUEST = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"\n'
    ),
}


@check("R18", group="secrets", kind=SAFETY, weight=2)
async def no_leaked_secret_is_left(env: Env) -> None:
    """No file of the repository holds a secret of the old one, and no `.env` is there."""
    for path in own_files(env.tree):
        name = path.relative_to(env.tree).as_posix()
        if path.name == ".env":
            fail("An `.env` is in the repository", expected="none", observed=name)
        if path.stat().st_size > _LARGEST:
            continue
        text = path.read_bytes()
        for setting, secret in leaked().items():
            if secret.encode() in text:
                fail(
                    f"The old {setting} is still in the repository",
                    expected="rotated, and gone from every file",
                    observed=name,
                )


@check("R18", group="secrets")
async def git_ignores_the_env_file(env: Env) -> None:
    """The file `.gitignore` keeps `.env` out."""
    ignored = env.tree / ".gitignore"
    lines = ignored.read_text("utf-8", "replace").split() if ignored.is_file() else []
    if not {".env", "/.env", "*.env", ".env*", "**/.env", ".env.*"} & {*lines} - {".env.*"}:
        fail(
            "git would take an `.env` in again",
            expected="`.env` in .gitignore",
            observed=clip(", ".join(lines), 300) or "no .gitignore",
        )


@check("R19", group="secrets", weight=2)
async def ci_lets_a_clean_change_pass(env: Env) -> None:
    """The declared `ci` command ends with 0 for a change without secrets.

    The change holds what only looks like one: a commit, a UUID, names of settings.
    """
    if env.ci.command is None:
        fail(
            "acidtest.toml declares no `ci` command",
            expected='ci = "…", what CI runs for a pull request',
            observed="none",
        )
    outcome = await env.ci(_CLEAN)
    if outcome.exit_code != 0:
        fail(
            "CI blocks a change that holds no secret",
            expected="exit code 0",
            observed=f"exit code {outcome.exit_code}: {clip(outcome.log, 800)}",
        )


@check("R19", group="secrets")
async def a_workflow_of_ci_runs_the_scan(env: Env) -> None:
    """A workflow of a CI system is in the repository, and it runs what `ci` declares."""
    found = [env.tree / name for name in _WORKFLOWS if (env.tree / name).exists()]
    files = [path for place in found for path in (own_files(place) if place.is_dir() else [place])]
    texts = [path.read_text("utf-8", "replace") for path in files if path.is_file()]
    words = (env.ci.command or "").split()
    named = [word for word in words if len(word) > 3 and not word.startswith(("-", "python"))]
    if not texts or not named or not any(word in text for word in named for text in texts):
        fail(
            "No workflow of a CI system runs the scan for secrets",
            expected=f"a workflow that runs `{env.ci.command}`",
            observed=", ".join(path.name for path in files) or "no workflow at all",
        )


@check("R19", group="secrets", kind=SAFETY, weight=5, requires=(CI,), deadline=180.0)
async def ci_blocks_ten_kinds_of_secrets(env: Env) -> None:
    """CI ends with something else than 0 for each of ten changes that add a secret.

    A private key, keys of a cloud, a code host, a payment and a chat provider, a signed token, a
    webhook secret, a password in a connection string, in a setting, and a package registry's token.
    """
    changes = iter([(kind, *make(env)) for kind, make in _KINDS.items()])
    passed: list[str] = []

    async def work() -> None:
        for kind, name, text in changes:
            if (await env.ci({name: text})).exit_code == 0:
                passed.append(kind)

    async with asyncio.TaskGroup() as group:
        for _ in range(_AT_ONCE):
            group.create_task(work())
    if passed:
        fail(
            f"CI lets secrets pass: {', '.join(sorted(passed))}",
            expected="ten kinds blocked",
            observed=f"{len(_KINDS) - len(passed)} of {len(_KINDS)} blocked",
        )


@check("R19", group="secrets", kind=SAFETY, weight=2, requires=(CI,), deadline=60.0)
async def ci_looks_at_every_commit_of_a_change(env: Env) -> None:
    """A secret that one commit adds and the next removes is found: it stays in the history."""
    name, text = _private_key(env)
    outcome = await env.ci({name: text}, {name: None, "notes/done.md": "Removed.\n"})
    if outcome.exit_code == 0:
        fail(
            "A secret that a later commit removes again passes CI",
            expected="every commit of the change is looked at",
            observed="exit code 0",
        )


def _drawn(env: Env, letters: str, count: int) -> str:
    return "".join(env.rng.choices(letters, k=count))


_WORD = string.ascii_letters + string.digits


def _private_key(env: Env) -> tuple[str, str]:
    lines = [base64.b64encode(env.rng.randbytes(48)).decode() for _ in range(12)]
    edge = "RSA PRIVATE KEY-----"
    return "deploy/id_rsa", "\n".join([f"-----BEGIN {edge}", *lines, f"-----END {edge}", ""])


def _cloud_key(env: Env) -> tuple[str, str]:
    name = "AKIA" + _drawn(env, string.ascii_uppercase + "234567", 16)
    return "deploy/aws.ini", (
        f"[default]\naws_access_key_id = {name}\n"
        f"aws_secret_access_key = {_drawn(env, _WORD + '/+', 40)}\n"
    )


def _code_host(env: Env) -> tuple[str, str]:
    return "deploy/fetch.sh", f'curl -H "Authorization: token ghp_{_drawn(env, _WORD, 36)}" x\n'


def _payment(env: Env) -> tuple[str, str]:
    return "app/pay.py", f'stripe.api_key = "sk_live_{_drawn(env, _WORD, 24)}"\n'


def _chat(env: Env) -> tuple[str, str]:
    digits = _drawn(env, string.digits, 12)
    return "app/notify.py", f'SLACK = "xoxb-{digits}-{digits}-{_drawn(env, _WORD, 24)}"\n'


def _signed_token(env: Env) -> tuple[str, str]:
    def part(text: str) -> str:
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    head, body = part('{"alg":"HS256","typ":"JWT"}'), part(f'{{"sub":"{env.word()}","admin":true}}')
    return "docs/try.http", f"Authorization: Bearer {head}.{body}.{_drawn(env, _WORD, 43)}\n"


def _webhook(env: Env) -> tuple[str, str]:
    return "deploy/app.yaml", f"webhook: whsec_{base64.b64encode(env.rng.randbytes(32)).decode()}\n"


def _connection(env: Env) -> tuple[str, str]:
    word = _drawn(env, _WORD, 14) + "7"
    return "app/settings.py", f'URL = "postgresql://orders:{word}@db.orders.internal:5432/orders"\n'


def _setting(env: Env) -> tuple[str, str]:
    return "deploy/prod.env", f"SMTP_PASSWORD={_drawn(env, _WORD, 18)}4x\n"


def _package(env: Env) -> tuple[str, str]:
    return ".npmrc", f"//npm.orders.internal/:_authToken=npm_{_drawn(env, _WORD, 36)}\n"


_KINDS: dict[str, Callable[[Env], tuple[str, str]]] = {
    "a private key": _private_key,
    "keys of a cloud": _cloud_key,
    "a token of a code host": _code_host,
    "a key of a payment provider": _payment,
    "a token of a chat provider": _chat,
    "a signed token": _signed_token,
    "a webhook secret": _webhook,
    "a password in a connection string": _connection,
    "a password in a setting": _setting,
    "a token of a package registry": _package,
}
