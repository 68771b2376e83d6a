#!/usr/bin/env bash
# Every shell script passes shellcheck.
set -euo pipefail
cd "$(dirname "$0")/../.."
command -v shellcheck >/dev/null || { echo "skipped: shellcheck is not installed"; exit 77; }
find .ci jobs slurm tests -type f -print0 | xargs -0 grep -lE '^#!.*bash|shellcheck shell=' | xargs -d '\n' shellcheck -x
