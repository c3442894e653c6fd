package apply

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// recordOf writes a record of these events.
func recordOf(t testing.TB, path string, events ...event) {
	t.Helper()
	var text []byte
	for _, e := range events {
		line, err := e.line()
		if err != nil {
			t.Fatal(err)
		}
		text = append(text, line...)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// changed is a record of one change as this process would have made it.
func changed(c Change, was State, now *State) []event {
	b := here("a test")
	return []event{{Kind: "begin", Begin: &b}, {Kind: "was", Change: &c, Was: &was}, {Kind: "wrote", Now: now}}
}

// TestNotOurs lays things into the folder of the records that somebody else could
// have made: none of them is followed, and none hangs.
func TestNotOurs(t *testing.T) {
	good := changed(changes[0], State{Text: "4096"}, nil)
	for _, c := range []struct {
		name string
		make func(t *testing.T, path string)
		says string
	}{
		{"a link", func(t *testing.T, path string) {
			other := filepath.Join(t.TempDir(), "other")
			recordOf(t, other, good...)
			os.Symlink(other, path)
		}, "is a link"},
		{"a pipe", func(_ *testing.T, path string) { syscall.Mkfifo(path, 0o600) }, "no plain file"},
		{"a folder", func(_ *testing.T, path string) { os.Mkdir(path, 0o700) }, "is a directory"},
		{"writable by others", func(t *testing.T, path string) { recordOf(t, path, good...); os.Chmod(path, 0o666) }, "can be written by others"},
		{"of somebody else", func(t *testing.T, path string) {
			if os.Geteuid() != 0 {
				t.Skip("needs root to give a file away")
			}
			recordOf(t, path, good...)
			os.Chown(path, 4711, 4711)
		}, "belongs to user 4711"},
		{"no record", func(_ *testing.T, path string) { os.WriteFile(path, []byte("hello\nworld\n"), 0o600) }, "is no record"},
		{"too long", func(_ *testing.T, path string) {
			os.WriteFile(path, nil, 0o600)
			os.Truncate(path, recordLimit+1)
		}, "is longer than"},
		{"the folder of others", func(t *testing.T, path string) { recordOf(t, path, good...); os.Chmod(filepath.Dir(path), 0o777) }, "can be written by others"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "records")
			if err := makeFolder(dir); err != nil {
				t.Fatal(err)
			}
			c.make(t, filepath.Join(dir, "x"+extension))
			undone, err := Recover(dir)
			if len(undone) != 0 || err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("recovered %d, %v; expected %q", len(undone), err, c.says)
			}
		})
	}
	link := filepath.Join(t.TempDir(), "link")
	os.Symlink(t.TempDir(), link)
	if r, err := Start(link, "a test"); err == nil {
		r.Close()
		t.Error("a record begins in a folder that is a link")
	}
}

// TestDamaged breaks a record in its middle: what is before is known, and what is
// lost is told.
func TestDamaged(t *testing.T) {
	inHost(t)
	dir := t.TempDir()
	r, err := Start(dir, "a test")
	if err != nil {
		t.Fatal(err)
	}
	before := picture(t)
	if err := errors.Join(r.Do(changes[0]), r.Do(changes[1]), r.Close()); err != nil {
		t.Fatal(err)
	}
	text, _ := os.ReadFile(r.Path)
	os.WriteFile(r.Path, []byte(strings.Replace(string(text), "txqueuelen", "txqueuelem", 1)), 0o600)
	undone, err := Recover(dir)
	if len(undone) != 1 || err == nil || !strings.Contains(err.Error(), "damaged in line 4") {
		t.Fatalf("recovered %d, %v", len(undone), err)
	}
	undone[0].Close()
	if s, _ := changes[0].Read(); !strings.Contains(before, "somaxconn = "+s.Text+"\n") {
		t.Errorf("what the record still says was not set back: somaxconn is %s", s.Text)
	}
	if len(paths(dir)) != 1 {
		t.Error("the damaged record is gone")
	}
}

// TestBegunAndCut finds what a crash leaves of a record that was only begun.
func TestBegunAndCut(t *testing.T) {
	for _, text := range []string{"", "12", "12345678 {\"kind\":\"beg"} {
		dir := t.TempDir()
		os.WriteFile(filepath.Join(dir, "x"+extension), []byte(text), 0o600)
		if undone, err := Recover(dir); len(undone) != 0 || err != nil {
			t.Errorf("%q: recovered %d, %v", text, len(undone), err)
		}
		if len(paths(dir)) != 0 {
			t.Errorf("%q: it stays", text)
		}
	}
}

