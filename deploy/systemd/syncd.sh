#!/bin/sh
# A command of syncd as the service's user, with the service's credentials, whether the service
# runs or not. Copy to /usr/local/sbin/syncd; root then says: syncd status
# The history calls by name who became root.
set -eu
set -- /opt/syncd/bin/syncd "$@"
# `systemctl show` does not print credentials, so the unit's own lines are taken.
while read -r line; do
  case "$line" in
    LoadCredential*) set -- "--property=$line" "$@" ;;
  esac
done <<END
$(systemctl cat syncd.service)
END
exec systemd-run --quiet --pipe --wait --collect --same-dir --uid=syncd --gid=syncd \
  --property=UMask=0077 --setenv=LOGNAME="${SUDO_USER:-$(id -un)}" "$@"
