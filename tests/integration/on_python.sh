#!/bin/sh
# All tests and the matrix of terminations on one version of Python: on_python.sh 3.12
# With a second word, the quick tests only, or those on real servers that `make test` runs:
# on_python.sh 3.12 quick
# on_python.sh 3.12 servers
# A version that is not installed is skipped, and said to be.
set -eu
version=$1

python=$(sh "$(dirname "$0")/find_python.sh" "$version")
if [ -z "$python" ]; then
    echo "skipped: Python $version is not installed here"
    exit 0
fi
echo "Python $version: $("$python" --version)"
make --no-print-directory ".venv-$version/.dev" VENV=".venv-$version" PYTHON="$python"
if [ "${2-}" != servers ]; then
    sh tests/quick.sh ".venv-$version/bin/python"
fi
case ${2-} in
quick) ;;
servers)
    ".venv-$version/bin/python" -m pytest tests/integration -m "not matrix and not hooks and not chart" -n 2
    ;;
*)
    code=0
    results=$PWD/.zero-loss.jsonl
    rm -f "$results"
    ZERO_LOSS_RESULTS=$results ".venv-$version/bin/python" -m pytest tests/integration || code=$?
    ".venv-$version/bin/python" tests/integration/zero_loss_table.py "$results"
    exit "$code"
    ;;
esac
