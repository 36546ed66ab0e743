# shellcheck shell=bash disable=SC2016,SC2034 # formats of other programs; what is set here is used elsewhere
# SPDX-License-Identifier: GPL-2.0
# What the scripts share. Source it; it changes nothing by itself.

tree=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/libra

say() { printf '==> %s\n' "$*" >&2; }

die() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

need_root() {
	[[ $EUID -eq 0 ]] || die "must run as root"
}

# Runs the rest of the script under a lock, so that two of them at once build a cached thing only once.
# The lock goes with the process, however that ends.
take_lock() {
	local name=$1
	mkdir -p "$cache"
	exec {lock_fd}>"$cache/$name.lock"
	if ! flock -n "$lock_fd"; then
		say "waiting for another run that is busy with $name"
		flock "$lock_fd"
	fi
}

drop_lock() {
	exec {lock_fd}>&-
}

# tree_key: for the names of locks that concern this tree only.
tree_key() {
	sha256sum <<<"$tree" | cut -c1-12
}

os_codename() {
	# shellcheck source=/dev/null
	(. /etc/os-release && printf '%s\n' "${VERSION_CODENAME:-}")
}

os_is_supported() {
	# shellcheck source=/dev/null
	(. /etc/os-release && [[ ${ID:-} == debian && ${VERSION_ID:-} == @(12|13) ]])
}

# pkg_version NAME: the installed version, nothing when it is not installed.
pkg_version() {
	dpkg-query -W -f '${db:Status-Status} ${Version}\n' "$1" 2>/dev/null | sed -n 's/^installed //p'
}

# newest_kernel [VERSION]: the newest release in the cache that begins with VERSION.
newest_kernel() {
	local want=${1:-} dir
	for dir in "$cache"/kernels/"$want"*/; do
		dir=${dir%/}
		[[ -e $dir/vmlinuz ]] || continue
		# 6.1 must not stand for 6.12.
		[[ -z $want || ${dir##*/} =~ ^${want//[.+]/\\&}([^0-9]|$) ]] || continue
		printf '%s\n' "${dir##*/}"
	done | sort -V | tail -n 1
}

# A kernel is told by a version ("6.12") or by a kernel build tree. resolve_kernel sets
#   kernel_release, kernel_image, kernel_modules (a directory that holds RELEASE/), kernel_headers, kernel_debug,
#   kernel_root (in which modules for it are built, of scripts/newest-kernel; empty: here)
# for the scripts that source this file.
resolve_kernel() {
	local want=$1
	if [[ -d $want ]]; then
		want=$(cd -- "$want" && pwd)
		[[ -e $want/arch/x86/boot/bzImage ]] || die "$want is no built kernel tree (no arch/x86/boot/bzImage)"
		kernel_release=$(<"$want/include/config/kernel.release")
		kernel_image=$want/arch/x86/boot/bzImage
		kernel_modules=$want/modules/lib/modules
		kernel_headers=$want
		kernel_root=
		kernel_debug=1
	else
		kernel_release=$(newest_kernel "$want")
		[[ -n $kernel_release ]] || die "no kernel $want in $cache/kernels; run scripts/setup"
		kernel_image=$cache/kernels/$kernel_release/vmlinuz
		kernel_modules=$cache/kernels/$kernel_release/modules
		kernel_headers=/usr/src/linux-headers-$kernel_release
		kernel_root=
		if [[ -L $cache/kernels/$kernel_release/build-root ]]; then
			kernel_root=$(readlink -f "$cache/kernels/$kernel_release/build-root")
			kernel_headers=$kernel_root$kernel_headers
		fi
		kernel_debug=0
	fi
	mkdir -p "$kernel_modules"
}

# debian_sources: what apt reads of Debian's own archive, a line each: site, codename, component.
debian_sources() {
	local codename
	codename=$(os_codename)
	apt-get indextargets --format '$(SITE) $(CODENAME) $(COMPONENT) $(ORIGIN)' 'Created-By: Packages' |
		sed -nE "s/^([^ ]+ $codename(-[a-z]+)? [^ ]+) Debian( Backports)?\$/\\1/p" | sort -u
}

# archive_options: a machine may reach its archive only with settings of its own: a proxy, dates not checked.
archive_options() {
	apt-config dump | grep -E '^Acquire::(Check-|https?::|Retries)' || true
}

# --- the guest's root directories: made once by mmdebstrap, shared read-only by all guests.

root_names() { printf 'default dkms trixie\n'; }

# root_codename NAME: of which release it is.
root_codename() {
	if [[ $1 == trixie ]]; then printf 'trixie\n'; else os_codename; fi
}

# root_sources NAME: the archive is the one that this machine uses.
root_sources() {
	local codename
	codename=$(root_codename "$1")
	if [[ $codename == "$(os_codename)" ]]; then
		debian_sources | awk '{ print "deb " $1, $2, $3 }'
	else
		debian_sources | awk -v s="$(os_codename)" -v t="$codename" '$2 == s { print "deb " $1, t, $3 }'
	fi
}

# What the programs built here link against.
root_libraries=(libbpf libelf libnl-3 libnl-genl-3 libboost_program_options libfmt)

# root_packages NAME: one a line.
root_packages() {
	local library files=()
	printf '%s\n' bash coreutils mount procps iproute2 ethtool kmod nginx haproxy curl wrk openssl \
		ca-certificates jq strace tcpdump socat bpftool e2fsprogs
	if [[ $(root_codename "$1") == "$(os_codename)" ]]; then
		# Whatever their packages are called in this release.
		for library in "${root_libraries[@]}"; do
			library=$(readlink -f "/usr/lib/x86_64-linux-gnu/$library.so")
			files+=("$library" "${library#/usr}")
		done
		{ dpkg -S "${files[@]}" 2>/dev/null || true; } | sed 's/:.*//' | sort -u
	fi
	case $1 in
	default | trixie) ;;
	dkms) printf '%s\n' dkms gcc make dwarves xz-utils "linux-headers-$(newest_kernel 6.12)" ;;
	*) die "no root is called $1, only: $(root_names)" ;;
	esac
}

