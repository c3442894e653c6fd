package filters

import (
	"fmt"
	"strings"
	"testing"
)

// Conditions and verdicts, to write rulesets by hand.
type condition func(*rule)

func made(conditions ...condition) rule {
	r := rule{counted: true}
	for _, c := range conditions {
		c(&r)
	}
	return r
}

func verdict(v string) condition { return func(r *rule) { r.verdict = v } }
func jump(to string) condition   { return func(r *rule) { r.verdict, r.chain = verdictJump, to } }
func limit(r *rule)              { r.match.limit = "limit rate 10/second" }
func tcp(r *rule)                { r.match.protocol("meta l4proto", 6, false) }
func udp(r *rule)                { r.match.protocol("meta l4proto", 17, false) }
func state(mask uint32) condition {
	return func(r *rule) { r.match.conntrack(mask, false) }
}
func dport(p int) condition {
	return func(r *rule) { r.match.port = p; r.match.add(fmt.Sprintf("tcp dport %d", p)) }
}
func iif(name string) condition {
	return func(r *rule) { r.match.iface = name; r.match.add("iifname " + name) }
}

var (
	accept = verdict(verdictAccept)
	drop   = verdict(verdictDrop)
)

func base(policy string, rules ...rule) *chain {
	return &chain{backend: "nftables", family: "inet", table: "t", name: "input", hook: "input", policy: policy, rules: rules}
}

func user(name string, rules ...rule) *chain {
	return &chain{backend: "nftables", family: "inet", table: "t", name: name, rules: rules}
}

// flags writes what is set on a rule, and what is known of it.
func flags(r Rule) string {
	var s []string
	for _, f := range []struct {
		name string
		on   bool
	}{
		{"tcp", r.TCP}, {"limit", r.Limit}, {"invalid", r.CTInvalid}, {"new", r.CTNew},
		{"established", r.Established}, {"catch-all", r.CatchAll}, {"random", r.Random},
	} {
		if f.on {
			s = append(s, f.name)
		}
	}
	if r.Port != 0 {
		s = append(s, fmt.Sprint(r.Port))
	}
	return strings.Join(s, " ")
}

