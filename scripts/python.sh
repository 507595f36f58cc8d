#!/usr/bin/env bash
# Prints a Python of 3.11 or newer: $PYTHON where it is set, otherwise the first that the PATH has.
set -euo pipefail

modern() {
  command -v "$1" > /dev/null 2>&1 && "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null
}

if [[ -n "${PYTHON:-}" ]]; then
  if ! modern "$PYTHON"; then
    echo "PYTHON=$PYTHON is not a Python of 3.11 or newer." >&2
    exit 1
  fi
  echo "$PYTHON"
  exit
fi

for candidate in python3 python3.14 python3.13 python3.12 python3.11 python; do
  if modern "$candidate"; then
    echo "$candidate"
    exit
  fi
done
echo "No Python of 3.11 or newer was found. Install one, or name it: make PYTHON=/path/to/python3.12 …" >&2
exit 1
