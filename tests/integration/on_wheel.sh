#!/bin/sh
# Build the wheel and run the quick tests against it, installed without the sources: on_wheel.sh PYTHON
# They run on another Python than the one that builds it, if there is a newer one.
set -eu
python=$1
other=$(sh "$(dirname "$0")/find_python.sh" 3.13)
root=$(pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$python" -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir "$work" .
wheel=$(ls "$work"/healthkit_asgi-*.whl)
"$python" - "$wheel" <<'PY'
import sys, zipfile
names = zipfile.ZipFile(sys.argv[1]).namelist()
strays = [name for name in names if not name.startswith(("healthkit/", "healthkit_asgi-"))]
assert not strays, f"the wheel has {strays}: expected the package only"
assert "healthkit/py.typed" in names, "the wheel lacks py.typed"
PY

"${other:-$python}" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check "$wheel[dev]"
# Somewhere else, so that `import healthkit` finds the wheel and not the sources.
ln -s "$root/.tools" "$work/.tools"
cp -R tests examples helm Makefile pyproject.toml README.md RULES.md .pre-commit-hooks.yaml "$work"
cd "$work"
"$work/venv/bin/python" -c "import healthkit, sys; sys.exit(healthkit.__file__.startswith('$root'))"
sh tests/quick.sh "$work/venv/bin/python" -q
