# What the scripts of throw-away servers share; they set `name` and source this.
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154
set -euo pipefail

checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
seconds=60

fail() {
    echo "$name: $*" >&2
    exit 1
}

# A folder per checkout and user, unless another is named.
place_or() {
    echo "${1:-/tmp/django-oidc-rs-$name.$(id -u).$(printf %s "$checkout" | cksum | cut -d' ' -f1)}"
}

# apt_install PACKAGE...: as root alone, and with nothing on standard output.
apt_install() {
    [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null \
        || fail "missing: install $*"
    {
        DEBIAN_FRONTEND=noninteractive apt-get update -q \
            && DEBIAN_FRONTEND=noninteractive apt-get install -q -y \
                --no-install-recommends "$@"
    } >&2 || fail "apt-get could not install $*"
}

# as_user USER COMMAND...: servers refuse to be root.
as_user() {
    local user=$1
    shift
    if [ "$(id -u)" -ne 0 ]; then
        (cd / && "$@")
    elif id "$user" >/dev/null 2>&1; then
        (cd / && runuser -u "$user" -- "$@")
    else
        (cd / && runuser -u nobody -- "$@")
    fi
}

free_port() {
    local port
    for _ in $(seq 50); do
        port=$((20000 + RANDOM % 12000))
        if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            echo "$port"
            return
        fi
    done
    fail "no free port"
}

clean() {
    if [ -e "$place" ]; then
        [ -O "$place" ] && ! [ -L "$place" ] || fail "$place belongs to somebody else"
        rm -rf "$place"
    fi
}

# until_true COMMAND...: try for a minute, five times a second.
until_true() {
    for _ in $(seq $((seconds * 5))); do
        if "$@"; then
            return
        fi
        sleep 0.2
    done
    return 1
}

main() {
    case ${1:-} in
        start) start ;;
        stop) stop ;;
        *) fail "usage: $0 start|stop" ;;
    esac
}
