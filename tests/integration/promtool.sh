#!/bin/sh
# Get promtool and prometheus from Debian's package, without installing it or starting a service:
# promtool.sh DIRECTORY. Prints the path of promtool; prometheus is beside it. Where that can't be
# done, one line says why.
set -eu

fail() {
    echo "promtool: $1; without it, tests that need it are skipped" >&2
    exit 1
}

[ $# -eq 1 ] || fail "found $# arguments, expected one: the directory to unpack to"
mkdir -p "$1" || fail "no directory could be made at $1"
cd "$1"
promtool=$(pwd)/usr/bin/promtool

download() {
    # apt's own user could not write here.
    apt-get -qq -o APT::Sandbox::User= -o Acquire::Retries=3 download prometheus >download.log 2>&1
}

if ! [ -x "$promtool" ]; then
    command -v apt-get >/dev/null && command -v dpkg >/dev/null ||
        fail "apt-get and dpkg are not both here, expected Debian or a distribution made of it"
    download || { apt-get -qq update >update.log 2>&1 && download; } ||
        fail "apt-get has no package 'prometheus': $(cat update.log download.log | tail -n 1)"
    dpkg -x prometheus_*.deb . || fail "dpkg could not unpack the package"
    rm -f prometheus_*.deb
fi
"$promtool" --version >/dev/null 2>&1 || fail "the package's promtool does not run here"
echo "$promtool"
