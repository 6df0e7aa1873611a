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
# The runner ends a file of tests after five minutes; whatever keeps the runner itself is ended, too.
exec timeout --foreground --kill-after=30 1800 \
  node --test --test-concurrency=2 --test-timeout=300000 "$@"
