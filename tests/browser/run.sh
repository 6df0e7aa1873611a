#!/bin/sh
# Runs the browser tests: tests/browser/run.sh [TEST FILES]
#
# CHINWAG_BIN   the server (default: target/debug/chinwag of this repository)
# CHROMIUM_BIN  the browser (default: /usr/bin/chromium)
#
# Needs node 20, chromium and netcat-openbsd.
set -eu
cd "$(dirname "$0")"
[ -d node_modules/playwright-core ] || npm ci --ignore-scripts
exec node --test --test-concurrency=2 --test-timeout=300000 "$@"