# root_dir NAME: where it is or would be; the key is all that it is made from.
root_dir() {
	local key
	key=$({ os_codename; root_packages "$1"; pkg_version libbpf1; declare -f make_root root_sources; } | sha256sum)
	printf '%s/roots/%s-%s\n' "$cache" "$1" "${key:0:12}"
}

root_is_ready() {
	[[ -e $(root_dir "$1")/libra-complete ]]
}

# make_root NAME DIR: the work of build_root.
make_root() {
	local name=$1 dir=$2 codename sources include options=() option library
	codename=$(root_codename "$name")
	sources=$(root_sources "$name")
	if [[ $codename != "$(os_codename)" ]]; then
		# The programs that run there were built here.
		for library in "${root_libraries[@]}"; do
			library=$(readlink -f "/usr/lib/x86_64-linux-gnu/$library.so")
			options+=("--customize-hook=copy-in $library /usr/local/lib")
		done
		options+=('--customize-hook=chroot "$1" ldconfig')
	fi
	include=$(root_packages "$name" | sed "s|^libbpf1\$|libbpf1=$(pkg_version libbpf1)|" | paste -sd,)
	while IFS= read -r option; do
		options+=("--aptopt=$option")
	done < <(archive_options)
	mmdebstrap --mode=root --variant=essential --include="$include" "${options[@]}" \
		--dpkgopt='path-exclude=/usr/share/man/*' \
		--dpkgopt='path-exclude=/usr/share/doc/*' \
		--dpkgopt='path-exclude=/usr/share/locale/*' \
		--customize-hook='mkdir -p "$1/ctl" "$1/libra" "$1/results" "$1/usr/lib/modules"' \
		--customize-hook='printf "127.0.0.1 localhost libra\n::1 localhost\n" >"$1/etc/hosts"' \
		--customize-hook='rm -f "$1/etc/resolv.conf"' \
		--customize-hook='printf "%s\n" "#!/bin/sh" "mount -t virtiofs ctl /ctl && : >/ctl/started && exec /bin/bash /ctl/guest-init" >"$1/sbin/libra-init"' \
		--customize-hook='chmod 755 "$1/sbin/libra-init"' \
		"$codename" "$dir" - <<<"$sources"
}

build_root() {
	local name=$1 dir work start=$SECONDS
	dir=$(root_dir "$name")
	[[ ! -e $dir/libra-complete ]] || return 0
	say "making the guest root '$name' with mmdebstrap (about a minute)"
	mkdir -p "$cache/roots"
	work=$cache/roots/.new
	rm -rf "$work" # of a run that was killed; scripts/setup holds the lock
	# shellcheck disable=SC2064 # the name is a local one, gone by then
	trap "rm -rf '$work'" EXIT
	mkdir "$work"
	make_root "$name" "$work/root" >&2
	touch "$work/root/libra-complete"
	rm -rf "$dir"
	mv "$work/root" "$dir"
	rm -rf "$work"
	trap - EXIT
	say "guest root '$name' made in $((SECONDS - start)) s: $(du -sh "$dir" | cut -f1)"
}
