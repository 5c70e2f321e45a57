# SPDX-License-Identifier: Apache-2.0
# What run.sh and stop.sh share: where the demo stands and who runs it.
# shellcheck shell=bash

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
demo=${DEMO_DIR:-/var/tmp/postern-demo-$(id -u)}
submission_port=${DEMO_SUBMISSION_PORT:-10587}
mx_port=${DEMO_MX_PORT:-10025}

# The demo needs no privilege, so it takes none: started by root it runs as the user behind sudo, or as nobody.
if [ "$(id -u)" = 0 ]; then
  user=${SUDO_USER:-nobody}
  as_user=(setpriv "--reuid=$user" "--regid=$(id -g "$user")" --clear-groups env HOME=/ "USER=$user" "LOGNAME=$user")
else
  user=$(id -un)
  as_user=()
fi

sbin=$top/build/sbin
libexec=$top/build/libexec
if [ -d "$demo/sbin" ]; then sbin=$demo/sbin libexec=$demo/libexec; fi

say() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
postfix_of() { "${as_user[@]}" "$sbin/postfix" -c "$demo/$1/etc" "${@:2}"; }
running() { [ -f "$demo/$1/etc/main.cf" ] && postfix_of "$1" status >/dev/null 2>&1; }
