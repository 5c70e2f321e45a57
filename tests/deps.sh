#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# deps.sh - installs the Debian 12/13 packages that building, testing and linting need. Says nothing when all are there.
set -eu

packages="make ccache clang-19 libclang-rt-19-dev lld-19 llvm-19 clang-format-19 clang-tidy-19
  libevent-dev libfmt-dev libdb5.3-dev liblmdb-dev libpcre2-dev libunbound-dev libssl-dev libicu-dev dns-root-data
  libcppunit-dev mandoc python3 python3-pytest swaks libnet-ssleay-perl openssl ca-certificates util-linux mount e2fsprogs netbase procps strace"

missing=
for package in $packages; do
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

command -v apt-get >/dev/null || { echo "deps: install the counterparts of:$missing" >&2; exit 1; }
if [ "$(id -u)" != 0 ]; then
  echo "deps: missing packages; as root: apt-get install --no-install-recommends$missing" >&2
  exit 1
fi
echo "deps: installing$missing"
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086
apt-get -qq install -y --no-install-recommends $missing >/dev/null 2>&1 || {
  apt-get -qq update
  apt-get -qq install -y --no-install-recommends $missing >/dev/null
}
