#!/usr/bin/env bash
# Prints the PgBouncer that the tests put between the store and PostgreSQL, and installs one when there is none.
# Order: $SEALRING_PGBOUNCER, the PATH, an installation.
set -euo pipefail

if [[ -n "${SEALRING_PGBOUNCER:-}" ]]; then
  if [[ ! -x "$SEALRING_PGBOUNCER" ]]; then
    echo "SEALRING_PGBOUNCER=$SEALRING_PGBOUNCER is not an executable file." >&2
    exit 1
  fi
  echo "$SEALRING_PGBOUNCER"
  exit
fi

# Debian puts it where only root looks.
PATH="$PATH:/usr/sbin:/usr/local/sbin"
command -v pgbouncer && exit

if [[ "$(id -u)" == 0 ]] && command -v apt-get > /dev/null; then
  echo "No PgBouncer was found: installing it with apt-get …" >&2
  apt-get update -qq >&2
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends pgbouncer >&2
  command -v pgbouncer && exit
elif command -v brew > /dev/null; then
  echo "No PgBouncer was found: installing it with brew …" >&2
  brew install --quiet pgbouncer >&2
  command -v pgbouncer && exit
fi
echo "No PgBouncer could be installed. Install it, or set SEALRING_PGBOUNCER to one." >&2
exit 1