// TestOtherBoot reads a record of before a reboot: values went with it, unless lines
// of files kept them; those of other network namespaces are gone.
func TestOtherBoot(t *testing.T) {
	inHost(t)
	defer func(was []string) { persistent = was }(persistent)
	persistent = []string{t.TempDir()}
	os.Chmod(persistent[0], 0o755)
	line := Kept{File: filepath.Join(persistent[0], "90-whydrop.conf"), Line: "net.core.somaxconn = 777", Key: "net.core.somaxconn ="}.Change()
	for _, c := range []struct {
		name    string
		first   bool
		kept    bool   // by a line of a file
		now     string // the value after the reboot
		expect  string
		noLines bool
	}{
		{"gone with the reboot", true, false, "128", "128", true},
		{"set by somebody else", true, false, "777", "777", true},
		{"kept by whydrop", true, true, "777", "4096", true},
		{"of another namespace", false, false, "777", "777", true},
	} {
		func() { // no test of its own: that would run outside the namespace of this thread
			dir := t.TempDir()
			events := changed(changes[0], State{Text: "4096"}, &State{Text: "777"})
			events[0].Begin.Boot, events[0].Begin.First = "another", c.first
			if c.kept {
				if _, err := line.set(); err != nil {
					t.Fatal(err)
				}
				events = append(events, event{Kind: "was", Entry: 1, Change: &line, Was: &State{Text: noFile}}, event{Kind: "wrote", Entry: 1, Now: &State{Text: line.To}})
			}
			path := filepath.Join(dir, "x"+extension)
			recordOf(t, path, events...)
			if err := writeSysctl("net.core.somaxconn", c.now); err != nil {
				t.Fatal(err)
			}
			r, err := Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			if err := r.Undo(false); err != nil || r.Standing() {
				t.Errorf("%s: %v, standing: %t", c.name, err, r.Standing())
			}
			if s, _ := changes[0].Read(); s.Text != c.expect {
				t.Errorf("%s: somaxconn is %s, expected %s", c.name, s.Text, c.expect)
			}
			if _, err := os.Stat(line.Of); c.noLines && err == nil {
				t.Errorf("%s: the line stays", c.name)
			}
		}()
	}
}

// TestNamespaceGone takes away the network namespace of a change, and makes another
// one, which can get the same inode: it is left alone.
func TestNamespaceGone(t *testing.T) {
	inHost(t)
	if cookie() == 0 {
		t.Skip("needs SO_NETNS_COOKIE (Linux 5.14)")
	}
	dir := t.TempDir()
	events := changed(changes[0], State{Text: "4096"}, nil)
	events[0].Begin.Cookie++ // the inode of this one, but not this one
	recordOf(t, filepath.Join(dir, "x"+extension), events...)
	if err := writeSysctl("net.core.somaxconn", "777"); err != nil {
		t.Fatal(err)
	}
	undone, err := Recover(dir)
	if len(undone) != 1 || err != nil || undone[0].Standing() {
		t.Fatalf("recovered %d, %v", len(undone), err)
	}
	undone[0].Close()
	if s, _ := changes[0].Read(); s.Text != "777" {
		t.Errorf("another namespace was changed: somaxconn is %s", s.Text)
	}
}

// TestForget leaves what was kept in a network namespace that is gone, but not the
// lines of files and what belongs to the machine.
func TestForget(t *testing.T) {
	inHost(t)
	defer func(was []string) { persistent = was }(persistent)
	persistent = []string{t.TempDir()}
	line := Kept{File: filepath.Join(persistent[0], "90-whydrop.conf"), Line: "net.core.somaxconn = 777", Key: "net.core.somaxconn ="}.Change()
	dir := t.TempDir()
	r, err := Start(dir, "a test")
	if err != nil {
		t.Fatal(err)
	}
	r.Netns, r.Cookie = 1, 1
	if err := errors.Join(r.append(event{Kind: "was", Change: &changes[0], Was: &State{Text: "1"}}), r.append(event{Kind: "wrote"}), r.Do(line), r.Keep(), r.Close()); err != nil {
		t.Fatal(err)
	}
	text, _ := os.ReadFile(r.Path) // as another namespace would have written it
	var events []event
	for l := range strings.Lines(string(text)) {
		e, ok := parseEvent([]byte(l))
		if !ok {
			t.Fatal(l)
		}
		if e.Begin != nil {
			e.Begin.Netns, e.Begin.Cookie = 1, 1
		}
		events = append(events, e)
	}
	recordOf(t, r.Path, events...)
	if err := Forget(dir); err != nil {
		t.Fatal(err)
	}
	left := onlyRecord(t, dir)
	if !left.Entries[0].Undone || left.Entries[1].Undone {
		t.Fatalf("what is left: %+v", left.Entries)
	}
	if err := left.Undo(false); err != nil || left.Standing() {
		t.Errorf("%v, standing: %t", err, left.Standing())
	}
	if _, err := os.Stat(line.Of); err == nil {
		t.Error("the line stays")
	}
}

