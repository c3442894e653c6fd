package redact

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"whydrop/checklist"
	"whydrop/content"
	"whydrop/probes/fact"
	"whydrop/probes/record"
)

// canaries makes names that stand nowhere else, and remembers them.
type canaries struct {
	random    *rand.Rand
	names     []string // in lower case
	addresses []netip.Addr
}

// name is one that nobody knows.
func (c *canaries) name() string {
	b := []byte("zq")
	for range 7 {
		b = append(b, "bcdfghjkmnpqrtvwxz"[c.random.IntN(18)])
	}
	c.names = append(c.names, string(b))
	return string(b)
}

// address is one in one of the ways to spell it.
func (c *canaries) address() string {
	if c.random.IntN(2) == 0 {
		a := addr4(byte(80+c.random.IntN(5)), byte(100+c.random.IntN(100)), byte(100+c.random.IntN(100)), byte(100+c.random.IntN(100)))
		c.addresses = append(c.addresses, a)
		return []string{a.String(), "::ffff:" + a.String(), "::FFFF:" + a.String(), "64:ff9b::" + a.String()}[c.random.IntN(4)]
	}
	b := [16]byte{0x2a, 0x02}
	for i := 2; i < 16; i++ {
		b[i] = byte(c.random.Uint32())
		if i > 3 && i < 10 {
			b[i] = 0
		}
	}
	a := netip.AddrFrom16(b)
	c.addresses = append(c.addresses, a)
	return []string{a.String(), a.StringExpanded(), strings.ToUpper(a.String()), strings.ToUpper(a.StringExpanded())}[c.random.IntN(4)]
}

// port is an address with a port.
func (c *canaries) port() string {
	a := c.address()
	if strings.Contains(a, ":") {
		a = "[" + a + "]"
	}
	return a + ":8443"
}

// number is an IPv4 address as programs and inet_aton(3) write it otherwise, in whichever
// order of bytes, or the prefix of one.
func (c *canaries) number() string {
	a := addr4(byte(80+c.random.IntN(5)), byte(100+c.random.IntN(100)), byte(100+c.random.IntN(100)), byte(100+c.random.IntN(100)))
	c.addresses = append(c.addresses, a)
	b := a.As4()
	big, little := binary.BigEndian.Uint32(b[:]), binary.LittleEndian.Uint32(b[:])
	f := fmt.Sprintf
	return []string{
		f("0x%08x", big), f("0x%X", big), f("0x%08x", little), f("%08X", big), f("%08X:1F90", little), f("%d", big), f("%d", little),
		f("daddr=0x%08x&0xffffff00", big), f("%#x.%#x.%#x.%#x", b[0], b[1], b[2], b[3]), f("%04o.%04o.%04o.%04o", b[0], b[1], b[2], b[3]),
		f("%d.%d", b[0], big&0xffffff), f("%d.%d.%d.x", b[0], b[1], b[2]), f("%d.%d.%d.*", b[0], b[1], b[2]), a.String() + " of " + f("%d.%d.%d", b[0], b[1], b[2]),
		f("0000000000000000FFFF0000%08X:0050", little), f("%d-%d-%d-%d", b[0], b[1], b[2], b[3]), f("%d.%d.%d.%d.in-addr.arpa", b[3], b[2], b[1], b[0]),
	}[c.random.IntN(17)]
}

// telephone is a number of somebody's telephone, card or account.
func (c *canaries) telephone() string {
	n := func(digits int) string {
		s := ""
		for range digits {
			s += string(rune('1' + c.random.IntN(9)))
		}
		return s
	}
	a, b := n(4), n(4)
	c.names = append(c.names, a+" "+b, a+"-"+b, a+b)
	return []string{
		"+49 170 " + a + b, "0170/" + a + b, "0170 " + a + b, "+1 (555) " + a + "-" + b, "(089) " + a + b, "0049-89-" + a + "-" + b, "4111 " + a + " " + b + " 1111",
		"4111-" + a + "-" + b, a + b, "DE89 3704 " + a + " " + b + " 0130 00", "1234" + a + b, "tel:+49170" + a + b, "(555) 1" + a + b,
	}[c.random.IntN(13)]
}

