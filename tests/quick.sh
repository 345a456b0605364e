#!/bin/sh
# The quick tests, on all processors: quick.sh PYTHON [options of pytest]
# Those marked `alone` come last, in a process that has no thread but its own.
set -eu
python=$1
shift
"$python" -m pytest --ignore=tests/integration -m "not alone and not chart and not cluster" -n auto --maxprocesses=4 "$@"
"$python" -m pytest tests/test__run.py -m alone "$@"
