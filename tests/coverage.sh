#!/bin/sh
# The quick tests' coverage, in two halves at the same time: coverage.sh PYTHON
# Each is one process, so that what it covers is seen whatever it starts and forks.
set -eu
python=$1
rooms="tests/explain tests/lint tests/manifests tests/render tests/testing tests/cluster"
rooms="$rooms tests/test_examples.py tests/test_readme.py"
"$python" -m coverage erase
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# shellcheck disable=SC2086  # several words
"$python" -m coverage run -p -m pytest $rooms >"$log" 2>&1 &
half=$!
failed=0
# shellcheck disable=SC2046  # as above
"$python" -m coverage run -p -m pytest --ignore=tests/integration --ignore=tests/chart \
	$(for room in $rooms; do echo "--ignore=$room"; done) || failed=1
wait "$half" || failed=1
cat "$log"
[ "$failed" = 0 ]
"$python" -m coverage combine --quiet
"$python" -m coverage report
