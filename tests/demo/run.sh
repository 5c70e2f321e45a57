#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Two instances on this machine, a submission host and an MX. A message with an attachment comes in over STARTTLS, is
# queued, relayed over TLS and delivered into a Maildir; the logs and the delivered headers are shown. Both go on running.
set -euo pipefail
# What an earlier demo left goes first: common.sh looks at what stands there.
"$(dirname "$0")/stop.sh" >/dev/null
# shellcheck source=common.sh
. "$(dirname "$0")/common.sh"

mkdir -p "$demo"
chmod 755 "$demo"
if ! "${as_user[@]}" test -x "$libexec/master"; then
  # The build tree is closed to that user (a clone below /root, for example).
  cp -rL "$sbin" "$libexec" "$demo"
  sbin=$demo/sbin libexec=$demo/libexec
fi

# instance NAME PORT SETTING... - the stock files, with at most 15 lines of main.cf changed and smtpd on PORT
instance() {
  local name=$1 port=$2 dir=$demo/$1
  shift 2
  mkdir -p "$dir"/{etc,queue,data,mail}
  cp "$top/conf/main.cf" "$top/conf/master.cf" "$dir/etc"
  sed -i "s/^smtp  *inet /127.0.0.1:$port inet /" "$dir/etc/master.cf"
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj "/CN=$name.example.test" \
    -addext "subjectAltName=DNS:$name.example.test" -keyout "$dir/etc/key.pem" -out "$dir/etc/cert.pem" 2>/dev/null
  cat "$dir/etc/key.pem" "$dir/etc/cert.pem" >"$dir/etc/chain.pem"
  chmod 600 "$dir"/etc/{key,chain}.pem
  "$sbin/postconf" -c "$dir/etc" -e "queue_directory=$dir/queue" "data_directory=$dir/data" "command_directory=$sbin" \
    "daemon_directory=$libexec" "mail_owner=$user" "setgid_group=$(id -gn "$user")" "maillog_file=$dir/maillog" \
    "myhostname=$name.example.test" "smtpd_tls_chain_files=$dir/etc/chain.pem" "smtpd_tls_security_level=may" \
    "smtpd_tls_received_header=yes" "$@"
  echo "$name: $(diff "$top/conf/main.cf" "$dir/etc/main.cf" | grep -c '^>') lines of main.cf differ from the stock file"
  [ "$(id -u)" != 0 ] || chown -R "$user:$(id -gn "$user")" "$dir"
  postfix_of "$name" start
}

say "Starting two instances as user $user below $demo"
instance submission "$submission_port" "relayhost=[127.0.0.1]:$mx_port" "smtp_tls_security_level=encrypt" \
  "smtp_tls_loglevel=1" "alias_maps="
instance mx "$mx_port" "mydestination=mx.example.test" "mail_spool_directory=$demo/mx/mail/" "alias_maps="

say "Sending a message with an attachment to $user@mx.example.test over STARTTLS"
/usr/bin/python3 -B "$top/tests/demo/send.py" "$submission_port" "$user@mx.example.test"

maildir=$demo/mx/mail/$user/new
for _ in $(seq 150); do
  delivered=$(find "$maildir" -type f 2>/dev/null | head -n 1 || true)
  [ -z "$delivered" ] || break
  sleep 0.2
done
for name in submission mx; do
  say "Log of $name ($demo/$name/maillog)"
  grep -E 'daemon started|TLS connection|client=|message-id=|from=<|to=<|removed|warning|fatal|panic' "$demo/$name/maillog" || true
done
if [ -z "${delivered:-}" ]; then
  say "NOT DELIVERED within 30 seconds"
  exit 1
fi
say "Delivered: $delivered"
sed '/^$/q' "$delivered"
hops=$(sed '/^$/q' "$delivered" | grep -c '(using TLSv1.3 ' || true)
if [ "$hops" != 2 ]; then
  say "EXPECTED two headers with '(using TLSv1.3 ...)', found $hops"
  exit 1
fi

say "Both instances go on running"
prefix=
[ "$(id -u)" != 0 ] || prefix="setpriv --reuid=$user --regid=$(id -g "$user") --clear-groups "
cat <<TEXT
Send more:          swaks --server 127.0.0.1:$submission_port --tls --from you@example.test --to $user@mx.example.test
Read it:            ls $maildir
Look at the queue:  $prefix$sbin/postqueue -c $demo/submission/etc -p
Follow the log:     tail -f $demo/submission/maillog $demo/mx/maillog
Stop both:          make demo-stop
TEXT
