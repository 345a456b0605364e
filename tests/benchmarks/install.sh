#!/bin/sh
# Make the environment of the benchmarks: install.sh PYTHON DIRECTORY
# healthkit and the server must be had. A peer that is not costs its own rows only: each is tried
# alone when all at once fail, and the report says which are missing.
set -eu
python=$1
directory=$2
here=$(dirname "$0")
peers="$here/requirements.txt"

"$python" -m venv "$directory"
install() {
    "$directory/bin/python" -m pip install --quiet --disable-pip-version-check "$@"
}

echo "Installing healthkit and the peers of its benchmarks into $directory ..."
install --constraint "$peers" --editable "$here/../.." uvicorn httptools
if ! install --requirement "$peers"; then
    grep '^[a-z]' "$peers" | while read -r peer; do
        install --constraint "$peers" "$peer" || echo "not installed: $peer"
    done
fi