// hardware is a hardware address in one of the ways to spell it.
func (c *canaries) hardware() string {
	b := make([]string, 6)
	for i := range b {
		b[i] = hexByte(byte(0x80 + c.random.IntN(100)))
	}
	b[0] = "0a"
	joined := strings.Join(b, "")
	c.names = append(c.names, strings.Join(b[1:], ":"), strings.Join(b[1:], "-"), strings.Join(b[1:], " "), joined[4:8]+"."+joined[8:], joined[2:])
	return []string{strings.Join(b, ":"), strings.ToUpper(strings.Join(b, "-")), joined[:4] + "." + joined[4:8] + "." + joined[8:], "MAC=" + strings.Join(b, ":") + ":" + strings.Join(b, ":") + ":08:00", "ll header: 00000000: " + strings.Join(b, " ") + " " + strings.Join(b, " ") + " 08 00"}[c.random.IntN(5)]
}

// id is one of a cloud's resource or of a container.
func (c *canaries) id() string {
	digits := "f" + hex.EncodeToString([]byte{byte(c.random.Uint32()), byte(c.random.Uint32()), byte(c.random.Uint32()), byte(c.random.Uint32()), 0xab, 0xcd, 0xef, 0x9a})
	c.names = append(c.names, digits[1:9])
	return []string{"i-", "eni-", "vpc-", "subnet-", "docker-"}[c.random.IntN(5)] + digits
}

// sentence is one of somebody else's with every kind of name in it.
func (c *canaries) sentence() string {
	n := c.name
	return strings.Join([]string{
		"nf_conntrack:", n(), "on", c.address() + ",", c.port(), c.hardware(), strings.ToUpper(n()), "pod", n() + "-" + n() + "-7f9c",
		"https://" + n() + ".com/" + n() + "?" + n() + "=" + n(), n() + "." + n() + "@" + n() + ".io", c.id(), "/home/" + n() + "/" + n() + ".log",
		`comm="` + n() + `"`, n() + "[17]:", "\"" + n() + " " + n() + "\"", "fe80::1%" + n(), c.number(), c.telephone(), c.number(), "token=" + n() + ";", "set @" + n(), "~/" + n(), "arn:aws:iam::912345678901:role/" + n(), n() + "'s", n(),
	}, " ")
}

// text is a text of a field that holds such.
func (c *canaries) text(d *content.FactDef, kind string) string {
	n := c.name
	pick := func(all ...string) string { return all[c.random.IntN(len(all))] }
	switch d.Holds {
	case "sentence":
		return pick(c.address(), c.port(), c.port()+" > "+c.port(), c.address()+" on "+pick("eth0", "lo"), "blackhole "+c.address()+" table 254")
	case "interface":
		return pick("br-"+n(), "wg-"+n(), n(), n()+".100", "veth"+n(), n()+" fq_codel 8001:")
	case "process":
		return pick(n(), n()+"-"+n(), "postgres: "+n()+" "+n(), strings.ToUpper(n()), n()+" (net:[4026531840])", n()+" "+n())
	case "host":
		return pick(n()+"."+n()+".com:5432", strings.ToUpper(n()), c.port(), n())
	case "path":
		return pick("/home/"+n()+"/"+n(), "/kubepods.slice/kubepods-pod"+n()+".slice/cri-containerd-"+c.id()+".scope", "/system.slice/"+n()+"@"+n()+".service", "/etc/sysctl.d/90-"+n()+".conf, /opt/"+n()+"/"+n()+".conf")
	case "firewall":
		return pick("inet "+n()+" "+n()+" handle 3", "ip saddr @"+n()+" iifname \""+n()+"\" ip daddr "+c.address()+" log prefix \""+n()+" "+n()+"\" counter drop comment \""+n()+"\"", "-A "+n()+" -s "+c.address()+" -j "+n(), "jump "+n())
	case "name":
		return n() + " id 7"
	case "change":
		return c.change(d.Name, kind)
	case "text", "":
		return c.sentence()
	}
	return "word"
}

