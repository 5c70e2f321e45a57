#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Stops the instances of the demo and removes what it made.
set -euo pipefail
# shellcheck source=common.sh
. "$(dirname "$0")/common.sh"

for name in submission mx; do
  if running "$name"; then
    postfix_of "$name" stop
    echo "stopped $name"
  fi
done
rm -rf "$demo"/{submission,mx,sbin,libexec}
[ ! -d "$demo" ] || rmdir "$demo"
