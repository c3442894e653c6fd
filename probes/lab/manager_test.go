//go:build linux

package lab

import (
	"io"
	"maps"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// on runs f on a host of a bench, as a process there would; only root can.
func on(t *testing.T, b *Bench, f func()) {
	t.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with f
		err := unix.Setns(int(b.hosts[slices.Index(hostNames, b.scenario.sick)].Fd()), unix.CLONE_NEWNET)
		if err == nil {
			f()
		}
		done <- err
	}()
	if err := <-done; err != nil {
		t.Skip("entering a host: ", err)
	}
}

// fare is how the clients of the host fare in two seconds: the share of what they want.
func fare(t *testing.T) map[string]float64 {
	t.Helper()
	before, err := Clients()
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(2 * time.Second)
	since, err := Clients()
	if err != nil {
		t.Fatal(err)
	}
	share := map[string]float64{}
	for i, c := range since {
		if wanted := c.Wanted - before[i].Wanted; wanted > 0 && !c.Silent {
			share[c.Name] = (c.Got - before[i].Got) / wanted
		}
	}
	return share
}

// TestManager hears the clients of a sick host, mends its service by other settings,
// and notices a client that was stopped.
func TestManager(t *testing.T) {
	s, _ := Find("accept-queue-full")
	b := start(t, s)
	on(t, b, func() {
		if all := fare(t); all["mobile-app"] > 0.5 || all["browser"] < 0.8 {
			t.Errorf("on the sick host the clients get %v", all)
		}
		if err := serviceCtl([]string{"restart", "orders-api", "workers=64", "backlog=1024"}, io.Discard); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * time.Second) // those who had waited are over
		if all := fare(t); all["mobile-app"] < 0.8 || all["browser"] < 0.8 {
			t.Errorf("on the mended host the clients get %v", all)
		}
		var list strings.Builder
		if err := serviceCtl(nil, &list); err != nil || !strings.Contains(list.String(), "workers=64") || strings.Contains(list.String(), "mobile-app") {
			t.Errorf("the programs of the host are told as %s (%v)", list.String(), err)
		}
		client := processes(func(proc string) bool {
			name, _ := os.ReadFile(filepath.Join(proc, "cmdline"))
			return string(name) == "mobile-app\x00"
		})
		for _, pid := range client {
			unix.Kill(pid, unix.SIGSTOP)
		}
		all, err := Clients()
		if i := slices.IndexFunc(all, func(c Client) bool { return c.Name == "mobile-app" }); err != nil || len(client) == 0 || i < 0 || !all[i].Silent {
			t.Errorf("%v are stopped, but %v (%v)", client, all, err)
		}
	})
}

// TestServiceCtl refuses what it cannot do, and says what it can.
func TestServiceCtl(t *testing.T) {
	s, _ := Find("accept-queue-full")
	b := start(t, s)
	on(t, b, func() {
		for _, c := range []struct{ call, says string }{
			{"restart", "usage:"},
			{"restart nobody", `no service "nobody"`},
			{"restart mobile-app", `no service "mobile-app"`},
			{"restart orders-api speed=9", "it has backlog, nofile, rcvbuf, workers"},
			{"restart orders-api Think=0", `no setting "Think"`},
			{"restart orders-api backlog=-1", "not a setting"},
			{"restart orders-api backlog", "SETTING=NUMBER"},
		} {
			err := serviceCtl(strings.Fields(c.call), io.Discard)
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s: %v, want %q", c.call, err, c.says)
			}
		}
	})
	if _, err := Clients(); err == nil {
		t.Error("on no bench there are clients")
	}
}

// TestSettingsOf changes what is configured of a program, and nothing else.
func TestSettingsOf(t *testing.T) {
	v := &service{Backlog: 8, ShrinkTo: 2304, Think: 0.4}
	if got, want := settingsOf(v), map[string]int{"backlog": 8, "workers": 0, "nofile": 0, "rcvbuf": 2304}; !maps.Equal(got, want) {
		t.Errorf("a service has %v, want %v", got, want)
	}
	configure(v, map[string]int{"rcvbuf": 0, "workers": 40})
	if v.ShrinkTo != 0 || v.RcvBuf != 0 || v.Workers != 40 || v.Backlog != 8 || v.Think != 0.4 {
		t.Errorf("it is configured as %+v", v)
	}
	for _, c := range []struct {
		role role
		is   bool
	}{{v, true}, {&caller{Rate: 20}, false}, {&caller{Keep: 12}, false}, {&stream{}, false}, {&caller{Rate: 20, Pools: true}, true}} {
		if configured(c.role) != c.is {
			t.Errorf("%T %+v is configured by the host's owner: %v", c.role, c.role, !c.is)
		}
	}
	c := &caller{Rate: 20}
	if got, want := settingsOf(c), map[string]int{"keep": 0}; !maps.Equal(got, want) {
		t.Errorf("a client has %v, want %v", got, want)
	}
	configure(c, map[string]int{"keep": 5})
	if c.Keep != 5 || c.Pause != 0.25 {
		t.Errorf("on 5 connections it pauses for %v s", c.Pause)
	}
}

