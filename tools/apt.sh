# shellcheck shell=bash
# apt.sh - look for and download Debian packages of any suite and architecture,
# with sources, lists and options of the project's own: what the machine has
# installed, and its apt's state, are neither looked at nor changed.
#
# To be sourced. Everything is kept under $cache; what is there is not fetched
# again, so that everything works offline once it has run.
#
#   apt_open ARCH SUITE...  choose where the functions below look
#   apt_find REGEX          names of the packages that match, newest first
#   apt_field PKG FIELD     a field of the package's newest version
#   apt_suite PKG           the suite that this version comes from
#   apt_fetch PKG           download it, print the file's path
#
# The mirrors are those of the machine's own sources, unless these are set:
#   CONNSNOOP_MIRROR           a mirror of the Debian archive
#   CONNSNOOP_SECURITY_MIRROR  a mirror of its security archive

cache=${CONNSNOOP_CACHE:-$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/build/vm}
apt_state=''

say() { echo "${0##*/}: $*" >&2; }
die() { say "$@"; exit 1; }

# apt_mirror PATH: the first of the machine's mirrors whose address ends so
apt_mirror() {
	local files=()
	mapfile -t files < <(find /etc/apt/sources.list /etc/apt/sources.list.d \
		-name '*.list' -o -name '*.sources' 2>/dev/null)
	[ ${#files[@]} -gt 0 ] || return 0
	sed -nE 's/^URIs: *//p; s/^deb +(\[[^]]*\] +)?([^ ]+) .*/\2/p' "${files[@]}" |
		tr -s '[:space:]' '\n' | grep -E "/$1/?\$" | head -n 1 || :
}

apt_keyring() {
	local f
	for f in /usr/share/keyrings/debian-archive-keyring.{gpg,pgp}; do
		[ ! -e "$f" ] || { echo "$f"; return; }
	done
	die "no keyring to check Debian's archive with: install debian-archive-keyring"
}

apt_sources() { # apt_sources SUITE...
	local main=${CONNSNOOP_MIRROR:-$(apt_mirror debian)}
	local security=${CONNSNOOP_SECURITY_MIRROR:-$(apt_mirror debian-security)}
	local suite keyring
	keyring=$(apt_keyring)
	[ -n "$main" ] || die "no Debian mirror in /etc/apt: set CONNSNOOP_MIRROR to one"
	for suite; do
		# A suite that is past its support is still wanted when its
		# Release file is no longer renewed.
		case $suite in
		*-security)
			[ -n "$security" ] || { say "no mirror of $suite in /etc/apt, going without"; continue; }
			echo "deb [check-valid-until=no signed-by=$keyring] $security $suite main" ;;
		*)
			echo "deb [check-valid-until=no signed-by=$keyring] $main $suite main" ;;
		esac
	done
}

# The machine's configuration is not read, for its hooks act on the machine:
# only how it reaches the network is taken over.
apt_options() { # apt_options ARCH
	env -u APT_CONFIG apt-config dump | grep '^Acquire::' || :
	cat <<-END
		Dir::Etc "$apt_state/";
		Dir::Etc::Netrc "/etc/apt/auth.conf";
		Dir::Etc::NetrcParts "/etc/apt/auth.conf.d";
		Dir::State "$apt_state";
		Dir::State::status "$apt_state/status";
		Dir::Cache "$apt_state/cache";
		APT::Architecture "$1";
		APT::Architectures "$1";
		APT::Sandbox::User "root";
		APT::Update::Error-Mode "any";
		APT::Get::AllowUnauthenticated "false";
		Acquire::Languages "none";
		Acquire::Retries "2";
	END
}

apt_open() { # apt_open ARCH SUITE...
	local arch=$1 new
	shift
	apt_state=$cache/apt/$arch-$(IFS=_; echo "$*")
	mkdir -p "$apt_state"/{apt.conf.d,preferences.d,sources.list.d} \
		"$apt_state"/{lists,cache/archives}/partial "$cache/debs"
	new=$(apt_sources "$@")
	if [ "$new" != "$(cat "$apt_state/sources.list" 2>/dev/null)" ]; then
		rm -f "$apt_state/updated"
		echo "$new" >"$apt_state/sources.list"
	fi
	: >"$apt_state/status"
	apt_options "$arch" >"$apt_state/apt.conf"
	export APT_CONFIG=$apt_state/apt.conf
	apt_update
}

# Lists of the last day will do; older ones too if there is no network.
apt_update() {
	local suite
	[ -z "$(find "$apt_state/updated" -mtime -1 2>/dev/null)" ] || return 0
	if apt-get -qq update >&2; then
		touch "$apt_state/updated"
	fi
	while read -r suite; do
		compgen -G "$apt_state/lists/*_dists_${suite}_main_*Packages*" >/dev/null ||
			say "$suite: no longer served by this machine's mirror, or no network (an old suite moves to the archive of old releases: set CONNSNOOP_MIRROR to a mirror of that)"
	done < <(awk '{ print $(NF - 1) }' "$apt_state/sources.list")
}

apt_find() { # apt_find REGEX
	apt-cache search --names-only "$1" | awk '{ print $1 }' | sort -rV
}

apt_field() { # apt_field PKG FIELD
	apt-cache show --no-all-versions "$1" 2>/dev/null | sed -n "s/^$2: //p" | head -n 1
}

apt_suite() { # apt_suite PKG
	apt-cache madison "$1" | awk -F '|' 'NR == 1 { split($3, a, " "); sub("/.*", "", a[2]); print a[2] }'
}

apt_fetch() { # apt_fetch PKG
	local deb
	deb=$cache/debs/${1}_$(apt_field "$1" Version)_$(apt_field "$1" Architecture).deb
	if [ ! -s "$deb" ]; then
		say "downloading $1"
		# By way of apt's own cache: a download that is cut short must
		# not pass for the whole.
		(cd "$apt_state/cache" && apt-get -qq download "$1" >&2) || return 1
		mv "$apt_state/cache/${deb##*/}" "$deb" || return 1
	fi
	echo "$deb"
}