// TestMeanwhile lets things happen between a change and its rollback: what is the
// change's goes back, under its interface's new name, too; what is somebody else's
// stays.
func TestMeanwhile(t *testing.T) {
	for _, c := range []struct {
		name   string
		before []string
		change Change
		happen []string
		undo   string // what undoing says, empty for nothing
		show   string
		as     string
	}{
		{"renamed", nil, Change{Knob: "txqueuelen", Of: "eth0", To: "77"}, []string{"ip link set eth0 down", "ip link set eth0 name lan0"}, "", "ip link show lan0", "qlen 1000"},
		{"renamed, its sysctl", nil, Change{Knob: "sysctl", Of: "net.ipv4.conf.eth0.rp_filter", To: "2"}, []string{"ip link set eth0 down", "ip link set eth0 name lan.0"}, "", "sysctl net/ipv4/conf/lan.0/rp_filter", "= 0"},
		{"renamed, and another got its name", nil, Change{Knob: "txqueuelen", Of: "eth0", To: "77"}, []string{"ip link set eth0 down", "ip link set eth0 name lan0", "ip link add eth0 txqueuelen 77 type veth peer name p0"}, "", "ip link show eth0", "qlen 77"},
		{"gone", nil, Change{Knob: "txqueuelen", Of: "eth0", To: "77"}, []string{"ip link del eth0"}, "", "ip link", "lo"},
		{"made anew", nil, Change{Knob: "txqueuelen", Of: "eth0", To: "77"}, []string{"ip link del eth0", "ip link add eth0 txqueuelen 77 type veth peer name p0"}, "", "ip link show eth0", "qlen 77"},
		{"set by hand", nil, changes[0], []string{"sysctl -q net.core.somaxconn=99"}, "somebody else changed it", "sysctl net.core.somaxconn", "= 99"},
		{"set back by hand", nil, changes[0], []string{"sysctl -q net.core.somaxconn=4096"}, "", "sysctl net.core.somaxconn", "= 4096"},
		{"a list that was empty", nil, Change{Knob: "sysctl", Of: "net.ipv4.ip_local_reserved_ports", To: "8080,9000-9010"}, nil, "", "sysctl net.ipv4.ip_local_reserved_ports", "reserved_ports = \n"},
		{"another offload by hand", nil, Change{Knob: "feature", Of: "eth0", Field: "tso", To: "off"}, []string{"ethtool -K eth0 gro on"}, "", "ethtool -k eth0", "generic-receive-offload: on"},
		{"the route's gateway", nil, Change{Knob: "route", Of: "10.20.0.0/16", Field: "mtu", To: "1300"}, []string{"ip route change 10.20.0.0/16 via 10.9.0.3 mtu 1300 initcwnd 20"}, "", "ip route", "10.20.0.0/16 via 10.9.0.3 dev eth0 mtu 1400 initcwnd 20"},
		{"the route's MTU", nil, Change{Knob: "route", Of: "10.20.0.0/16", Field: "mtu", To: "1300"}, []string{"ip route change 10.20.0.0/16 via 10.9.0.3 mtu 1200"}, "somebody else changed it", "ip route", "10.20.0.0/16 via 10.9.0.3 dev eth0 mtu 1200"},
		{"the route gone", nil, Change{Knob: "route", Of: "10.20.0.0/16", Field: "mtu", To: "1300"}, []string{"ip route del 10.20.0.0/16"}, "there is no route 10.20.0.0/16", "ip route", "default via"},
		{"the root replaced", nil, Change{Knob: "qdisc", Of: "eth0", To: "pfifo limit 500"}, []string{"tc qdisc replace dev eth0 root handle 9: pfifo limit 7"}, "somebody else changed it", "tc qdisc show dev eth0", "limit 7p"},
		{"the root replaced by one with classes", nil, Change{Knob: "qdisc", Of: "eth0", To: "pfifo limit 500"}, []string{"tc qdisc replace dev eth0 root handle 9: htb"}, "could not be set back", "tc qdisc show dev eth0", "htb"},
		{"the limit of a root", []string{"tc qdisc add dev eth0 root handle 5: pfifo limit 3"}, Change{Knob: "qdisc", Of: "eth0", To: "pfifo limit 500"}, nil, "", "tc qdisc show dev eth0", "limit 3p"},
		{"a shaper as root", []string{"tc qdisc add dev eth0 root handle 1: tbf rate 6mbit burst 1514 limit 30000"}, Change{Knob: "qdisc", Of: "eth0", To: "default"}, nil, "", "tc qdisc show dev eth0", "rate 6Mbit burst 151"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inHost(t)
			run := func(commands []string) {
				t.Helper()
				for _, line := range commands {
					if out, err := exec.Command("sh", "-c", line).CombinedOutput(); err != nil {
						t.Skipf("%s: %s", line, out)
					}
				}
			}
			run(c.before)
			before := picture(t)
			dir := t.TempDir()
			r, err := Start(dir, "a test")
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			if err := r.Do(c.change); err != nil {
				t.Fatal(err)
			}
			run(c.happen)
			err = r.Undo(false)
			if c.undo == "" && err != nil || c.undo != "" && (err == nil || !strings.Contains(err.Error(), c.undo)) {
				t.Errorf("undo: %v, expected %q", err, c.undo)
			}
			args := strings.Fields(c.show)
			if out := command(t, args[0], args[1:]...); !strings.Contains(out, c.as) {
				t.Errorf("%s shows no %q:\n%s", c.show, c.as, out)
			}
			if len(c.happen) == 0 {
				if after := picture(t); after != before {
					t.Errorf("not as before: %s", difference(before, after))
				}
			}
			if err := r.Undo(false); c.undo == "" && err != nil {
				t.Errorf("a second time: %v", err)
			}
		})
	}
}

