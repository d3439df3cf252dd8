#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs the Debian packages and the console's npm packages that are missing, and nothing else.
# usage: install.sh run|test|bench      (test includes run, bench includes test)
# Nothing is asked of the network when nothing is missing.
set -euo pipefail
cd "$(dirname "$0")/.."

run_packages=(
	gcc libc6-dev make meson ninja-build pkg-config scdoc ca-certificates
	libavro-dev libcairo2-dev libcmocka-dev libcurl4-openssl-dev libjson-c-dev libmaxminddb-dev libmicrohttpd-dev libp11-kit-dev libpcap-dev libseccomp-dev libpango1.0-dev libsqlite3-dev libssl-dev libyaml-dev
	libbz2-dev liblz4-dev liblzma-dev liblzo2-dev libxxhash-dev libzstd-dev zlib1g-dev
)
test_packages=(bats clang-14 clang-format-14 clang-tidy-14 libclang-rt-14-dev jq curl chromium fonts-noto-cjk
	opensc openssl poppler-utils python3-avro python3-jwcrypto python3-snappy qpdf chrony bc softhsm2 sqlite3 tshark iproute2 bzip2 nfdump softflowd xz-utils zstd)
bench_packages=(tcpdump time)

say() {
	case "${LC_ALL:-${LC_MESSAGES:-${LANG:-}}}" in
	ja*) printf '%s\n' "$2" ;;
	*) printf '%s\n' "$1" ;;
	esac >&2
}

missing_packages() {
	# shellcheck disable=SC2016 # dpkg-query's own variables
	local installed
	installed=" $(dpkg-query -W -f='${db:Status-Status}:${Package} ' "$@" 2>/dev/null || true) "
	for package in "$@"; do
		[[ $installed == *" installed:$package "* ]] || printf '%s\n' "$package"
	done
}

as_root() {
	if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# Says what a long command did only when it failed.
quietly() {
	local log status=0
	log=$(mktemp)
	"$@" >"$log" 2>&1 </dev/null || status=$?
	[ "$status" -eq 0 ] || tail -n 40 "$log" >&2
	rm -f "$log"
	return "$status"
}

# --no-remove: never takes away or replaces what the owner of this machine has chosen.
apt_install() {
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends --no-remove "$@"
}

apt_knows() {
	local package
	for package in "$@"; do
		apt-cache policy "$package" 2>/dev/null | grep -q 'Candidate: [^(]' || return 1
	done
}

install_packages() {
	local missing
	mapfile -t missing < <(missing_packages "$@")
	[ ${#missing[@]} -gt 0 ] || return 0
	say "installing ${#missing[@]} Debian packages: ${missing[*]}" \
		"Debian パッケージ ${#missing[@]} 個を入れます: ${missing[*]}"
	[ "$(id -u)" = 0 ] || command -v sudo >/dev/null || {
		say "install.sh: there is no sudo; as root, run: scripts/install.sh $what" \
			"install.sh: sudo がありません。root で scripts/install.sh $what を実行してください"
		return 1
	}
	if apt_knows "${missing[@]}" && quietly apt_install "${missing[@]}"; then
		return 0
	fi
	quietly as_root apt-get -q update # there are no lists, or they are older than the mirror
	quietly apt_install "${missing[@]}"
}

# Whatever node is there is kept; Debian's own comes only where there is none.
install_node() {
	command -v node >/dev/null && command -v npm >/dev/null && return 0
	if command -v node >/dev/null; then
		install_packages npm
	else
		install_packages nodejs npm
	fi
}

# npm ci only when the lock file is another one than the one installed.
install_console() {
	local stamp=web/node_modules/.noroshi-lock lock
	lock=$(sha256sum web/package-lock.json)
	[ "$(cat "$stamp" 2>/dev/null)" = "$lock" ] && return 0
	say "installing the console's npm packages" "コンソールの npm パッケージを入れます"
	npm --prefix web ci --no-audit --no-fund --loglevel=error >&2
	printf '%s\n' "$lock" >"$stamp"
}

what=${1:-}
case $what in
run) packages=("${run_packages[@]}") ;;
test) packages=("${run_packages[@]}" "${test_packages[@]}") ;;
bench) packages=("${run_packages[@]}" "${test_packages[@]}" "${bench_packages[@]}") ;;
*)
	echo "usage: $0 run|test|bench" >&2
	exit 2
	;;
esac
if command -v dpkg-query >/dev/null && command -v apt-get >/dev/null; then
	install_packages "${packages[@]}"
	install_node
else
	say "install.sh: this is not Debian; noroshi needs what these packages hold: ${packages[*]} nodejs npm" \
		"install.sh: Debian ではありません。次に当たるものが要ります: ${packages[*]} nodejs npm"
fi
install_console