func (c *canaries) change(field, kind string) string {
	switch {
	case field == "source":
		return "/var/log/" + c.name() + "/" + c.name() + ".log"
	case kind == "kernel":
		return "6.1.0-" + c.name() + "-amd64"
	case kind == "package" && field == "what":
		return "upgraded: " + c.name() + ", " + c.name() + "-libs"
	case kind == "package" && field != "name":
		return "1.2.3"
	case kind == "service" && field == "name":
		return c.name() + ".service"
	case kind == "sysctl" && field == "name":
		return "net.ipv4.conf." + c.name() + ".rp_filter"
	case field == "name":
		return c.name()
	}
	return c.sentence()
}

// host is a host of which every text names somebody.
func (c *canaries) host(v *content.Vocabulary, at time.Time) *fact.Facts {
	f := fact.New(at, 15)
	f.Host = c.name() + "." + c.name() + ".com"
	f.Kernel = "6.1.0-" + c.name()
	value := func(d *content.FactDef, kind string) any {
		switch d.Type {
		case content.String:
			return c.text(d, kind)
		case content.Flag:
			return true
		}
		return 7.0
	}
	for _, d := range v.Facts() {
		f.Values[d.Name] = fact.Value{Now: value(d, "")}
	}
	f.Text("host.kernel", f.Kernel)
	f.Text("a.fact.of.tomorrow", c.sentence())
	kinds := []string{"package", "service", "sysctl", "kernel", "module", "link"}
	for _, t := range v.Tables() {
		for i := range len(kinds) {
			row := fact.Row{}
			for _, d := range t.Fields {
				row[d.Name] = value(d, kinds[i])
			}
			if t.Name == "change" {
				row["kind"] = kinds[i]
			}
			row["of_tomorrow"] = c.sentence()
			f.Add(t.Name, row)
		}
	}
	f.CannotSee("links", "the driver of "+f.Tables["link"][0]["name"].(string)+" does not answer", "")
	return f
}

// in lists what of the canaries stands in a text, however it is written.
func (c *canaries) in(text string) []string {
	var found []string
	lower := strings.ToLower(text)
	looked := func(what string) {
		if at := strings.Index(lower, strings.ToLower(what)); at >= 0 {
			found = append(found, what+" in "+lower[max(0, at-60):min(len(lower), at+60)])
		}
	}
	named := map[string]bool{}
	for _, like := range regexp.MustCompile(`zq[a-z]{7}`).FindAllString(lower, -1) {
		named[like] = true
	}
	for _, n := range c.names {
		if !strings.HasPrefix(n, "zq") || named[n] {
			looked(n)
		}
	}
	in := map[netip.Addr]bool{}
	for _, a := range addressesIn(text) {
		in[a.Unmap()] = true
	}
	for _, a := range c.addresses {
		if in[a] {
			found = append(found, a.String())
		}
		b := a.AsSlice()
		looked(a.String())
		looked(a.StringExpanded())
		looked(hex.EncodeToString(b))
		if encoded := base64.StdEncoding.EncodeToString(b); strings.Contains(text, encoded) || strings.Contains(text, base64.StdEncoding.EncodeToString([]byte(a.String()))) {
			found = append(found, a.String()+" in base 64")
		}
		if a.Is4() {
			looked(strings.ReplaceAll(a.String(), ".", "-"))
			looked(hex.EncodeToString([]byte{b[3], b[2], b[1], b[0]}))
			looked(strconv.FormatUint(uint64(binary.BigEndian.Uint32(b)), 10))
			looked(strconv.FormatUint(uint64(binary.LittleEndian.Uint32(b)), 10))
			looked(fmt.Sprintf("%#x.%#x.%#x.%#x", b[0], b[1], b[2], b[3]))
			looked(fmt.Sprintf("%04o.%04o", b[0], b[1]))
			looked(fmt.Sprintf("%d.%d.%d.x", b[0], b[1], b[2]))
			looked(fmt.Sprintf("%d.%d.%d.*", b[0], b[1], b[2]))
			looked(fmt.Sprintf("%d.%d.%d.%d.in-addr", b[3], b[2], b[1], b[0]))
		}
	}
	return found
}

