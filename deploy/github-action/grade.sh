#!/usr/bin/env bash
# Grades what was checked out. All it is told comes by the environment; see action.yml.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
program=${ACIDTEST_PROGRAM:-$root/.venv/bin/acidtest}
out=${RUNNER_TEMP:?}/acidtest
mkdir -p "$out"

# An option and its value are one word, so that no value is taken for an option.
words=(
  grade
  "--problem=${ACIDTEST_PROBLEM:?}"
  "--threshold=${ACIDTEST_THRESHOLD:-0}"
  "--out=$out"
  "--github-summary=$out/summary.md"
  "--annotations=$out/annotations.txt"
)
[ -z "${ACIDTEST_PROFILE:-}" ] || words+=("--profile=$ACIDTEST_PROFILE")
[ -z "${ACIDTEST_DRIVER:-}" ] || words+=("--driver=$ACIDTEST_DRIVER")
[ "${ACIDTEST_QUICK:-false}" != true ] || words+=(--quick)
words+=(-- "${ACIDTEST_PATH:-.}")

# Of the runner's environment nothing else goes along: it holds tokens, and might name another catalogue,
# which holds programs.
clean=(
  env -i "PATH=$PATH" "GITHUB_WORKSPACE=${GITHUB_WORKSPACE:-}" "ACIDTEST_CATALOGUE=$root/catalogue"
  ACIDTEST_STATE=/var/tmp/acidtest
)
if [ "$(id -u)" != 0 ] && sudo -n true 2>/dev/null; then
  clean=(sudo -n "${clean[@]}" HOME=/root)
else
  clean+=("HOME=$HOME")
fi

# The submission's words are in what is shown: until the end, no line of it is a command.
token=$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')
printf '::stop-commands::%s\n' "$token"
code=0
"${clean[@]}" "$program" "${words[@]}" || code=$?
printf '\n::%s::\n' "$token"

[ ! -f "$out/summary.md" ] || cat "$out/summary.md" >>"${GITHUB_STEP_SUMMARY:-/dev/null}"
if [ "${ACIDTEST_ANNOTATIONS:-true}" = true ] && [ -f "$out/annotations.txt" ]; then
  cat "$out/annotations.txt"
fi
if [ -f "$out/judgement.json" ]; then
  points=$("${PYTHON:-python3}" - "$out/ctrf.json" <<'PYTHON'
import json
import sys

with open(sys.argv[1], encoding="utf-8") as file:
    points = json.load(file)["results"]["summary"]["extra"]["points"]
print("" if points is None else points)
PYTHON
)
  {
    printf 'folder=%s\n' "$out"
    printf 'sarif=%s\n' "$out/report.sarif"
    printf 'points=%s\n' "$points"
  } >>"${GITHUB_OUTPUT:-/dev/null}"
fi
exit "$code"
