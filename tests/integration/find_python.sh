#!/bin/sh
# Print the path of an installed Python: find_python.sh 3.13. Nothing if there is none.
set -eu
for candidate in "python$1" "$HOME/.pyenv/versions/$1".*/bin/python; do
    if "$candidate" -c 'import venv' 2>/dev/null; then
        command -v "$candidate"
        exit
    fi
done
