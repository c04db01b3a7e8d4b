#!/bin/sh
# Runs tests against PostgreSQL 15 as Debian has it, the oldest that Aliquot works with: a private cluster on
# a socket in a temporary folder, and an administrator who has CREATEDB and CREATEROLE and nothing more.
# PG15_BIN names the folder of its programs where they lie elsewhere. Arguments are the files to run.
set -eu

BIN=${PG15_BIN:-/usr/lib/postgresql/15/bin}

# The package would make and start a cluster of its own; ours is private and goes with the run.
install() {
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -q
  apt-get install -y -q --no-install-recommends postgresql-common
  conf=/etc/postgresql-common/createcluster.conf
  sed -i 's/^#create_main_cluster = true/create_main_cluster = false/' "$conf"
  apt-get install -y -q --no-install-recommends postgresql-15
}

if [ ! -x "$BIN/initdb" ]; then
  if [ "$(id -u)" -eq 0 ] && apt-cache show postgresql-15 >/dev/null 2>&1; then
    install </dev/null >&2
  else
    echo "test-pg15: PostgreSQL 15 is missing: apt-get install postgresql-15 (Debian 12), or name the folder of its programs in PG15_BIN" >&2
    exit 1
  fi
fi

# As root the server runs as the account that the package made.
as=""
[ "$(id -u)" -ne 0 ] || as="runuser -u postgres --"
room=$(df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 { print $4 }')
[ "${room:-0}" -gt 2097152 ] && memory=/dev/shm || memory=${TMPDIR:-/tmp}
base=$(mktemp -d "$memory/aliquot-pg15-XXXXXX")
chmod 755 "$base"
[ -z "$as" ] || chown postgres "$base"

stop() {
  $as "$BIN/pg_ctl" -D "$base/data" -m immediate -s stop >/dev/null 2>&1 || true
  rm -rf "$base"
}
trap stop EXIT
trap 'exit 130' INT TERM

password=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
umask 077
echo "$password" >"$base/password"
[ -z "$as" ] || chown postgres "$base/password"
umask 022
$as "$BIN/initdb" -D "$base/data" -U postgres -A scram-sha-256 --pwfile="$base/password" \
  -E UTF8 --locale=C.UTF-8 --no-sync >/dev/null
$as "$BIN/pg_ctl" -D "$base/data" -s -w -l "$base/log" -o \
  "-c listen_addresses='' -c unix_socket_directories='$base' -c fsync=off -c full_page_writes=off -c synchronous_commit=off -c max_connections=200 -c max_locks_per_transaction=256" \
  start || { cat "$base/log" >&2; exit 1; }
PGPASSWORD=$password "$BIN/psql" -h "$base" -U postgres -q -v ON_ERROR_STOP=1 <<EOF
CREATE ROLE few LOGIN NOSUPERUSER CREATEDB CREATEROLE PASSWORD '$password';
CREATE DATABASE few OWNER few;
-- What doctor asks of the operators of a server that is not ours.
REVOKE CONNECT ON DATABASE postgres, template1 FROM PUBLIC;
EOF

export TEST_DATABASE_URL="postgresql://few:$password@localhost/few?host=$base&port=5432"
export TEST_SUPERUSER_URL="postgresql://postgres:$password@localhost/postgres?host=$base&port=5432"
node scripts/test.mjs "$@"
