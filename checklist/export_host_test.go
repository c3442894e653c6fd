package checklist

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/vishvananda/netns"
	"go.yaml.in/yaml/v4"

	"whydrop/probes/apply"
)

// inHost runs a test in a network namespace of its own, whose main interface has a
// name. What the kernel does not have is told by the tests that miss it.
func inHost(t *testing.T, device string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root to make a network namespace")
	}
	runtime.LockOSThread()
	own, err := netns.Get()
	if err != nil {
		t.Fatal(err)
	}
	ns, err := netns.New()
	if err != nil {
		runtime.UnlockOSThread()
		t.Skip("cannot make a network namespace: ", err)
	}
	t.Cleanup(func() {
		netns.Set(own)
		ns.Close()
		own.Close()
		runtime.UnlockOSThread()
	})
	for _, c := range []string{
		"ip link add DEV type veth peer name peer0", "ip link add fifo0 type veth peer name peer1", "ip link add shaped0 type veth peer name peer2",
		"ip link add classy0 type veth peer name peer3", "ip link add bare0 type veth peer name peer4", "ip addr add 10.9.0.1/24 dev DEV",
		"ip link add nested0 type veth peer name peer5", "tc qdisc add dev nested0 root handle 1: tbf rate 6mbit burst 2000 limit 30000", "tc qdisc add dev nested0 parent 1:1 handle 2: pfifo limit 6",
		"ip link set peer0 addrgenmode none up", "ip link set DEV addrgenmode none up", "ip link set peer1 addrgenmode none up", "ip link set fifo0 addrgenmode none up", "ip route add 10.20.0.0/16 via 10.9.0.2 dev DEV mtu 1400 initcwnd 20",
		"ip route add 10.21.0.0/16 via 10.9.0.2 dev DEV mtu lock 1400", "ip route add default via 10.9.0.2",
		"ip route add blackhole 10.66.0.0/16", "ip route add prohibit 10.67.0.0/16 table 77 metric 5",
		"ip -6 addr add fd00:9::1/64 dev DEV nodad", "ip -6 route add fd00:20::/64 via fd00:9::2",
		"tc qdisc add dev DEV root handle 5: pfifo limit 3", "tc qdisc add dev fifo0 root handle 7: bfifo limit 30000",
		"tc qdisc add dev shaped0 root handle 1: tbf rate 6mbit burst 2000 limit 30000",
		"tc qdisc add dev classy0 root handle 1: htb default 10", "tc class add dev classy0 parent 1: classid 1:10 htb rate 8mbit ceil 8mbit burst 20k cburst 20k",
	} {
		args := strings.Fields(c)
		for i, a := range args {
			if a == "DEV" {
				args[i] = device
			}
		}
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			if args[0] == "tc" {
				t.Logf("without %s: %s", c, out)
				continue
			}
			t.Skipf("%s: %s", c, out)
		}
	}
}

// picture is all that the usual commands show of the settings.
func picture(t *testing.T, device string) string {
	t.Helper()
	var b strings.Builder
	for _, args := range [][]string{
		{"sysctl", "-a", "-r", "^net"}, {"tc", "qdisc", "show"}, {"tc", "class", "show", "dev", "classy0"}, {"ip", "route", "show", "table", "all"},
		{"ip", "-6", "route", "show", "table", "all"}, {"ip", "link", "show"}, {"ethtool", "-k", device},
		{"unshare", "-m", "sh", "-c", "mount -t sysfs sysfs /sys && grep -r . /sys/class/net/*/queues/*/?ps_cpus"},
	} {
		out, err := exec.Command(args[0], args[1:]...).Output()
		if err != nil && args[0] != "sysctl" && args[0] != "unshare" {
			t.Skip(args, err)
		}
		fmt.Fprintf(&b, "# %s\n%s", args, out)
	}
	return b.String()
}

func differences(a, b string) string {
	in := map[string]bool{}
	for l := range strings.Lines(a) {
		in[l] = true
	}
	var out strings.Builder
	for l := range strings.Lines(b) {
		if !in[l] {
			out.WriteString("+ " + l)
		}
	}
	return out.String()
}

