#!/bin/sh
# All tests and the matrix of terminations on one version of Python: on_python.sh 3.12
# With a second word, the quick tests only: on_python.sh 3.12 quick
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
".venv-$version/bin/python" -m pytest --ignore=tests/integration
if [ "${2-}" != quick ]; then
    ".venv-$version/bin/python" -m pytest tests/integration
fi
