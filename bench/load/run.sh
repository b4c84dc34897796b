#!/bin/sh
# Compares photofinish's load generator with others. Usage: run.sh [PHOTOFINISH]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
photofinish=${1:-$here/../../target/release/photofinish}
rounds=${ROUNDS:-5}
seconds=${SECONDS_EACH:-6}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
(cd "$here/server" && go build -o "$work/server" .)
(cd "$here/truth" && go build -o "$work/truth" .)
export BIN_PHOTOFINISH="$photofinish" BIN_TRUTH="$work/truth"
compare() { python3 "$here/compare.py" --server "$work/server" "$@"; }
echo "## Closed loop, 50 connections"
compare --mode closed --connections 50 --seconds "$seconds" --rounds "$rounds"
echo "## Open loop, 2,000 requests a second"
compare --mode open --rate 2000 --connections 50 --seconds "$seconds" --rounds 3
echo "## 1,000 requests a second, the server stalls 1 s in every 5 s"
compare --mode open --rate 1000 --connections 100 --seconds 30 --rounds 1 --stall