// TestNoCanaryIsLeft: of a host of which every text names somebody, nothing is found
// in a redacted recording, and in no report of it.
func TestNoCanaryIsLeft(t *testing.T) {
	b := book(t)
	c := &canaries{random: rand.New(rand.NewPCG(7, 7))}
	r := New(b, []byte("fixed"))
	var hosts []*fact.Facts
	var file bytes.Buffer
	var w *record.Writer
	at := time.Unix(1700000000, 0).UTC()
	for i := range 2 {
		hosts = append(hosts, c.host(b.Facts, at.Add(time.Duration(i)*time.Second)))
		f := r.Facts(hosts[i])
		if w == nil {
			w = record.NewWriter(&file, record.Header{Host: f.Host, Kernel: f.Kernel, Start: f.Start, Redacted: true})
		}
		if err := w.Add(f); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if len(c.names) < 1000 || len(c.addresses) < 200 {
		t.Fatalf("%d names and %d addresses: what is tested?", len(c.names), len(c.addresses))
	}
	for name, text := range map[string]string{"recording": unzipped(t, file.Bytes()), "report": reports(t, r, b, c, hosts[0])} {
		found := c.in(text)
		for _, f := range found[:min(len(found), 25)] {
			t.Errorf("%s: %s", name, f)
		}
		if len(found) > 0 {
			t.Errorf("%s: %d of %d names are still there", name, len(found), len(c.names)+len(c.addresses))
		}
	}
	if plain := fmt.Sprint(hosts[0]); len(c.in(plain)) < 300 {
		t.Error("the search does not find names that are there")
	}
}

func unzipped(t *testing.T, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "r.whydrop")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if rec, err := record.Open(path); err != nil || rec.Len() == 0 || !rec.Header.Redacted {
		t.Fatalf("%v, %v", rec, err)
	}
	zip, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(zip)
	if err != nil {
		t.Fatal(err)
	}
	return string(all)
}

// reports is all that can be written about a case.
func reports(t *testing.T, r *Redactor, b *content.Book, c *canaries, f *fact.Facts) string {
	t.Helper()
	k := checklist.NewCase(b, f.Start)
	k.Facts = f
	for _, q := range b.Questions() {
		if err := k.Answer(q.ID, checklist.Answer{Options: []string{content.DontKnow}, Note: c.sentence()}); err != nil {
			t.Fatal(err)
		}
	}
	k.Track.Mark(f.Start, c.sentence())
	k.Track.Add(f.Start.Add(time.Second), f, k.Diagnose())
	cause := b.Cause("listen.accept-queue-full")
	k.Apply(f.Start, checklist.PlanStep{Cause: cause, Remedy: cause.Remedies[0]}, []checklist.SettingChange{
		{Name: "route " + c.address() + " dev " + c.name(), Was: "via " + c.address(), To: c.name(), Left: c.sentence(), Run: "ip route change " + c.address()},
	}, f)
	k.Ended(f.Start, checklist.Kept, c.sentence())
	shown, d := r.Case(k)
	if d.Verdict != checklist.Fault {
		t.Errorf("the verdict is %s: what is reported?", d.Verdict)
	}
	var all strings.Builder
	all.WriteString(everything(t, shown, d))
	for _, format := range checklist.ReportFormats {
		if err := shown.Report(d, f.Start).Write(&all, format); err != nil {
			t.Fatal(err)
		}
	}
	return all.String()
}
