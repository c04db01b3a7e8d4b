#!/bin/sh
# Installs the chemistry engines that are missing: through apt, as root on Debian and its children; elsewhere
# it says how. Never fails for a missing engine: what needs one waits or is skipped, and says so.
set -u

# One line an engine: its program and the Debian package that brings it.
ENGINES="
xtb xtb
"

missing=""
while read -r program package; do
  [ -n "$program" ] || continue
  command -v "$program" >/dev/null 2>&1 || missing="$missing $package"
done <<EOF
$ENGINES
EOF

[ -n "$missing" ] || exit 0

advise() {
  echo "engines: missing:$missing. $1 Going on without." >&2
  exit 0
}

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
  advise "Install with: sudo apt-get install$missing (Debian, Ubuntu), or conda install -c conda-forge$missing; XTB_PATH names an xtb that is not on PATH."
fi

install() {
  # shellcheck disable=SC2086 # a list of packages
  DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing </dev/null
}

echo "engines: installing$missing" >&2
# The lists of packages may be absent or old: then once more with new ones.
if ! log=$(install 2>&1); then
  log=$(apt-get update -q </dev/null 2>&1 && install 2>&1) || {
    echo "$log" | tail -n 5 >&2
    advise "apt-get could not install it."
  }
fi
