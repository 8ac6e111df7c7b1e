#!/usr/bin/env bash
# Fetches Debian's source package of PostgreSQL and builds what `npm run regress` needs: the server, its programs, the
# regression and isolation drivers, contrib. Everything stays in one directory; neither the system nor its list of package
# sources is changed, and root is not needed.
#
#   scripts/regress/fetch.sh <directory> [<package>[=<version>]]
#   npm run regress -- <directory>/tree
#
# The version is that of the installed server, or else the newest. Needs Debian (or a derivate: set DISTRIBUTION and, for
# others than Debian, MIRROR), dpkg-dev, gcc, make, perl, and, for the suites that use them, libssl-dev, libxml2-dev, libicu-dev.
set -euo pipefail
directory=$(mkdir -p "${1:?usage: fetch.sh <directory> [<package>[=<version>]]}" && cd "$1" && pwd)
package=${2:-postgresql-15}
suite=${DISTRIBUTION:-$(. /etc/os-release && echo "$VERSION_CODENAME")}
mirror=${MIRROR:-http://deb.debian.org}
case $package in
  *=*) ;;
  *) installed=$(dpkg-query -W -f '${Version}' "$package" 2>/dev/null || true)
     package=$package${installed:+=$installed} ;;
esac

mkdir -p "$directory/apt/lists/partial" "$directory/apt/cache"
cat >"$directory/apt/sources.sources" <<SOURCES
Types: deb-src
URIs: $mirror/debian
Suites: $suite $suite-updates
Components: main

Types: deb-src
URIs: $mirror/debian-security
Suites: $suite-security
Components: main
SOURCES
own=(
  -o "Dir::Etc::sourcelist=$directory/apt/sources.sources" -o Dir::Etc::sourceparts=/dev/null
  -o "Dir::State::lists=$directory/apt/lists" -o "Dir::Cache=$directory/apt/cache"
  -o APT::Sandbox::User= -o Debug::NoLocking=1
)
cd "$directory"
apt-get "${own[@]}" -qq update
apt-get "${own[@]}" -qq source "$package"
ln -sfn "$(find . -maxdepth 1 -type d -name "${package%%=*}-*" | sort -V | tail -1)" tree

has() { for header in "$@"; do [ -e "/usr/include/$header" ] || [ -e "/usr/include/$(gcc -dumpmachine)/$header" ] || return 1; done; }
options=(--prefix="$directory/tree/installed" --without-readline)
has openssl/ssl.h && options+=(--with-openssl)
has libxml2/libxml/tree.h && options+=(--with-libxml)
has unicode/ucol.h && options+=(--with-icu)
has zlib.h || options+=(--without-zlib)

cd tree
jobs=${JOBS:-$(nproc)}
./configure "${options[@]}" >configure.log
make -s -j "$jobs" >make.log 2>&1
for part in src/test/regress src/test/isolation contrib; do make -s -j "$jobs" -C "$part" >>make.log 2>&1; done
make -s install >>make.log 2>&1
make -s -C contrib install >>make.log 2>&1
# The server does not run as root, and reads the tests' data from here.
chmod -R a+rX "$directory"
echo "built: npm run regress -- $directory/tree"