// TestNotReplaced asks for roots that could not be made again.
func TestNotReplaced(t *testing.T) {
	for _, c := range [][]string{
		{"tc qdisc add dev eth0 root handle 1: htb", "tc class add dev eth0 parent 1: classid 1:10 htb rate 5mbit"},
		{"tc qdisc add dev eth0 root handle 1: prio"},
		{"tc qdisc add dev eth0 root handle 1: tbf rate 6mbit burst 1514 limit 30000", "tc qdisc add dev eth0 parent 1: handle 2: pfifo limit 9"},
	} {
		t.Run(c[0], func(t *testing.T) {
			inHost(t)
			for _, line := range c {
				args := strings.Fields(line)
				if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
					t.Skipf("%s: %s", line, out)
				}
			}
			r, err := Start(t.TempDir(), "a test")
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			before := picture(t)
			if err := r.Do(Change{Knob: "qdisc", Of: "eth0", To: "pfifo limit 500"}); err == nil || !strings.Contains(err.Error(), "does not replace it") {
				t.Errorf("%v", err)
			}
			counted := regexp.MustCompile(`direct_packets_stat \d+`) // by the kernel, meanwhile
			if after := picture(t); counted.ReplaceAllString(after, "") != counted.ReplaceAllString(before, "") {
				t.Errorf("changed: %s", difference(before, after))
			}
		})
	}
}

// TestFullDisk keeps records on a file system that is full: nothing is changed, or
// what was changed goes back.
func TestFullDisk(t *testing.T) {
	inHost(t)
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=64k,mode=700"); err != nil {
		t.Skip("cannot mount a tmpfs: ", err)
	}
	defer unix.Unmount(dir, unix.MNT_DETACH)
	before := picture(t)
	records := filepath.Join(dir, "records")
	r, err := Start(records, "a test")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := r.Do(changes[0]); err != nil {
		t.Fatal(err)
	}
	fill(t, filepath.Join(dir, "full"))
	var failed error
	for n := 0; failed == nil && n < 2000; n++ { // the last page of the record has room
		failed = r.Do(Change{Knob: "txqueuelen", Of: "eth0", To: fmt.Sprint(2000 + n)})
	}
	if !errors.Is(failed, unix.ENOSPC) {
		t.Fatalf("a full disk: %v", failed)
	}
	if err := r.Undo(false); err == nil || !strings.Contains(err.Error(), "is set back, but that could not be noted") {
		t.Errorf("undo: %v", err)
	}
	if after := picture(t); after != before {
		t.Errorf("not as before: %s", difference(before, after))
	}
	if other, err := Start(records, "another"); err == nil {
		other.Close()
		t.Error("a record begins on a full disk")
	}
	os.Remove(filepath.Join(dir, "full"))
	if err := r.Undo(false); err != nil || r.Standing() {
		t.Errorf("with room again: %v, standing: %t", err, r.Standing())
	}
}

