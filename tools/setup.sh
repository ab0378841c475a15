#!/bin/sh
# Makes the private environment: `sh tools/setup.sh .venv`. Needs Python 3.11 or newer, nothing else.
set -eu
venv=$1

python=
for candidate in python3.11 python3.12 python3.13 python3; do
    if command -v "$candidate" >/dev/null 2>&1 &&
        "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
        python=$candidate
        break
    fi
done
if [ -z "$python" ]; then
    echo "setup: no Python 3.11 or newer was found; install one (on Debian: apt-get install python3 python3-venv)" >&2
    exit 2
fi

if [ ! -x "$venv/bin/pip" ]; then
    # Debian ships Python without ensurepip; its package is the only part that may be missing.
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
            echo "setup: installing Debian's python3-venv"
            apt-get update -qq && apt-get install -y -qq python3-venv >/dev/null
        else
            echo "setup: this Python cannot make environments; run: sudo apt-get install python3-venv" >&2
            exit 2
        fi
    fi
    "$python" -m venv --clear "$venv"
fi
echo "setup: installing the mesh and its libraries into $venv (about a minute, once)"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,denoise]'
