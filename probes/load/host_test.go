package load

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// role is what this test binary does when it is started again on another host.
type role struct {
	Serve   string   // be the counterpart there
	Deaf    string   // listen there, and accept one connection each Every
	Every   float64  // seconds
	Target  string   // send Traffic there
	Traffic *Traffic // and write the result
}

// playRole plays it and ends.
func playRole(text string) {
	var r role
	err := json.Unmarshal([]byte(text), &r)
	if err == nil {
		err = r.play()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func (r *role) play() error {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	switch {
	case r.Serve != "":
		l, err := Listen(ctx, r.Serve)
		if err != nil {
			return err
		}
		fmt.Println("ready")
		_, err = Serve(ctx, l, DefaultLimits())
		return err
	case r.Deaf != "":
		return r.listenDeaf()
	}
	t, err := Resolve(ctx, r.Target)
	if err != nil {
		return err
	}
	result, err := Run(ctx, t, *r.Traffic)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(result)
}

// listenDeaf has a backlog of two, and takes its time.
func (r *role) listenDeaf() error {
	l, err := net.Listen("tcp", r.Deaf)
	if err != nil {
		return err
	}
	raw, err := l.(*net.TCPListener).SyscallConn()
	if err != nil {
		return err
	}
	if err := raw.Control(func(fd uintptr) { err = unix.Listen(int(fd), 2) }); err != nil {
		return err
	}
	fmt.Println("ready")
	for {
		time.Sleep(time.Duration(r.Every * float64(time.Second)))
		conn, err := l.Accept()
		if err != nil {
			return err
		}
		conn.Close()
	}
}

// hosts are three network namespaces: client 10.8.1.2 - router - server 10.8.2.2,
// with IPv6 beside. Nothing outside of them changes.
type hosts struct{ client, router, server netns.NsHandle }

func newHosts(t *testing.T) *hosts {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root to make network namespaces")
	}
	for _, tool := range []string{"ip", "nft", "sysctl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip("needs ", tool)
		}
	}
	h := &hosts{}
	for _, ns := range []*netns.NsHandle{&h.client, &h.router, &h.server} {
		*ns = newNamespace(t)
	}
	h.run(t, h.router, "ip link set lo up",
		"sysctl -q net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1",
		fmt.Sprintf("ip link add c type veth peer name eth0 netns /proc/%d/fd/%d", os.Getpid(), h.client),
		fmt.Sprintf("ip link add s type veth peer name eth0 netns /proc/%d/fd/%d", os.Getpid(), h.server),
		"ip addr add 10.8.1.1/24 dev c", "ip addr add 10.8.2.1/24 dev s",
		"ip addr add fd00:8:1::1/64 dev c nodad", "ip addr add fd00:8:2::1/64 dev s nodad",
		"ip link set c up", "ip link set s up")
	for n, ns := range map[int]netns.NsHandle{1: h.client, 2: h.server} {
		h.run(t, ns, "ip link set lo up", fmt.Sprintf("ip addr add 10.8.%d.2/24 dev eth0", n),
			fmt.Sprintf("ip addr add fd00:8:%d::2/64 dev eth0 nodad", n), "ip link set eth0 up",
			fmt.Sprintf("ip route add default via 10.8.%d.1", n), fmt.Sprintf("ip -6 route add default via fd00:8:%d::1", n))
	}
	return h
}

func newNamespace(t *testing.T) netns.NsHandle {
	t.Helper()
	runtime.LockOSThread()
	own, err := netns.Get()
	if err != nil {
		t.Fatal(err)
	}
	ns, err := netns.New()
	if err == nil {
		err = netns.Set(own)
	}
	own.Close()
	if err != nil { // the thread stays locked and ends with the test
		t.Skip("cannot make a network namespace: ", err)
	}
	runtime.UnlockOSThread()
	t.Cleanup(func() { ns.Close() })
	return ns
}