// TestRecipeIsHidden lets nobody read in an environment or a command line what a bench
// was made to do.
func TestRecipeIsHidden(t *testing.T) {
	s, _ := Find("accept-queue-full")
	b := start(t, s)
	read := 0
	for _, stat := range session(b.guard.Process.Pid) {
		pid, _, _ := strings.Cut(stat, " ")
		for _, file := range []string{"environ", "cmdline"} {
			text, err := os.ReadFile(filepath.Join("/proc", pid, file))
			if err != nil {
				continue
			}
			read++
			for _, secret := range []string{"accept-queue", "Backlog", "Workers", ":8443"} {
				if strings.Contains(string(text), secret) {
					t.Errorf("%s of process %s says %q", file, pid, secret)
				}
			}
		}
	}
	if read < 8 {
		t.Errorf("only %d files were read", read)
	}
}

// TestMisdirected does not take the answer of another service for the right one's.
func TestMisdirected(t *testing.T) {
	v := &service{Addr: "127.0.0.1:0"}
	l, err := v.listen()
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go v.serve(conn, &tally{counts: map[string]float64{}}, false, func() bool { return false })
		}
	}()
	for _, c := range []struct {
		meant uint32
		ok    bool
	}{{port(l.Addr().String()), true}, {0, true}, {7, false}} {
		conn, err := (&caller{Target: l.Addr().String(), Timeout: 5}).dial(&tally{counts: map[string]float64{}})
		if err != nil {
			t.Fatal(err)
		}
		msg := make([]byte, headerSize)
		header{Reply: 10, Port: c.meant}.put(msg)
		conn.Write(msg)
		conn.SetReadDeadline(time.Now().Add(5 * time.Second))
		n, err := conn.Read(make([]byte, 10))
		if got := n > 0; got != c.ok {
			t.Errorf("meant for port %d: answered %v (%v)", c.meant, got, err)
		}
		conn.Close()
	}
}

// TestVouched takes the answer of a service of the lab alone for one, whether little or
// much is asked for or sent.
func TestVouched(t *testing.T) {
	v := &service{}
	never := func() bool { return false }
	for name, c := range map[string]struct {
		answers func(net.Conn)
		ok      bool
	}{
		"the service": {func(conn net.Conn) { v.serve(conn, &tally{counts: map[string]float64{}}, false, never) }, true},
		"zeros": {func(conn net.Conn) {
			conn.Write(make([]byte, 1<<16))
			io.Copy(io.Discard, conn)
		}, false},
		"an echo":       {func(conn net.Conn) { io.Copy(conn, conn) }, false},
		"a silent sink": {func(conn net.Conn) { io.Copy(io.Discard, conn) }, false},
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				go func() {
					defer conn.Close()
					c.answers(conn)
				}()
			}
		}()
		at := l.Addr().String()
		for _, reply := range []uint32{0, 5, 100, 200000} {
			conn, err := net.Dial("tcp", at)
			if err != nil {
				t.Fatal(err)
			}
			err = (&caller{Reply: reply, Timeout: 0.4}).request(conn)
			if (err == nil) != c.ok {
				t.Errorf("%s answers %d bytes: %v", name, reply, err)
			}
			conn.Close()
		}
		for _, s := range []*stream{{Target: at, Chunk: 4096, Session: 0.3}, {Target: at, Chunk: 4096, Session: 0.3, Down: true}} {
			count := &tally{counts: map[string]float64{}}
			err := s.transfer(count)
			if _, got := s.served(count.counts, 1); (got > 0) != c.ok {
				t.Errorf("%s gives a stream (down: %v) %v bytes of %v: %v", name, s.Down, got, count.counts, err)
			}
		}
	}
}

// TestMakeable tells beforehand what this user cannot make.
func TestMakeable(t *testing.T) {
	if err := Supported(); err != nil {
		t.Skip(err)
	}
	for _, s := range All() {
		err := s.Makeable()
		if root := os.Geteuid() == 0; s.Needs == "" && len(s.Settings) == 0 && err != nil || s.Needs == "root" && (err == nil) != root {
			t.Errorf("%s, which needs %q: %v", s.Name, s.Needs, err)
		}
	}
	file, err := os.OpenFile(tun, os.O_RDWR, 0)
	if err == nil {
		file.Close()
	}
	if s, _ := Find("reordering"); (s.Makeable() == nil) != (err == nil) {
		t.Errorf("%s opens with %v, but: %v", tun, err, s.Makeable())
	}
}
