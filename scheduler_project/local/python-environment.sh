# Makes .venv with the first Python from 3.11 on, and uv in it. Run from the repository's root.
set -eu
python=
for candidate in python3 python3.13 python3.12 python3.11; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        python=$candidate
        break
    fi
done
if [ -z "$python" ]; then
    echo "Carillon needs Python 3.11 or newer; found: $(python3 --version 2>&1 || echo none)" >&2
    exit 1
fi
echo "Making .venv with $("$python" --version) ..."
rm -rf .venv
if ! "$python" -c 'import ensurepip' 2>/dev/null && [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
    # Debian ships Python without it.
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv >/dev/null
fi
if ! "$python" -m venv .venv; then
    rm -rf .venv
    echo "Python's venv module is incomplete. On Debian or Ubuntu: sudo apt-get install python3-venv" >&2
    exit 1
fi
.venv/bin/python -m pip install --quiet --disable-pip-version-check uv || echo "No uv: pip alone takes longer."
