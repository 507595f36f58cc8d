#!/usr/bin/env bash
# Writes every file that is made from another one; with --check it only tells which of them is out of date.
set -euo pipefail
cd "$(dirname "$0")/.."

openapi="$(mktemp)"
trap 'rm -f "$openapi"' EXIT
.venv/bin/python -m backend.openapi > "$openapi"

if [[ "${1:-}" != --check ]]; then
  cp "$openapi" spec/openapi.json
  npm run --silent types --workspace frontend
  npm run --silent generate --workspace client
  exit
fi

status=0
diff -u spec/openapi.json "$openapi" || status=1
npm run --silent types:check --workspace frontend || status=1
npm run --silent generate:check --workspace client || status=1
if [[ "$status" != 0 ]]; then
  echo 'A generated file differs from its source: run "make generate" and commit the result.' >&2
fi
exit "$status"
