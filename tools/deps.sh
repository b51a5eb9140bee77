#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# deps.sh [--check] GROUP...: see that what the groups need is installed.
#
# Says nothing when everything is there. Installs what is missing with apt, as
# root or by sudo; where it cannot, it says what is missing and how to get it,
# and exits 1. --check installs nothing. Groups: build demo test bench ports
# fuzz format.

# group, Debian package, how to see that it is there.
list='
build  gcc              cmd:cc
build  libc6-dev        file:/usr/include/stdio.h
build  meson            cmd:meson
build  ninja-build      cmd:ninja
build  python3          cmd:python3
build  pkg-config       cmd:pkg-config
build  libmnl-dev       lib:libmnl
build  libcap-ng-dev    lib:libcap-ng
build  libseccomp-dev   lib:libseccomp
build  libjansson-dev   lib:jansson
build  libmicrohttpd-dev lib:libmicrohttpd
build  libsqlite3-dev   lib:sqlite3
build  nettle-dev       lib:nettle
demo   iproute2         cmd:ip
demo   curl             cmd:curl
demo   procps           cmd:ps
test   iproute2         cmd:ip
test   procps           cmd:ps
test   libcmocka-dev    lib:cmocka
test   universal-ctags  cmd:ctags
test   binutils         cmd:nm
test   curl             cmd:curl
test   wget             cmd:wget
test   nginx-light      cmd:nginx
test   iperf3           cmd:iperf3
test   bind9-dnsutils   cmd:dig
test   dnsmasq-base     cmd:dnsmasq
test   net-tools        cmd:netstat
test   python3-jsonschema py:jsonschema
test   socat            cmd:socat
test   bubblewrap       cmd:bwrap
test   uidmap           cmd:newuidmap
test   tshark           cmd:tshark
test   iputils-ping     cmd:ping
test   traceroute       cmd:traceroute
test   coturn           cmd:turnutils_natdiscovery
test   vsftpd           cmd:vsftpd
test   iputils-tracepath cmd:tracepath
test   ngtcp2-client    cmd:gtlsclient
test   ngtcp2-server    cmd:gtlsserver
test   zsh              cmd:zsh
test   fish             cmd:fish
test   mandoc           cmd:mandoc
test   nmap             cmd:nmap
test   masscan          cmd:masscan
test   zmap             cmd:zmap
test   hping3           cmd:hping3
test   nftables         cmd:nft
test   jq               cmd:jq
test   ethtool          cmd:ethtool
test   mtr-tiny         cmd:mtr
bench  iproute2         cmd:ip
bench  iperf3           cmd:iperf3
bench  nftables         cmd:nft
bench  passt            cmd:pasta
bench  slirp4netns      cmd:slirp4netns
bench  psad             cmd:psad
ports  libdpdk-dev      lib:libdpdk
fuzz   clang            cmd:clang
fuzz   libclang-rt-dev  fuzzer:
format clang-format     cmd:clang-format
format clang-tidy       cmd:clang-tidy
'

PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
export PATH

fuzzer_is_there()
{
	library=$(clang -print-file-name="libclang_rt.fuzzer-$(uname -m).a" \
		2>/dev/null)
	[ -f "$library" ]
}

is_there()
{
	case $1 in
	cmd:*) command -v "${1#cmd:}" >/dev/null 2>&1 ;;
	lib:*) pkg-config --exists "${1#lib:}" 2>/dev/null ;;
	file:*) [ -e "${1#file:}" ] ;;
	py:*) python3 -c "import ${1#py:}" 2>/dev/null ;;
	fuzzer:) fuzzer_is_there ;;
	esac
}

# The packages of the groups $* that are not there, each once.
missing_of()
{
	printf '%s\n' "$list" | while read -r group package probe; do
		case " $* " in
		*" $group "*) is_there "$probe" || echo "$package" ;;
		esac
	done | sort -u | tr '\n' ' ' | sed 's/ $//'
}

give_up()
{
	{
		echo "missing: $missing"
		echo "$1"
		echo "    apt-get install $missing"
	} >&2
	exit 1
}

# A package with a server in it (nginx) must not start one on this machine:
# while a policy-rc.d says 101, none is started.
policy=/usr/sbin/policy-rc.d
install_script='
set -e
made=
if [ ! -e '$policy' ]; then
	made=yes
	trap "rm -f '$policy'" EXIT
	printf "#!/bin/sh\nexit 101\n" > '$policy'
	chmod 755 '$policy'
fi
export DEBIAN_FRONTEND=noninteractive
apt-get -qq update
apt-get -qq -y --no-install-recommends install "$@"
'

check_only=
if [ "$1" = --check ]; then
	check_only=yes
	shift
fi

missing=$(missing_of "$@")
[ -n "$missing" ] || exit 0

if [ -n "$check_only" ]; then
	give_up "Run 'make deps', or on Debian, as root:"
fi
if ! command -v apt-get >/dev/null 2>&1; then
	give_up "There is no apt here; install what Debian names thus:"
fi

as_root=
if [ "$(id -u)" != 0 ]; then
	as_root=sudo
	if ! command -v sudo >/dev/null 2>&1; then
		give_up "To install them, run as root:"
	fi
	if [ ! -t 0 ] && ! sudo -n true 2>/dev/null; then
		give_up "sudo asks for a password; run as root:"
	fi
fi

echo "installing: $missing"
# Words of $missing are package names.
# shellcheck disable=SC2086
$as_root sh -c "$install_script" sh $missing >/tmp/minato-deps.$$ 2>&1 ||
	{
		tail -n 20 /tmp/minato-deps.$$ >&2
		rm -f /tmp/minato-deps.$$
		give_up "apt failed (its last words are above); try as root:"
	}
rm -f /tmp/minato-deps.$$

missing=$(missing_of "$@")
[ -z "$missing" ] || give_up "still missing after the installation:"
