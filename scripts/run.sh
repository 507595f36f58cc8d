#!/usr/bin/env bash
# Starts the Todo app for development; with --reload, behind Vite, and anew whenever a Python file changes.
# The app makes its secrets file (.sealring.env, readable by its owner only) on the first start and keeps it.
# STORE=postgres or STORE=valkey runs it beside a server that comes as a wheel, whose data is kept in data/.
# Reads HOST (127.0.0.1), PORT (8000), INSECURE_COOKIES=1 (Safari on http://localhost) and all of TODO_* and SEALRING_*.
set -euo pipefail
cd "$(dirname "$0")/.."

if [[ -n "${STORE:-}" ]]; then
  exec .venv/bin/python -m scripts.try_store "$STORE" scripts/run.sh "$@"
fi

export SEALRING_ENVIRONMENT="${SEALRING_ENVIRONMENT:-development}"
if [[ "${INSECURE_COOKIES:-0}" == 1 ]]; then
  export SEALRING_INSECURE_COOKIES=true
fi

if [[ "${1:-}" != --reload ]]; then
  exec .venv/bin/python -m backend
fi

# The pages come from Vite, so its origin is one of the application's own; it proxies to port 8000.
export SEALRING_ALLOWED_ORIGINS="http://localhost:5173" PORT=8000
.venv/bin/python -m watchfiles --filter python ".venv/bin/python -m backend" backend src &
backend=$!
trap 'kill "$backend" 2> /dev/null || true' EXIT
npm run --silent dev --workspace frontend
