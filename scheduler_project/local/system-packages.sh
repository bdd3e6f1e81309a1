# Installs the missing ones of system-packages.txt, as root on Debian or Ubuntu; elsewhere names them.
# Never fails: tests that need a program say so when they skip.
set -u
packages=$(sed 's/#.*//' deploy/system-packages.txt)
if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    echo "Not Debian or Ubuntu: see to these packages by hand:" $packages
    exit 0
fi
missing=
for package in $packages; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" -ne 0 ]; then
    echo "Missing system packages; tests that need them are skipped. Install them: sudo apt-get install$missing"
    exit 0
fi
echo "Installing system packages:$missing"
log=$(mktemp)
export DEBIAN_FRONTEND=noninteractive
if ! { apt-get update -qq && apt-get install -y -qq --no-install-recommends $missing; } >"$log" 2>&1; then
    tail -n 5 "$log"
    echo "Not installed:$missing. Tests that need them are skipped."
fi
rm -f "$log"
