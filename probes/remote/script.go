package remote

import (
	"regexp"
	"strconv"
	"strings"
)

// script is what the far side's shell is told, in POSIX sh. It stands between single
// quotes on one line, for login shells of any kind (sh, csh, fish): so it has no
// single quote, exclamation mark or backslash, and each line ends with what a shell
// takes before the next on the same line.
//
// The program has no name on the disk: it goes to a file that is removed before its
// first byte comes, and is started as /proc/PID/fd/4 of the shell. So nothing of it
// stays, however the session ends; where the wire is cut meanwhile, the shell gives up
// after an hour.
//
// The words in capitals are put in: SUDO, VERSION, PID, SUM, BYTES, ROOM.
const script = `
say() { echo "whydrop-remote $*"; };
echo;
sudo=SUDO; version=VERSION; sum=SUM;
is() { have=$($sudo sha256sum "$1" 2>/dev/null) && [ "${have%% *}" = "$sum" ]; };
there=absent; w=$(command -v whydrop 2>/dev/null);
if [ -n "$version" ] && [ -n "$w" ] && [ "$("$w" --version 2>/dev/null)" = "whydrop version $version" ]; then there=installed; fi;
if [ PID -gt 0 ] && is /proc/PID/exe; then there=lingering; w=/proc/PID/exe; fi;
may=-; if [ -n "$sudo" ]; then may=no; $sudo true >/dev/null 2>&1 && may=yes; [ $there = installed ] && $sudo "$w" --version >/dev/null 2>&1 && may=yes; fi;
zip=plain; command -v gzip >/dev/null 2>&1 && zip=gzip;
say host "$(uname -s)" "$(uname -m)" $there $zip $may;
read -r answer sent || exit 0;
case "$answer" in
installed) exec $sudo "$w" serve-facts;;
lingering) exec $sudo "$w" serve-facts --brought --instead PID;;
send) ;;
*) exit 0;;
esac;
umask 077; d=; full=; p=/proc/$$/fd/4;
for at in "${TMPDIR:-/tmp}" /var/tmp "$XDG_RUNTIME_DIR" "$HOME" /dev/shm; do
[ -d "$at" ] && [ -w "$at" ] || continue;
free=$(df -Pk "$at" 2>/dev/null | tail -n 1 | { read -r a b c free rest; echo "$free"; });
if [ "$free" -lt ROOM ] 2>/dev/null; then full=full; continue; fi;
d=$(mktemp -d "$at/.whydrop-XXXXXX" 2>/dev/null) || { d=; continue; };
echo exit 7 >"$d/p" && chmod 700 "$d/p" && exec 4<"$d/p"; rm -rf "$d";
"$p" >/dev/null 2>&1; [ $? = 7 ] && break;
d=;
done;
[ -n "$d" ] || { say nowhere $full; exit 1; };
most="timeout 3600"; $most true 2>/dev/null || most=;
say ready;
if [ $zip = gzip ]; then $most head -c "$sent" | gzip -dc >"$p"; else $most head -c "$sent" >"$p"; fi;
if have=$(sha256sum "$p" 2>/dev/null); then have=${have%% *}; else have=$(($(wc -c <"$p"))); sum=BYTES; fi;
[ "$have" = "$sum" ] || { say differs; exit 1; };
$sudo "$p" serve-facts --brought;
status=$?; say ended $status; exit $status`

// plainVersion is a version that can stand in a command; development versions are
// not among them, because two of the same name may differ.
var plainVersion = regexp.MustCompile(`^v?[0-9]+(\.[0-9]+)*(-[0-9A-Za-z.-]+)?$`)

// released says whether a version names one program.
func released(version string) bool { return len(version) < 100 && plainVersion.MatchString(version) }

// asked is the command that ssh is given: the shell and what it is told. pid is the far
// whydrop that may still be there.
func asked(p *program, version string, sudo bool, pid int) string {
	words := []string{
		"SUDO", "", "VERSION", "", "PID", strconv.Itoa(max(pid, 0)), "SUM", p.sum,
		"BYTES", strconv.Itoa(p.bytes), "ROOM", strconv.Itoa(p.bytes>>10 + 1024),
	}
	if sudo {
		words[1] = `"sudo -n"`
	}
	if released(version) {
		words[3] = version
	}
	line := strings.NewReplacer(words...).Replace(strings.ReplaceAll(script, "\n", " "))
	return "exec sh -c '" + line + "'"
}
