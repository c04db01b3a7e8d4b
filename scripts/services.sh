#!/bin/sh
# Installs servers that only tests speak to: through apt, as root on Debian and its children; elsewhere it says
# how. Never fails for a missing one: its tests are skipped, and say so. Tests start servers of their own from
# what is installed; one that the package starts is left to the machine.
set -u

# One line a service: its program and the package of Debian that brings it.
SERVICES="
pgbouncer pgbouncer
"

# Debian keeps servers where people who are not root don't look.
PATH="$PATH:/usr/sbin:/usr/local/sbin"
missing=""
while read -r program package; do
  [ -n "$program" ] || continue
  command -v "$program" >/dev/null 2>&1 || missing="$missing $package"
done <<EOF
$SERVICES
EOF
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
  echo "services: missing:$missing. Install with: sudo apt-get install$missing (Debian, Ubuntu). Going on without." >&2
  exit 0
fi

install() {
  # The words are names of packages.
  # shellcheck disable=SC2086
  DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing </dev/null
}

echo "services: installing$missing" >&2
# The lists of packages may be absent or old: then once more with new ones.
log=$(install 2>&1) && exit 0
log=$(apt-get update -q </dev/null 2>&1 && install 2>&1) && exit 0
echo "$log" | tail -n 5 >&2
echo "services: apt-get could not install$missing. Going on without." >&2