// on starts a command on a host.
func (h *hosts) on(t *testing.T, ns netns.NsHandle, cmd *exec.Cmd) {
	t.Helper()
	runtime.LockOSThread()
	own, err := netns.Get()
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	if err := netns.Set(ns); err != nil {
		t.Fatal(err)
	}
	err = cmd.Start()
	if netns.Set(own) == nil {
		runtime.UnlockOSThread()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// run runs commands on a host, one after the other.
func (h *hosts) run(t *testing.T, ns netns.NsHandle, commands ...string) {
	t.Helper()
	for _, line := range commands {
		words := strings.Fields(line)
		cmd := exec.Command(words[0], words[1:]...)
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		h.on(t, ns, cmd)
		if err := cmd.Wait(); err != nil {
			t.Fatalf("%s: %v\n%s", line, err, out.Bytes())
		}
	}
}

// nft makes rules the only ones of a host. It skips the test where the kernel lacks
// what they need.
func (h *hosts) nft(t *testing.T, ns netns.NsHandle, hook string, rules ...string) {
	t.Helper()
	cmd := exec.Command("nft", "-f", "-")
	cmd.Stdin = strings.NewReader("table ip f\ndelete table ip f\ntable ip f {\nchain c {\ntype filter hook " + hook + " priority 0;\n" + strings.Join(rules, "\n") + "\n}\n}\n")
	var out bytes.Buffer
	cmd.Stderr = &out
	h.on(t, ns, cmd)
	if err := cmd.Wait(); err != nil {
		if text := out.String(); strings.Contains(text, "No such file") || strings.Contains(text, "not supported") {
			t.Skip("the kernel lacks what the rules need: ", text)
		}
		t.Fatalf("nft: %v\n%s", err, out.Bytes())
	}
}

// start starts this test binary in a role, and waits until it is ready where it says
// so.
func (h *hosts) start(t *testing.T, ns netns.NsHandle, r role) *exec.Cmd {
	t.Helper()
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), "WHYDROP_LOAD_ROLE="+string(text))
	cmd.Stderr = os.Stderr
	if r.Target != "" {
		cmd.Stdout = &bytes.Buffer{}
		h.on(t, ns, cmd)
		return cmd
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	h.on(t, ns, cmd)
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	if _, err := out.Read(make([]byte, 16)); err != nil {
		t.Fatal("the other end does not start: ", err)
	}
	return cmd
}

// send sends traffic from the client and returns how it fared.
func (h *hosts) send(t *testing.T, target string, traffic Traffic) *Result {
	t.Helper()
	cmd := h.start(t, h.client, role{Target: target, Traffic: &traffic})
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	r, err := Read(cmd.Stdout.(*bytes.Buffer).Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if sum := r.OK + r.Failed + r.Unfinished; sum != r.Attempts {
		t.Errorf("%d of %d attempts are accounted for", sum, r.Attempts)
	}
	return r
}

// brief is little traffic that is soon over.
func brief(kind string) Traffic {
	t := Default(kind)
	t.Duration, t.Timeout = 4, 4
	return t
}

// Nothing that shows a fault below shows on healthy hosts, IPv6 included.
func TestHealthy(t *testing.T) {
	h := newHosts(t)
	for _, at := range []string{"10.8.2.2:9000", "[fd00:8:2::2]:9000"} {
		h.start(t, h.server, role{Serve: at})
		for _, kind := range []string{Connect, Request, Up, Down} {
			traffic := brief(kind)
			traffic.Duration = 1
			traffic.Body = min(traffic.Body*20, 4000)
			r := h.send(t, at, traffic)
			if r.Failed > 0 || r.OK == 0 || r.TCP.SYNAgain > 0 || r.Connect.Above(SYNWait) > 0 || r.Response.Above(SYNWait) > 0 || len(r.Stalls) > 0 {
				t.Errorf("%s to %s: %d ok, %d failed %v, %d SYNs again, to connect up to %v, stalls %v", kind, at, r.OK, r.Failed, r.Failures, r.TCP.SYNAgain, r.Connect.Max(), r.Stalls)
			}
			if (kind == Up || kind == Down) && (r.Moved() < 1e6 || r.Moved() > 8e6) {
				t.Errorf("%s to %s: %d bytes in 1 s at 50 Mbit/s", kind, at, r.Moved())
			}
		}
	}
}

// One in ten packets is dropped: connections wait for a second or more, and data is
// sent again.
func TestLoss(t *testing.T) {
	t.Parallel()
	h := newHosts(t)
	h.start(t, h.server, role{Serve: "10.8.2.2:9000"})
	traffic := brief(Request)
	traffic.Rate = 40
	healthy := h.send(t, "10.8.2.2:9000", traffic)
	h.nft(t, h.router, "forward", "numgen random mod 10 0 drop")
	r := h.send(t, "10.8.2.2:9000", traffic)
	if r.TCP.SYNAgain == 0 || r.Connect.Above(SYNWait) == 0 || r.TCP.DataAgain == 0 {
		t.Errorf("%d of %d sent the SYN again, %d took over %v to connect, %d of %d segments sent again", r.TCP.SYNAgain, r.TCP.Connections, r.Connect.Above(SYNWait), SYNWait, r.TCP.DataAgain, r.TCP.DataOut)
	}
	outcomes := map[string]string{}
	for _, l := range Compare(r, healthy) {
		outcomes[l.What] = l.Outcome
	}
	if got := outcomes["connections that sent their SYN again"]; got != Better {
		t.Errorf("without the loss it is %q: %v", got, outcomes)
	}
}

// An accept queue that is full: the handshake takes a second or more, or fails.
func TestAcceptQueueFull(t *testing.T) {
	t.Parallel()
	h := newHosts(t)
	h.start(t, h.server, role{Deaf: "10.8.2.2:9000", Every: 0.3})
	traffic := brief(Connect)
	traffic.Rate = 20
	r := h.send(t, "10.8.2.2:9000", traffic)
	slow := r.Connect.Above(SYNWait)
	if r.TCP.SYNAgain < 10 || slow+uint64(r.Failed) < 10 {
		t.Errorf("%d sent the SYN again; %d connected late, %d failed: %v", r.TCP.SYNAgain, slow, r.Failed, r.Failures)
	}
	for _, f := range r.Failures {
		if f.Step != "connect" || f.Error != "timeout" {
			t.Errorf("%+v", f)
		}
	}
}

// A path whose MTU nobody tells: connections and little requests work, what is
// larger stalls.
func TestMTUBlackHole(t *testing.T) {
	t.Parallel()
	h := newHosts(t)
	h.run(t, h.router, "ip link set s mtu 1300")
	h.nft(t, h.router, "output", "icmp type destination-unreachable drop")
	h.start(t, h.server, role{Serve: "10.8.2.2:9000"})
	small := brief(Request)
	small.Duration = 1
	if r := h.send(t, "10.8.2.2:9000", small); r.Failed > 0 || r.OK == 0 {
		t.Errorf("200 bytes: %d ok, %d failed %v", r.OK, r.Failed, r.Failures)
	}
	large := small
	large.Body, large.Timeout = 5000, 2
	r := h.send(t, "10.8.2.2:9000", large)
	if r.OK > 0 || r.Connect.Count() == 0 || r.Connect.Above(SYNWait) > 0 || len(r.Failures) != 1 || r.Failures[0].Step != "wait" || r.TCP.DataAgain == 0 {
		t.Errorf("5000 bytes: %d ok, %d connected in up to %v, %v, %d segments again", r.OK, r.Connect.Count(), r.Connect.Max(), r.Failures, r.TCP.DataAgain)
	}
	up := brief(Up)
	up.Duration, up.Timeout = 3, 1
	r = h.send(t, "10.8.2.2:9000", up)
	if len(r.Stalls) == 0 || r.Moved() > 0 || r.OK > 0 || len(r.Throughput()) != 3 {
		t.Errorf("bulk: %d ok, %d bytes moved in %v, stalls %v", r.OK, r.Moved(), r.Throughput(), r.Stalls)
	}
}

// A device on the way forgets connections after 2 s without a packet.
func TestIdleTimeout(t *testing.T) {
	t.Parallel()
	h := newHosts(t)
	h.nft(t, h.router, "forward", "ct state invalid drop", "ct state new tcp flags & (syn|ack) != syn drop")
	h.run(t, h.router, "sysctl -q net.netfilter.nf_conntrack_tcp_timeout_established=2 net.netfilter.nf_conntrack_tcp_loose=0")
	h.start(t, h.server, role{Serve: "10.8.2.2:9000"})
	for _, data := range []bool{false, true} {
		traffic := brief(Idle)
		traffic.Gaps, traffic.Data, traffic.Timeout = []int{1, 4}, data, 1
		r := h.send(t, "10.8.2.2:9000", traffic)
		if len(r.Rests) != 2 || r.Rests[0].Outcome != "alive" || r.Rests[1].Outcome == "alive" || r.Rests[1].While {
			t.Errorf("with data %v: %+v", data, r.Rests)
		}
		if !data && r.TCP.DataOut > 0 {
			t.Errorf("%d segments with data were sent", r.TCP.DataOut)
		}
	}
}

// Firewalls that refuse are told by their errno.
func TestRefusals(t *testing.T) {
	h := newHosts(t)
	h.start(t, h.server, role{Serve: "10.8.2.2:9000"})
	for rule, want := range map[string]string{
		"reject with tcp reset":                  "ECONNREFUSED",
		"reject with icmp type admin-prohibited": "EHOSTUNREACH",
		"drop":                                   "timeout",
		"meta l4proto tcp reject with icmp type net-unreachable": "ENETUNREACH",
	} {
		h.nft(t, h.router, "forward", "tcp dport 9000 "+rule)
		traffic := brief(Connect)
		traffic.Duration, traffic.Timeout = 0.3, 2 // a refusal comes at once
		r := h.send(t, "10.8.2.2:9000", traffic)
		if r.OK > 0 || len(r.Failures) != 1 || r.Failures[0].Error != want || r.Failures[0].Step != "connect" {
			t.Errorf("%s: %d ok, %+v, want %s", rule, r.OK, r.Failures, want)
		}
	}
}
