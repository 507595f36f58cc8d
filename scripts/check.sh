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

# The browser example of the README, checked as an application sees the client: by its built package.
readme_example_has_types() {
  local folder=node_modules/.readme
  mkdir -p "$folder"
  awk '/^```ts$/ { on = 1; next } /^```$/ { on = 0 } on' README.md > "$folder/example.mts"
  test -s "$folder/example.mts" || return 1
  node node_modules/typescript/bin/tsc --ignoreConfig --noEmit --strict --skipLibCheck false --target es2022 --module nodenext \
    --lib es2022,dom,dom.iterable "$folder/example.mts"
}

step "Python format (ruff)" .venv/bin/ruff format --check --quiet .
step "Python lint (ruff)" .venv/bin/ruff check --quiet .
step "Python types (mypy)" .venv/bin/mypy --no-error-summary
step "Python types (pyright)" node_modules/.bin/pyright --pythonpath .venv/bin/python
step "Format (prettier)" node_modules/.bin/prettier --check --log-level warn .
step "TypeScript lint (eslint)" node_modules/.bin/eslint --max-warnings 0 .
step "TypeScript types (tsc)" npm run --silent typecheck --workspaces
step "TypeScript types of the client (the next tsc)" node node_modules/typescript-7/bin/tsc -p client/tsconfig.json
step "Package of the client (publint)" node_modules/.bin/publint client --strict
step "Types of the client's package (attw)" node_modules/.bin/attw --pack client --profile esm-only --quiet
step "Interface of the client (client/api.md)" npm run --silent api:check --workspace client
step "Size of the client (size-limit)" npm run --silent size --workspace client
step "Example of the README (tsc)" readme_example_has_types
step "Layers and contract" .venv/bin/python -m pytest -q --no-header tests/test_layers.py tests/test_contract.py
step "Generated files" scripts/generate.sh --check

if ((${#failed[@]})); then
  printf 'Failed: %s\n' "${failed[@]}" >&2
  exit 1
fi
echo "All checks passed."
