#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# fetch_oracle.sh DIR - unpacks Debian's postfix packages below DIR. Nothing is installed: no port is taken, no other
# mail system removed. The programs look for their libraries in /usr/lib/postfix, so they run in a private mount
# namespace (harness/world.py: see_package).
set -euo pipefail

target=${1:?usage: fetch_oracle.sh DIR}
packages=(postfix postfix-pcre postfix-lmdb postfix-cdb postfix-sqlite)
# Package that owns a library -> the library; fetched only where the machine lacks it.
declare -A libraries=(
  [libdb5.3]=libdb-5.3.so [libicu72]=libicuuc.so.72 [libnsl2]=libnsl.so.2 [libsasl2-2]=libsasl2.so.2 [libssl3]=libssl.so.3
  [libpcre2-8-0]=libpcre2-8.so.0 [liblmdb0]=liblmdb.so.0 [libcdb1]=libcdb.so.1 [libsqlite3-0]=libsqlite3.so.0
  [libtirpc3]=libtirpc.so.3)
stamp=$target/.packages

[ -f "$stamp" ] && exit 0
command -v apt-get >/dev/null || { echo "fetch_oracle.sh: needs apt-get (Debian)" >&2; exit 1; }

known=$(/sbin/ldconfig -p)
for package in "${!libraries[@]}"; do
  grep -qF "${libraries[$package]}" <<<"$known" || packages+=("$package")
done
compgen -G '/usr/lib/*/sasl2/libplain.so*' >/dev/null || packages+=(libsasl2-modules)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
cd "$work"
if ! apt-get -qq download "${packages[@]}" 2>download.log; then
  [ "$(id -u)" = 0 ] && apt-get -qq update
  apt-get -qq download "${packages[@]}"
fi
for deb in *.deb; do dpkg -x "$deb" unpacked; done
if [ -d unpacked/lib ] && [ ! -L unpacked/lib ]; then
  cp -a unpacked/lib/. unpacked/usr/lib/ && rm -rf unpacked/lib
fi

# What the package's installation would have written: the list of table plug-ins, and empty configuration files.
etc=unpacked/etc/postfix
while read -r type plugin rest; do
  if [ "${type#\#}" != "$type" ] || [ -e "unpacked/usr/lib/postfix/$plugin" ]; then
    printf '%s\t%s\t%s\n' "$type" "$plugin" "$rest"
  fi
done <unpacked/usr/share/postfix/dynamicmaps.cf >"$etc/dynamicmaps.cf"
echo 'compatibility_level = 3.6' >"$etc/main.cf"
cp unpacked/usr/share/postfix/master.cf.dist "$etc/master.cf"
for file in *.deb; do echo "$file"; done >unpacked/.packages

cd - >/dev/null
mkdir -p "$(dirname "$target")"
rm -rf "$target"
cp -a "$work/unpacked" "$target"
echo "unpacked $(grep -c . "$stamp") packages below $target"
