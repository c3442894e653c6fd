package fact

import (
	"encoding/json"
	"math"
	"testing"
	"time"
)

func TestGrowth(t *testing.T) {
	tests := []struct {
		name          string
		before, after uint64
		bits          int
		growth        uint64
		restarted     bool
	}{
		{"grows", 10, 14, 64, 4, false},
		{"still", 10, 10, 64, 0, false},
		{"restarted", 1000, 7, 64, 7, true},
		{"wraps at 32 bits", math.MaxUint32 - 2, 5, 32, 8, false},
		{"falls far below the limit: restarted", 5000, 100, 32, 100, true},
		{"64 bits do not wrap", math.MaxUint32 - 2, 5, 64, 5, true},
	}
	for _, tt := range tests {
		if g, r := Growth(tt.before, tt.after, tt.bits); g != tt.growth || r != tt.restarted {
			t.Errorf("%s: %d, restarted %v", tt.name, g, r)
		}
	}
}

func TestFactsSurviveJSON(t *testing.T) {
	f := New(time.Unix(1700000000, 0).UTC(), 5)
	f.Count("Tcp.RetransSegs", 12, 3000)
	f.Gauge("cpu.busy", math.NaN())
	f.Text("host.kernel", "6.18")
	f.Flag("host.container", true)
	f.Add("listener", Row{"name": "0.0.0.0:80", "queue": 5.0})
	f.Table("rule")
	f.CannotSee("filters", "firewall rules", "CAP_NET_ADMIN")
	f.CannotSee("filters", "firewall rules", "CAP_NET_ADMIN")
	data, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	var back Facts
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	if n, ok := back.Num("Tcp.RetransSegs"); !ok || n != 12 || *back.Values["Tcp.RetransSegs"].Total != 3000 {
		t.Errorf("counter came back as %+v", back.Values["Tcp.RetransSegs"])
	}
	if _, ok := back.Values["cpu.busy"]; ok {
		t.Error("a value that is not a number became a fact")
	}
	if q := back.Tables["listener"][0]["queue"]; q != 5.0 {
		t.Errorf("queue came back as %v", q)
	}
	if _, ok := back.Tables["rule"]; !ok {
		t.Error("an empty table became an unknown one")
	}
	if len(back.Blind) != 1 {
		t.Errorf("blind spots: %v", back.Blind)
	}
}
