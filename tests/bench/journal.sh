#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# journal.sh COMMAND... - runs COMMAND with BENCH_DIR on a fresh ext4 with a journal (a loop-mounted image) and removes it
# afterwards; where no loop device can be had, on the file system of TMPDIR, and says so. Needs root.
set -eu
dir=$(mktemp -d)
trap 'umount "$dir/mnt" 2>/dev/null || true; rm -rf "$dir"' EXIT
chmod 755 "$dir"
mkdir "$dir/mnt"
truncate -s 6G "$dir/image"
if ! { mkfs.ext4 -q -F -E lazy_itable_init=0,lazy_journal_init=0 "$dir/image" && mount -o loop "$dir/image" "$dir/mnt"; }; then
  echo "bench: no loop device; measuring on $(stat -f -c %T "$dir")" >&2
fi
BENCH_DIR=$dir/mnt/bench "$@"