// withSys is a command that sees the interfaces of this network namespace in /sys.
func withSys(words []string) *exec.Cmd {
	return exec.Command("unshare", append([]string{"-m", "sh", "-c", `mount -t sysfs sysfs /sys && exec "$@"`, "sh"}, words...)...)
}

// runScript runs a script with an own folder of files and returns what it said.
func runScript(t *testing.T, script, stdin string, args ...string) (string, error) {
	t.Helper()
	cmd := withSys(append([]string{"sh", script}, args...))
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// TestScriptOnAHost runs the script of all kinds of settings on a host: nothing
// changes before consent; then each setting has its value, a second run finds
// nothing to do, and undone everything is as before.
func TestScriptOnAHost(t *testing.T) {
	for _, device := range []string{hostileName, hiddenName} {
		t.Run(device, func(t *testing.T) { scriptOnAHost(t, device) })
	}
}

func scriptOnAHost(t *testing.T, device string) {
	inHost(t, device)
	dir := t.TempDir()
	e := exportOf(apply.Change.Read, knobChanges(device)...)
	for _, s := range e.Steps {
		for j, k := range s.Settings[0].Words.Keep {
			s.Settings[0].Words.Keep[j].File = filepath.Join(dir, filepath.Base(k.File))
		}
	}
	conf := filepath.Join(dir, "90-whydrop.conf")
	const others = "# mine\nnet.core.somaxconn = 7\nnet.core.somaxconn.not = 1\n"
	if err := os.WriteFile(conf, []byte(others), 0o644); err != nil {
		t.Fatal(err)
	}
	script, state := writeScript(t, dir, e), filepath.Join(dir, "state", "before")
	before := picture(t, device)
	changesNothing(t, script, state, device)
	out, err := runScript(t, script, "", "-y", "-p", "-s", state)
	t.Log(out)
	if err != nil {
		t.Fatal(err)
	}
	allReached(t, e)
	after := picture(t, device)
	if all, _ := strconv.ParseUint(wanted(e.Steps[6].Settings[0]), 16, 64); !strings.Contains(differences(before, after), fmt.Sprintf("rps_cpus:%x\n", all)) {
		t.Errorf("no queue has the mask %x", all)
	}
	if text, _ := os.ReadFile(conf); strings.Count(string(text), "net.core.somaxconn = 8192\n") != 1 || !strings.HasPrefix(string(text), "# mine\n") || !strings.Contains(string(text), "somaxconn.not = 1\n") {
		t.Errorf("kept:\n%s", text)
	}
	if out, err = runScript(t, script, "", "-y", "-p", "-s", state); err != nil || strings.Contains(out, " -> ") || picture(t, device) != after {
		t.Errorf("again: %v\n%s%s", err, differences(after, picture(t, device)), out)
	}
	out, err = runScript(t, script, "", "-s", state, "undo")
	if now := picture(t, device); err != nil || now != before {
		t.Errorf("undo: %v, not as before:\n%s%s", err, differences(before, now), out)
	}
	onlyFile(t, dir, conf, others)
	if out, err = runScript(t, script, "", "-s", state, "undo"); err == nil {
		t.Errorf("undone twice: %s", out)
	}
}

// changesNothing shows what a script would do, and refuses consent.
func changesNothing(t *testing.T, script, state, device string) {
	before := picture(t, device)
	for _, try := range [][]string{{"-n"}, {}} {
		out, err := runScript(t, script, "n\nn\n", append(try, "-s", state)...)
		if d := differences(before, picture(t, device)); err != nil || d != "" || !strings.Contains(out, "net.core.somaxconn: 4096 -> 8192") {
			t.Fatalf("%v without consent: %v\n%s%s", try, err, d, out)
		}
	}
}

// onlyFile makes sure that a file is as it was, and that nothing is left beside it
// but the script and the empty folder of its state.
func onlyFile(t *testing.T, dir, file, was string) {
	if text, _ := os.ReadFile(file); string(text) != was {
		t.Errorf("undo: the file is not as before:\n%s", text)
	}
	left, _ := filepath.Glob(filepath.Join(dir, "*"))
	more, _ := filepath.Glob(filepath.Join(dir, "*", "*"))
	if len(left) != 3 || len(more) > 0 {
		t.Errorf("left behind: %q %q", left, more)
	}
}

func writeScript(t *testing.T, dir string, e *Export) string {
	t.Helper()
	script := filepath.Join(dir, "plan.sh")
	if err := os.WriteFile(script, []byte(written(t, e, "sh")), 0o644); err != nil {
		t.Fatal(err)
	}
	return script
}

// allReached asks whydrop whether each setting has its value.
func allReached(t *testing.T, e *Export) {
	reached := 0
	for _, s := range e.Steps {
		x := s.Settings[0]
		now, err := x.Change.Read()
		switch {
		case x.Was == nil:
			t.Logf("not here: %s: %s", x.Change.Name(), x.Unread)
		case err != nil || !x.Change.Reached(now):
			t.Errorf("%s is %s, wanted %s: %v", x.Change.Name(), now.Text, x.Change.To, err)
		default:
			reached++
		}
	}
	if reached < 12 {
		t.Errorf("only %d settings could be tried", reached)
	}
}

// TestScriptLeavesWhatOthersChanged undoes half of it where somebody else set the
// other half meanwhile, and all of it where that is wanted.
func TestScriptLeavesWhatOthersChanged(t *testing.T) {
	inHost(t, "eth0")
	e := exportOf(apply.Change.Read, knobChanges("eth0")[0], apply.Change{Knob: "txqueuelen", Of: "eth0", To: "2345"})
	script, state := writeScript(t, t.TempDir(), e), filepath.Join(t.TempDir(), "before")
	before := picture(t, "eth0")
	if out, err := runScript(t, script, "y\ny\n", "-s", state); err != nil {
		t.Fatal(err, out)
	}
	if out, err := exec.Command("sysctl", "-w", "net.core.somaxconn=77").CombinedOutput(); err != nil {
		t.Fatal(err, string(out))
	}
	out, err := runScript(t, script, "", "-s", state, "undo")
	somaxconn, _ := e.Steps[0].Changes[0].Read()
	queue, _ := e.Steps[1].Changes[0].Read()
	if err == nil || !strings.Contains(out, "somebody changed it since") || somaxconn.Text != "77" || queue.Text == "2345" {
		t.Errorf("undo: %v, somaxconn %s, txqueuelen %s\n%s", err, somaxconn.Text, queue.Text, out)
	}
	if out, err := runScript(t, script, "", "-f", "-s", state, "undo"); err != nil || picture(t, "eth0") != before {
		t.Errorf("undo -f: %v\n%s%s", err, differences(before, picture(t, "eth0")), out)
	}
}

// TestScriptOfAnotherWay takes the first of two ways by itself, and the other only
// by its number; either is taken back to what was first.
func TestScriptOfAnotherWay(t *testing.T) {
	inHost(t, "eth0")
	one := apply.Change{Knob: "sysctl", Of: "net.core.somaxconn", To: "8192"}
	two := one
	two.To = "16384"
	script, state := writeScript(t, t.TempDir(), exportOf(apply.Change.Read, one, two)), filepath.Join(t.TempDir(), "before")
	for _, c := range []struct{ step, is string }{{"", "8192"}, {"2", "16384"}, {"", "8192"}, {"undo", "4096"}} {
		out, err := runScript(t, script, "", append([]string{"-y", "-s", state}, strings.Fields(c.step)...)...)
		if now, _ := one.Read(); err != nil || now.Text != c.is {
			t.Errorf("step %q: somaxconn is %s, wanted %s: %v\n%s", c.step, now.Text, c.is, err, out)
		}
	}
}

// TestScriptRefuses runs it without the right for it, and with the values of another
// network namespace.
func TestScriptRefuses(t *testing.T) {
	inHost(t, "eth0")
	e := exportOf(apply.Change.Read, knobChanges("eth0")[0])
	script, state := writeScript(t, t.TempDir(), e), filepath.Join(t.TempDir(), "before")
	cmd := exec.Command("sh", "-s", "--", "-y")
	cmd.Stdin = strings.NewReader(written(t, e, "sh"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	if out, err := cmd.CombinedOutput(); err == nil || string(out) != "needs root\n" {
		t.Errorf("as nobody: %v: %s", err, out)
	}
	boot, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	elsewhere := "boot " + string(boot) + "net net:[1]\nwas 1 77\nto 1 8192\n"
	if err := os.WriteFile(state, []byte(elsewhere), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"-y", "-s", state}, {"-s", state, "undo"}, {"-f", "-s", state, "undo"}} {
		if out, err := runScript(t, script, "", args...); err == nil || !strings.Contains(out, "another network namespace") {
			t.Errorf("%v: %v\n%s", args, err, out)
		}
	}
	for _, args := range [][]string{{"7"}, {"-x"}, {"undo"}, {"again"}} {
		if out, err := runScript(t, script, "", append([]string{"-s", state + ".none"}, args...)...); err == nil {
			t.Errorf("%v is taken:\n%s", args, out)
		}
	}
	if now, _ := knobChanges("eth0")[0].Read(); now.Text != "4096" {
		t.Errorf("somaxconn is %s", now.Text)
	}
}

// TestScriptOfADriver runs the script with an ethtool that answers as that of a real
// card does, and takes what it is told.
func TestScriptOfADriver(t *testing.T) {
	inHost(t, "eth0")
	dir := t.TempDir()
	e := exportOf(func(c apply.Change) (apply.State, error) { return apply.State{Text: "?"}, nil },
		apply.Change{Knob: "ring", Of: "eth0", Field: "rx", To: "4096"},
		apply.Change{Knob: "coalesce", Of: "eth0", Field: "adaptive-rx", To: "on"},
		apply.Change{Knob: "coalesce", Of: "eth0", Field: "tx-usecs", To: "8"}, // not there
		apply.Change{Knob: "pause", Of: "eth0", Field: "rx", To: "off"})
	script, log := filepath.Join(dir, "plan.sh"), filepath.Join(dir, "log")
	const fake = `#!/bin/sh
d=${0%/*}
[ -e "$d/rx" ] || { echo 256 >"$d/rx"; echo off >"$d/adaptive"; echo 3 >"$d/usecs"; echo on >"$d/pause"; }
case "$*" in
"-g eth0") printf 'Ring parameters for eth0:\nPre-set maximums:\nRX:\t\t4096\nRX Mini:\tn/a\nTX:\t\t4096\nCurrent hardware settings:\nRX:\t\t%s\nRX Mini:\tn/a\nTX:\t\t512\nRX Buf Len:\tn/a\n' "$(cat "$d/rx")" ;;
"-c eth0") printf 'Coalesce parameters for eth0:\nAdaptive RX: %s  TX: n/a\nstats-block-usecs:\tn/a\n\nrx-usecs:\t%s\nrx-frames:\tn/a\nrx-usecs-irq:\tn/a\n\ntx-usecs:\tn/a\n' "$(cat "$d/adaptive")" "$(cat "$d/usecs")" ;;
"-a eth0") printf 'Pause parameters for eth0:\nAutonegotiate:\toff\nRX:\t\t%s\nTX:\t\toff\nRX negotiated: on\nTX negotiated: on\n' "$(cat "$d/pause")" ;;
"-G eth0 rx "*) echo "$4" >"$d/rx"; echo "$*" >>"$d/log" ;;
"-C eth0 adaptive-rx on") echo on >"$d/adaptive"; echo 64 >"$d/usecs"; echo "$*" >>"$d/log" ;;
"-C eth0 adaptive-rx off rx-usecs "*) echo off >"$d/adaptive"; echo "$6" >"$d/usecs"; echo "$*" >>"$d/log" ;;
"-A eth0 rx "*) echo "$4" >"$d/pause"; echo "$*" >>"$d/log" ;;
*) echo "ethtool: bad command line: $*" >&2; exit 1 ;;
esac
`
	for name, text := range map[string]string{script: written(t, e, "sh"), filepath.Join(dir, "ethtool"): fake} {
		if err := os.WriteFile(name, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	for _, args := range []string{"-y", "-y", "undo"} {
		if out, err := runScript(t, script, "", args, "-s", filepath.Join(dir, "before")); args != "undo" && err != nil {
			t.Fatal(args, err, out)
		}
	}
	if out, err := runScript(t, script, "", "-s", filepath.Join(dir, "before"), "undo"); err != nil {
		t.Error(err, out)
	}
	did, _ := os.ReadFile(log)
	want := "-G eth0 rx 4096\n-C eth0 adaptive-rx on\n-A eth0 rx off\n-A eth0 rx on\n-C eth0 adaptive-rx off rx-usecs 3\n-G eth0 rx 256\n"
	if string(did) != want {
		t.Errorf("commands:\n%s, wanted:\n%s", did, want)
	}
}

// TestAnsibleOnAHost does what the tasks for a setting do: what they look at says
// that it differs, they set it, and then it says that there is nothing to do.
func TestAnsibleOnAHost(t *testing.T) {
	inHost(t, hostileName)
	tried := 0
	for _, c := range knobChanges(hostileName) {
		x := readSetting(c, apply.Change.Read)
		if x.Was == nil || c.Knob == "sysctl" || c.To == "none" { // whose pattern looks ahead
			continue
		}
		show, run, reached, ok := ansibleCommands(x)
		if !ok {
			t.Errorf("%s: no task", c.Name())
			continue
		}
		pattern := regexp.MustCompile(strings.ReplaceAll(reached, `\Z`, `\z`))
		var outputs [3]string
		for i, argv := range []*yaml.Node{show, run, show} {
			var words []string
			for _, w := range argv.Content {
				words = append(words, w.Value)
			}
			out, err := withSys(words).CombinedOutput()
			if err != nil {
				t.Fatalf("%q: %v\n%s", words, err, out)
			}
			outputs[i] = string(out)
		}
		if pattern.MatchString(outputs[0]) || !pattern.MatchString(outputs[2]) {
			t.Errorf("%s: %s: before:\n%safter:\n%s", c.Name(), pattern, outputs[0], outputs[2])
		}
		if now, err := c.Read(); err != nil || !c.Reached(now) {
			t.Errorf("%s is %s, wanted %s: %v", c.Name(), now.Text, c.To, err)
		}
		tried++
	}
	if tried < 9 {
		t.Errorf("only %d settings could be tried", tried)
	}
}

// TestSysctlFile loads the file in a namespace.
func TestSysctlFile(t *testing.T) {
	inHost(t, "eth0")
	changes := append(knobChanges("eth0")[:4], apply.Change{Knob: "sysctl", Of: "net/ipv4/conf/*/rp_filter", To: "2"},
		apply.Change{Knob: "sysctl", Of: "net.core.somaxconn", To: "9"}, apply.Change{Knob: "sysctl", Of: "net.netfilter.nf_conntrack_max", To: "65536"})
	text := written(t, exportOf(apply.Change.Read, changes...), "sysctl")
	t.Log(text)
	for _, want := range []string{"net.core.somaxconn = 8192\n", "#   net.core.somaxconn = 9\n", "Value before: 4096", "Needs the module: nf_conntrack", "No sysctl: txqueuelen of eth0"} {
		if !strings.Contains(text, want) {
			t.Errorf("lacks %q", want)
		}
	}
	// Whether connections are tracked here is not the file's business.
	text = regexp.MustCompile(`(?m)^net\.netfilter.*\n`).ReplaceAllString(text, "")
	file := filepath.Join(t.TempDir(), "90-whydrop.conf")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("sysctl", "-p", file).CombinedOutput(); err != nil || strings.Count(string(out), "\n") != 3 {
		t.Errorf("sysctl -p: %v\n%s", err, out)
	}
	for _, c := range changes[:3] {
		if now, err := c.Read(); err != nil || !c.Reached(now) {
			t.Errorf("%s is %s: %v", c.Name(), now.Text, err)
		}
	}
}
