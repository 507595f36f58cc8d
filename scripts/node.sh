#!/usr/bin/env bash
# Refuses a Node that is missing or older than package.json asks for.
set -euo pipefail

if ! command -v node > /dev/null || ! command -v npm > /dev/null; then
  echo "Node.js 20.19 or newer is needed, with npm. Install it and run make again." >&2
  exit 1
fi
if ! node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)'; then
  echo "Node.js 20.19 or newer is needed; this is $(node --version)." >&2
  exit 1
fi
