#!/usr/bin/env bash
# usage: check_tidy.sh FOLDER [compiler options]
# The headers of FOLDER pass clang-tidy: names as agreed, no known mistakes. All in one go, because most of the time goes
# into the headers of Boost. `run-clang-tidy -p build/release src` looks at every source as well, in minutes.
set -euo pipefail
command -v clang-tidy >/dev/null || { echo "skipped: clang-tidy is not installed"; exit 77; }
cd "$(dirname "$0")/../.."
folder=$1
shift
all=$(mktemp --suffix=.cpp)
trap 'rm -f "$all"' EXIT
(cd "$folder" && find . -name '*.hpp' | sort | sed 's|^\./\(.*\)|#include "\1"|') >"$all"
clang-tidy --quiet --config-file=.clang-tidy "$all" -- -std=c++20 "$@"
