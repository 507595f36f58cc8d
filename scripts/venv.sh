#!/usr/bin/env bash
# Installs requirements/<name>.txt and this project into .venv, which it makes when it is missing or broken.
# Usage: scripts/venv.sh run|try|dev
set -euo pipefail
cd "$(dirname "$0")/.."
name="$1"
pip=(.venv/bin/python -m pip --disable-pip-version-check --quiet --quiet)

usable() {
  .venv/bin/python -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' > /dev/null 2>&1
}

if ! usable; then
  python="$(scripts/python.sh)"
  if ! "$python" -c 'import ensurepip, venv' 2> /dev/null; then
    version="$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')"
    echo "$python cannot make virtual environments: its ensurepip module is missing." >&2
    echo "On Debian and Ubuntu, install it with: apt-get install python$version-venv" >&2
    exit 1
  fi
  echo "Creating .venv with $("$python" --version) …"
  "$python" -m venv --clear .venv
fi

echo "Installing the locked Python packages ($name) …"
"${pip[@]}" install --require-hashes --requirement "requirements/$name.txt"
# The build back end came with the lock file, so this needs no network.
"${pip[@]}" install --no-index --no-deps --no-build-isolation --editable .

# try.txt holds everything of run.txt, and dev.txt everything of both.
touch .venv/.run
if [[ "$name" != run ]]; then
  touch .venv/.try
fi
if [[ "$name" == dev ]]; then
  touch .venv/.dev
fi
