#!/usr/bin/env bash
# Resolves pyproject.toml into dev.txt, run.txt and try.txt of requirements/, with hashes and without addresses.
# Usage: scripts/lock.sh [--upgrade]
set -euo pipefail
cd "$(dirname "$0")/.."

# Extras stay in the lock: an older pip would otherwise look at newer releases for `coverage[toml]`, which have no hash.
uv=(.venv/bin/uv --no-config pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-strip-extras)
run=(--extra fastapi --extra metrics --extra cli --group app --group build)
try=("${run[@]}" --extra postgres --extra redis --group servers)
dev=("${try[@]}" --extra starlette --extra fast --extra remote --extra sqlalchemy --group test --group check --group lock)

mkdir -p requirements
for name in dev run try; do
  touch "requirements/$name.txt"
done
"${uv[@]}" "$@" "${dev[@]}" pyproject.toml --output-file requirements/dev.txt
# run.txt is the part of dev.txt that the Todo app needs, try.txt what it needs beside a server of its own: the same
# versions, one resolution.
"${uv[@]}" --no-annotate --constraint requirements/dev.txt "${run[@]}" pyproject.toml --output-file requirements/run.txt
"${uv[@]}" --no-annotate --constraint requirements/dev.txt "${try[@]}" pyproject.toml --output-file requirements/try.txt

for name in dev run try; do
  body="$(cat "requirements/$name.txt")"
  printf '# Made by "make lock"; do not edit.\n%s\n' "$body" > "requirements/$name.txt"
done
if grep -nE 'https?://|file:|--index|--find-links' requirements/*.txt; then
  echo "lock: an address got into a lock file" >&2
  exit 1
fi
