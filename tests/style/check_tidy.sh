#!/usr/bin/env bash
# usage: check_tidy.sh FOLDER [compiler options]
# The headers of FOLDER pass clang-tidy: names as agreed, no known mistakes. All in one go, because most of the time goes
# into the headers of Boost. `run-clang-tidy -p build/release src` looks at every source as well, in minutes.
set -euo pipefail
tidy=""
for tool in clang-tidy-14 clang-tidy; do
  # Later versions know more checks, and find something in every release of their own.
  [[ $("$tool" --version 2>/dev/null) != *"version 14."* ]] || { tidy=$tool; break; }
done
[[ -n $tidy ]] || { echo "skipped: clang-tidy 14 is not installed"; exit 77; }
cd "$(dirname "$0")/../.."
folder=$1
shift
all=$(mktemp --suffix=.cpp)
trap 'rm -f "$all"' EXIT
(cd "$folder" && find . -name '*.hpp' | sort | sed 's|^\./\(.*\)|#include "\1"|') >"$all"
"$tidy" --quiet --config-file=.clang-tidy "$all" -- -std=c++20 "$@"
