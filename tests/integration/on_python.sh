#!/bin/sh
# All tests and the matrix of terminations on one version of Python: on_python.sh 3.12
# With a second word, the quick tests only, or what `make test` runs:
# on_python.sh 3.12 quick
# on_python.sh 3.12 servers
# A version that is not installed is skipped, and said to be.
set -eu
version=$1

find_python() {
    for candidate in "python$version" "$HOME/.pyenv/versions/$version".*/bin/python; do
        if "$candidate" -c 'import venv' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
}

python=$(find_python)
if [ -z "$python" ]; then
    echo "skipped: Python $version is not installed here"
    exit 0
fi
echo "Python $version: $("$python" --version)"
make --no-print-directory ".venv-$version/.dev" VENV=".venv-$version" PYTHON="$python"
sh tests/quick.sh ".venv-$version/bin/python"
case ${2-} in
quick) ;;
servers)
    ".venv-$version/bin/python" -m pytest tests/integration -m "not matrix"
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
