#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# fetch_clients.sh DIR - unpacks below DIR the Debian packages of the programs that system tests run beside ours, and what
# they need and the machine lacks. Nothing is installed: no daemon starts and no mail system is removed. A test lays
# the tree over /usr in a mount namespace of its own.
set -euo pipefail

target=${1:?usage: fetch_clients.sh DIR}
packages=(bsd-mailx cron dovecot-core dovecot-lmtpd dovecot-pop3d fail2ban fetchmail git-email gnutls-bin ldnsutils libmailtools-perl logwatch msmtp mutt nsd
  pflogsumm procmail prometheus-postfix-exporter testssl.sh unbound)
# What some of them depend on and the test replaces: a mail system, a system logger, an init system.
replaced='^(postfix|exim4.*|rsyslog|systemd.*|init.*|ssl-cert)$'
stamp=$target/.packages

[ "$(head -1 "$stamp" 2>/dev/null)" = "${packages[*]}" ] && exit 0
command -v apt-get >/dev/null || { echo "fetch_clients.sh: needs apt-get (Debian)" >&2; exit 1; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
cd "$work"

# The packages themselves even where they are installed, and of their dependencies those that are not.
fetch() {
  apt-get -qq -s install --no-install-recommends "${packages[@]}" >plan 2>apt.log &&
    awk '$1 == "Inst" { print $2 }' plan | grep -Ev "$replaced" | cat - <(printf '%s\n' "${packages[@]}") | sort -u >names &&
    xargs apt-get -qq download <names 2>>apt.log
}
if ! fetch; then
  [ "$(id -u)" = 0 ] && apt-get -qq update
  fetch || { cat apt.log >&2; exit 1; }
fi
for deb in *.deb; do dpkg -x "$deb" unpacked; done
# Before /lib and /bin were links into /usr.
for name in lib bin sbin; do
  if [ -d "unpacked/$name" ] && [ ! -L "unpacked/$name" ]; then
    cp -a "unpacked/$name/." "unpacked/usr/$name/"
    rm -rf "unpacked/$name"
  fi
done
{ echo "${packages[*]}"; ls ./*.deb; } >unpacked/.packages

cd - >/dev/null
mkdir -p "$(dirname "$target")"
rm -rf "$target"
cp -a "$work/unpacked" "$target"
echo "unpacked $(grep -c 'deb$' "$stamp") packages below $target"
