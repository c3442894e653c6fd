package content

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const goodFolklore = `folklore:
  - id: own-lore
    title: net.core.own = 1
    why_not: "{Tcp.RetransSegs} segments were sent again all the same"
    instead: Nothing.
    settings: [net.core.own]
    remedy_of: [app.own-cause]
    never: ["1"]
    words: [shutdown]
    undo:
      kind: sysctl
      setting: net.core.own
      when: Tcp.RetransSegs > 0
      value: "0"
      change: set it to 0
      verify: look
    sources: [a runbook]
`

// What is missing is told, and a remedy that sets folklore is refused.
func TestFolkloreIsRefused(t *testing.T) {
	remedy := func(fields string) string {
		return strings.Replace(goodCause, "kind: application, change: do, why: because", "change: do, why: because, "+fields, 1) + goodFolklore
	}
	broken := func(old, changed string) string { return goodCause + strings.Replace(goodFolklore, old, changed, 1) }
	for _, tt := range []struct {
		name, file, want string
	}{
		{"as it should be", goodCause + goodFolklore, ""},
		{"without a source", broken("    sources: [a runbook]\n", ""), "folklore own-lore: expected title, why_not, instead and sources"},
		{"about nothing", broken("    settings: [net.core.own]\n    remedy_of: [app.own-cause]\n    never: [\"1\"]\n    words: [shutdown]\n", ""), "expected settings or words"},
		{"unknown cause", broken("[app.own-cause]", "[app.other]"), `names the unknown cause "app.other"`},
		{"unknown fact", broken("Tcp.RetransSegs > 0", "Tcp.Retrans > 0"), "unknown fact Retrans"},
		{"undone always", broken("      when: Tcp.RetransSegs > 0\n", ""), "expected undo to say when a host has it"},
		{"a cause that may set it", remedy(`kind: sysctl, setting: net.core.own, value: "'0'", verify: look`), ""},
		{"a value that nobody sets", remedy(`kind: application, sets: [{knob: sysctl, of: net.core.own, to: "1"}]`), "it is never set to 1"},
		{"the same with slashes", remedy(`kind: application, sets: [{knob: sysctl, of: net/core/own, to: "1"}]`), "it is never set to 1"},
		{"a cause that may not", strings.Replace(remedy(`kind: application, runtime: "sysctl -w net.core.own=0"`), "remedy_of: [app.own-cause]", "remedy_of: [app.aborts]", 1), "no remedy of app.own-cause sets it"},
		{"to keep it", strings.Replace(remedy(`kind: application, persist: "echo 'net.core.own = 0' >> FILE"`), "remedy_of: [app.own-cause]", "remedy_of: [app.aborts]", 1), "no remedy of app.own-cause sets it"},
		{"embedded folklore", remedy(`kind: application, runtime: "sysctl -w 'net.ipv4.tcp_tw_recycle=1'"`), "sets net.ipv4.tcp_tw_recycle, which is folklore (tcp-tw-recycle)"},
		{"a command", remedy(`kind: application, runtime: "shutdown -h now"`), `runs "shutdown", which is folklore`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "own.yaml"), []byte(tt.file), 0o600); err != nil {
				t.Fatal(err)
			}
			book, err := Load(dir)
			switch {
			case tt.want == "" && err != nil:
				t.Fatal(err)
			case tt.want == "":
				if u := book.Folklore[len(book.Folklore)-1].Undo; u.Title != "Undo net.core.own = 1" || u.Why == nil || len(u.Sets) != 1 {
					t.Errorf("undone by %+v", u)
				}
			case err == nil:
				t.Fatalf("no error, want %s", tt.want)
			case !strings.Contains(err.Error(), tt.want):
				t.Errorf("error is\n%v\nwant\n%s", err, tt.want)
			}
		})
	}
}

func TestFolkloreSets(t *testing.T) {
	f := &Folklore{Settings: []string{"net.ipv4.conf.*.rp_filter", "txqueuelen"}}
	for setting, want := range map[string]bool{
		"net.ipv4.conf.all.rp_filter": true, "net/ipv4/conf/eth0.100/rp_filter": true, "net.ipv4.conf.eth0/100.rp_filter": true,
		"net.ipv4.conf.all.arp_filter": false, "net.ipv4.conf.rp_filter": false, "txqueuelen": true, "qdisc": false, "": false,
	} {
		if got := f.Sets(setting); got != want {
			t.Errorf("%q: %v, want %v", setting, got, want)
		}
	}
}
