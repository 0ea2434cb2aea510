#!/bin/sh
# Installs the Debian packages that tests run, where that is possible: the routers FRR, GoBGP and
# ExaBGP; tcpdump and Wireshark's editcap, for real packet captures; Chromium, for the docs page.
# Says in one line what it does, or why it does nothing.
#
# The tests start their own routers on loopback. Their packages, however, bring system services
# that would start at once and at every boot, so that the machine would speak BGP: a policy-rc.d
# (invoke-rc.d(8)) refuses them while apt runs, and afterwards they are disabled.
#
# Exit status: always 0. Where the packages cannot be had, the tests skip and name them.
set -eu

PACKAGES="frr gobgpd exabgp tcpdump wireshark-common chromium"
POLICY=/usr/sbin/policy-rc.d

say() {
    echo "packages for tests: $*"
}

is_installed() {
    dpkg-query --show --showformat='${Status}\n' "$1" 2>/dev/null | grep -q ' installed$'
}

refuse_services() {
    if [ -e "$POLICY" ]; then
        return # whoever put it there decides
    fi
    trap 'rm -f "$POLICY"' EXIT
    trap 'exit 1' HUP INT TERM
    printf '#!/bin/sh\nexit 101\n' >"$POLICY"
    chmod 755 "$POLICY"
}

install() {
    DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet --no-install-recommends "$@" \
        >/dev/null
}

disable_services() {
    command -v systemctl >/dev/null || return 0
    for package; do
        systemctl disable "$package.service" >/dev/null 2>&1 || :
        systemctl stop "$package.service" >/dev/null 2>&1 || : # a policy-rc.d of others may allow it
    done
}

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
    say "not a Debian system; tests that need $PACKAGES are skipped where these are absent"
    exit 0
fi

missing=""
for package in $PACKAGES; do
    is_installed "$package" || missing="$missing $package"
done

if [ -z "$missing" ]; then
    say "$PACKAGES are installed"
    exit 0
fi
if [ "$(id -u)" -ne 0 ]; then
    say "not root; for the tests that are skipped, run: sudo apt-get install$missing"
    exit 0
fi

say "installing$missing"
refuse_services
# One word per package on purpose:
# shellcheck disable=SC2086
if ! install $missing && { ! apt-get update --quiet >/dev/null || ! install $missing; }; then
    for package in $missing; do
        install "$package" || say "apt-get failed; tests that need $package are skipped"
    done
fi
# shellcheck disable=SC2086
disable_services $missing
