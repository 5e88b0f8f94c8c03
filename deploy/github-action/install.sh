#!/usr/bin/env bash
# Makes AcidTest ready on a runner: the locked environment, and the servers that are missing.
# As root where that is allowed, since the sandbox of a shared runner needs it; no service is started.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)

as_root=()
if [ "$(id -u)" != 0 ] && sudo -n true 2>/dev/null; then
  as_root=(sudo -n env "PATH=$PATH")
fi
"${as_root[@]}" "$root/tools/setup.sh"
