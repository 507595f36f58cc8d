#!/usr/bin/env bash
# Prints the browser that the end-to-end tests drive, and installs one when there is none.
# Order: $SEALRING_BROWSER, a Chromium or Chrome on the PATH, the one that Playwright installed, an installation.
set -euo pipefail
cd "$(dirname "$0")/.."

if [[ -n "${SEALRING_BROWSER:-}" ]]; then
  if [[ ! -x "$SEALRING_BROWSER" ]]; then
    echo "SEALRING_BROWSER=$SEALRING_BROWSER is not an executable file." >&2
    exit 1
  fi
  echo "$SEALRING_BROWSER"
  exit
fi

on_path() {
  local name
  for name in chromium chromium-browser google-chrome google-chrome-stable; do
    command -v "$name" && return
  done
  return 1
}

of_playwright() {
  local path
  path="$(.venv/bin/python -c '
from playwright.sync_api import sync_playwright
with sync_playwright() as playwright:
    print(playwright.chromium.executable_path)')"
  [[ -x "$path" ]] && echo "$path"
}

on_path && exit
of_playwright && exit

if [[ "$(id -u)" == 0 ]] && command -v apt-get > /dev/null; then
  echo "No browser was found: installing Chromium with apt-get …" >&2
  apt-get update -qq >&2
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >&2
  on_path && exit
else
  echo "No browser was found: Playwright installs its Chromium …" >&2
  .venv/bin/python -m playwright install chromium >&2
  of_playwright && exit
fi
echo "No browser could be installed. Install Chromium, or set SEALRING_BROWSER to one." >&2
exit 1
