#!/usr/bin/env bash
# Runs every check that is not a test, to the end, and fails when one of them failed.
set -uo pipefail
cd "$(dirname "$0")/.."
failed=()

step() {
  local title="$1"
  shift
  echo "── $title"
  if ! "$@"; then
    failed+=("$title")
  fi
}

step "Python format (ruff)" .venv/bin/ruff format --check --quiet .
step "Python lint (ruff)" .venv/bin/ruff check --quiet .
step "Python types (mypy)" .venv/bin/mypy --no-error-summary
step "Python types (pyright)" node_modules/.bin/pyright --pythonpath .venv/bin/python
step "Format (prettier)" node_modules/.bin/prettier --check --log-level warn .
step "TypeScript lint (eslint)" node_modules/.bin/eslint --max-warnings 0 .
step "TypeScript types (tsc)" npm run --silent typecheck --workspaces
step "Package of the client (publint)" node_modules/.bin/publint client --strict
step "Layers and contract" .venv/bin/python -m pytest -q --no-header tests/test_layers.py tests/test_contract.py
step "Generated files" scripts/generate.sh --check

if ((${#failed[@]})); then
  printf 'Failed: %s\n' "${failed[@]}" >&2
  exit 1
fi
echo "All checks passed."