func fill(t *testing.T, name string) {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, size := range []int{4096, 1} {
		for {
			if _, err := f.Write(make([]byte, size)); err != nil {
				break
			}
		}
	}
}

// BenchmarkRecover is what the start of every whydrop pays where there is nothing to
// take back.
func BenchmarkRecover(b *testing.B) {
	dir := b.TempDir()
	for b.Loop() {
		if _, err := Recover(dir); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRecoverKept is the same with ten changes that were kept.
func BenchmarkRecoverKept(b *testing.B) {
	dir := b.TempDir()
	for n := range 10 {
		recordOf(b, filepath.Join(dir, fmt.Sprint(n)+extension), append(changed(changes[0], State{Text: "4096"}, nil), event{Kind: "kept"})...)
	}
	for b.Loop() {
		if _, err := Recover(dir); err != nil {
			b.Fatal(err)
		}
	}
}

// FuzzRecord reads anything as a record: it is refused, or what it says can be told
// and checked without a panic.
func FuzzRecord(f *testing.F) {
	q, _ := json.Marshal(queueState{Queue: object{Header: queueHeader(1), Attributes: []attribute{{unix.TCA_KIND, []byte("tbf\x00")}, {unix.TCA_OPTIONS, []byte{8, 0, 1, 0, 1, 2, 3, 4}}}}})
	o, _ := json.Marshal(object{Header: make([]byte, rtmsgSize), Attributes: []attribute{{unix.RTA_METRICS, []byte{8, 0, 2, 0, 1, 2, 3, 4}}, {unix.RTA_MULTIPATH, []byte{8, 0, 1, 0, 1, 0, 0, 0}}}})
	for _, events := range [][]event{
		changed(changes[0], State{Text: "4096"}, &State{Text: "777"}),
		changed(Change{Knob: "qdisc", Of: "eth0", Field: "1: rate", To: "1mbit"}, State{Text: "5mbit", Raw: q}, nil),
		changed(Change{Knob: "qdisc", Of: "eth0", To: "fq"}, State{Text: "tbf", Raw: q}, &State{Text: "fq", Raw: q}),
		changed(Change{Knob: "route", Of: "10.0.0.0/8", Field: "mtu", To: "1400"}, State{Text: "none", Raw: o}, nil),
		changed(Change{Knob: "ring", Of: "eth0", Field: "rx", To: "512"}, State{Text: "256", Raw: json.RawMessage(`{"RxPending":256}`)}, &State{Text: "512", Raw: json.RawMessage(`{"RxPending":512}`)}),
	} {
		var text []byte
		for _, e := range events {
			line, _ := e.line()
			text = append(text, line[9:]...)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, lines []byte) {
		var text []byte // the checksums are right: damage is told by them
		for line := range strings.Lines(string(lines)) {
			var e event
			if json.Unmarshal([]byte(line), &e) == nil {
				b, err := e.line()
				if err != nil {
					t.Fatal(err)
				}
				text = append(text, b...)
			}
		}
		r := &Record{Path: "fuzzed"}
		if r.parse(text) != nil {
			return
		}
		for n := range r.Entries {
			e := &r.Entries[n]
			if err := e.Change.Check(); err != nil {
				t.Fatalf("%+v is taken: %v", e.Change, err)
			}
			was := e.before()
			e.made(was)
			e.Change.Words(&was).With(e.Change, was)
			e.current(true)
			if o, err := decode(was.Raw, rtmsgSize); err == nil {
				sendable(o)
				withMetric(o, "mtu", "1400").message()
			}
			if q, err := decodeQueue(was); err == nil {
				q.Queue.on(1)
				withBurst(q.Queue.get(unix.TCA_OPTIONS), q.Queue.get(unix.TCA_OPTIONS))
				if p, err := q.parameter(e.Change); err == nil {
					p.read(q.Queue.get(unix.TCA_OPTIONS))
					_, _ = p.write(q.Queue.get(unix.TCA_OPTIONS), 1)
				}
			}
		}
	})
}
