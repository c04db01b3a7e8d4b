#!/bin/sh
# Installs the chemistry engines that are missing: through apt, as root on Debian and its children; elsewhere
# it says how. Never fails for a missing engine: what needs one waits or is skipped, and says so.
set -u

# One line an engine: its program, the packages of Debian and of conda-forge that bring it, and the setting
# that names one that is not on PATH.
ENGINES="
xtb xtb xtb XTB_PATH
vina autodock-vina vina VINA_PATH
"

missing=""
conda=""
settings=""
while read -r program package feedstock setting; do
  [ -n "$program" ] || continue
  command -v "$program" >/dev/null 2>&1 && continue
  missing="$missing $package"
  conda="$conda $feedstock"
  settings="${settings:+$settings or }$setting"
done <<EOF
$ENGINES
EOF

[ -n "$missing" ] || exit 0

advise() {
  echo "engines: missing:$missing. $1 Going on without." >&2
  exit 0
}

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
  advise "Install with: sudo apt-get install$missing (Debian, Ubuntu), or conda install -c conda-forge$conda; $settings names one that is not on PATH."
fi

install() {
  DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$1" </dev/null
}

echo "engines: installing$missing" >&2
# One by one: a package that a distribution lacks keeps no other from coming. The lists of packages may be
# absent or old: then once more with new ones.
failed=""
updated=""
for package in $missing; do
  log=$(install "$package" 2>&1) && continue
  if [ -z "$updated" ]; then
    updated=yes
    log=$(apt-get update -q </dev/null 2>&1 && install "$package" 2>&1) && continue
  fi
  echo "$log" | tail -n 5 >&2
  failed="$failed $package"
done
[ -z "$failed" ] && exit 0
missing=$failed
advise "apt-get could not install this."
