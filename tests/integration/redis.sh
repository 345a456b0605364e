#!/bin/sh
# Get redis-server from Debian's packages, without installing it or starting a service:
# redis.sh DIRECTORY. Prints the path of a small script that runs it with the libraries that were
# unpacked beside it. Where that can't be done, one line says why.
set -eu

fail() {
    echo "redis: $1; without it, tests that need it are skipped" >&2
    exit 1
}

[ $# -eq 1 ] || fail "found $# arguments, expected one: the directory to unpack to"
mkdir -p "$1" || fail "no directory could be made at $1"
cd "$1"
server=$(pwd)/redis-server

# What an installation would fetch: the package, and what of its libraries is not here yet.
needed() {
    apt-get --simulate --no-install-recommends install redis-server 2>>download.log |
        sed -n 's/^Inst \([^ ]*\) .*/\1/p'
}

download() {
    packages=$(needed) && [ -n "$packages" ] || return 1
    # apt's own user could not write here.
    # shellcheck disable=SC2086  # names of packages, one a line
    apt-get -qq -o APT::Sandbox::User= -o Acquire::Retries=3 download $packages >>download.log 2>&1
}

if ! [ -x "$server" ]; then
    command -v apt-get >/dev/null && command -v dpkg >/dev/null ||
        fail "apt-get and dpkg are not both here, expected Debian or a distribution made of it"
    : >download.log
    download || { apt-get -qq update >update.log 2>&1 && download; } ||
        fail "apt-get has no package 'redis-server': $(cat update.log download.log | tail -n 1)"
    for package in *.deb; do
        dpkg -x "$package" . || fail "dpkg could not unpack $package"
    done
    rm -f ./*.deb
    libraries=$(find "$(pwd)/usr/lib" "$(pwd)/lib" -name '*.so.*' -printf '%h\n' 2>/dev/null |
        sort -u | tr '\n' ':')
    cat >"$server" <<SCRIPT
#!/bin/sh
LD_LIBRARY_PATH='$libraries' exec '$(pwd)/usr/bin/redis-server' "\$@"
SCRIPT
    chmod +x "$server"
fi
"$server" --version >/dev/null 2>&1 || fail "the package's redis-server does not run here"
echo "$server"