func TestResolve(t *testing.T) {
	for _, c := range []struct {
		name   string
		chains []*chain
		want   []string // verdict: flags, of each rule in turn
	}{
		{"a drop before anything is accepted",
			[]*chain{base(verdictAccept, made(tcp, dport(8080), drop))},
			[]string{"drop: tcp established 8080"}},
		{"default deny behind an accept of established connections",
			[]*chain{base(verdictDrop, made(state(stateEstablished|stateRelated), accept), made(tcp, dport(22), accept))},
			[]string{"policy-drop: tcp catch-all"}},
		{"the accept is for loopback only",
			[]*chain{base(verdictDrop, made(iif("lo"), state(stateEstablished), accept))},
			[]string{"policy-drop: tcp established catch-all"}},
		{"the accept is for UDP only",
			[]*chain{base(verdictDrop, made(udp, state(stateEstablished), accept))},
			[]string{"policy-drop: tcp established catch-all"}},
		{"the accept is in a chain that everything goes through",
			[]*chain{base(verdictDrop, made(jump("before"))), user("before", made(state(stateEstablished), accept))},
			[]string{"policy-drop: tcp catch-all"}},
		{"the accept is in a chain that some go through",
			[]*chain{base(verdictDrop, made(iif("eth0"), jump("before"))), user("before", made(state(stateEstablished), accept))},
			[]string{"policy-drop: tcp established catch-all"}},
		{"invalid, new, UDP",
			[]*chain{base(verdictAccept, made(state(stateInvalid), drop), made(tcp, state(stateNew), drop), made(udp, drop))},
			[]string{"drop: tcp invalid", "drop: tcp new", "drop: established"}},
		{"a limit on the rule itself",
			[]*chain{base(verdictAccept, made(tcp, dport(80), limit, drop))},
			[]string{"drop: tcp limit established 80"}},
		{"accept within a limit, then drop the rest, and nothing else",
			[]*chain{base(verdictDrop, made(tcp, dport(80), limit, accept), made(tcp, dport(81), drop), made(tcp, dport(80), drop))},
			[]string{"drop: tcp established 81", "drop: tcp limit established 80", "policy-drop: tcp established catch-all"}},
		{"accept within a limit, then default deny",
			[]*chain{base(verdictDrop, made(tcp, dport(80), limit, accept))},
			[]string{"policy-drop: tcp limit established catch-all"}},
		{"a limit for something that is not TCP",
			[]*chain{base(verdictDrop, made(udp, limit, accept))},
			[]string{"policy-drop: tcp established catch-all"}},
		{"return within a limit, then drop, in a chain of its own",
			[]*chain{base(verdictAccept, made(tcp, dport(80), jump("flood"))), user("flood", made(limit, verdict(verdictReturn)), made(drop))},
			[]string{"drop: tcp limit established 80"}},
		{"a chain that no hook leads to", []*chain{base(verdictAccept), user("lost", made(drop))}, nil},
		{"a jump to nowhere", []*chain{base(verdictAccept, made(jump("gone")), made(drop))}, []string{"drop: tcp established catch-all"}},
		{"a circle", []*chain{base(verdictAccept, made(jump("a"))), user("a", made(jump("b"))), user("b", made(jump("a")), made(drop))},
			[]string{"drop: tcp established catch-all"}},
		{"a last rule that drops in a base chain", []*chain{base(verdictAccept, made(verdict(verdictReject)))},
			[]string{"reject: tcp established catch-all"}},
	} {
		p := resolve(c.chains)
		rules, packets := p.rules, p.packets
		var got []string
		for _, r := range rules {
			got = append(got, r.Verdict+": "+flags(r))
			if r.Hook != "input" {
				t.Errorf("%s: hook %q", c.name, r.Hook)
			}
		}
		if strings.Join(got, "\n") != strings.Join(c.want, "\n") || len(packets) != len(rules) {
			t.Errorf("%s:\n got %q\nwant %q", c.name, got, c.want)
		}
	}
}

func TestRuleText(t *testing.T) {
	r := made(tcp, dport(8080), limit, drop)
	if got, want := ruleText(base("", r), &r, nil), "tcp dport 8080 limit rate 10/second counter drop"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	long := made(iif(strings.Repeat("x", 500)), drop)
	if got := ruleText(base("", long), &long, nil); len(got) > maxText {
		t.Errorf("text of %d bytes", len(got))
	}
}

// BenchmarkResolve walks as many chains as a large Kubernetes node has.
func BenchmarkResolve(b *testing.B) {
	root := base(verdictAccept)
	chains := []*chain{root}
	for i := range 10_000 {
		name := fmt.Sprint("service", i)
		root.rules = append(root.rules, made(tcp, dport(i), jump(name)))
		chains = append(chains, user(name, made(iif("eth0"), drop), made(accept)))
	}
	for b.Loop() {
		resolve(chains)
	}
}

// A chain that two hooks lead to is walked once, and its rules belong to both.
func TestSeveralHooks(t *testing.T) {
	in, forward := base(verdictAccept, made(jump("svc"))), base(verdictAccept, made(dport(81), drop), made(jump("svc")))
	forward.name, forward.hook = "forward", "forward"
	p := resolve([]*chain{in, forward, user("svc", made(tcp, dport(80), drop), made(jump("deeper"))), user("deeper", made(verdict(verdictQueue)))})
	var got []string
	for _, r := range p.rules {
		got = append(got, r.Hook+" "+r.Verdict)
	}
	if want := "several drop, several queue, forward drop"; strings.Join(got, ", ") != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestXTBypass(t *testing.T) {
	for info, want := range map[string]bool{"": false, "\x05\x00": false, "\x05\x00\x01\x00": false, "\x05\x00\x01\x00\x00\x00": false, "\x05\x00\x01\x00\x01\x00\x00\x00": true} {
		if got := xtBypass([]byte(info)); got != want {
			t.Errorf("%x: %v", info, got)
		}
	}
}
