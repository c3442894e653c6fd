package redact

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"whydrop/checklist"
	"whydrop/probes/fact"
)

// TestAppliedIsRedacted hides the names in what was changed, and leaves those of the
// kernel.
func TestAppliedIsRedacted(t *testing.T) {
	at := time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)
	c := checklist.NewCase(book(t), at)
	c.Facts = fact.New(at, 15)
	cause := c.Book.Cause("listen.accept-queue-full")
	c.Apply(at, checklist.PlanStep{Cause: cause, Remedy: cause.Remedies[0]}, []checklist.SettingChange{
		{Name: "net.core.somaxconn", Was: "128", To: "4096"},
		{Name: "route 203.0.113.77 via 198.51.100.9", Was: "mtu 1500", To: "mtu 1400", Run: "ip route change 203.0.113.77"},
	}, c.Facts)
	c.Ended(at, checklist.Kept, "seen by 203.0.113.77")
	k, d := New(c.Book, nil).Case(c)
	var b bytes.Buffer
	if err := k.WriteReport(&b, d, at); err != nil {
		t.Fatal(err)
	}
	report := b.String()
	if strings.Contains(report, "203.0.113.77") || strings.Contains(report, "198.51.100.9") {
		t.Error("an address stands in a redacted report")
	}
	for _, want := range []string{"net.core.somaxconn 128 -", "mtu 1500 -"} {
		if !strings.Contains(report, want) {
			t.Errorf("the report does not tell %q", want)
		}
	}
	if len(c.Applied) != 1 || !strings.Contains(c.Applied[0].Note, "203.0.113.77") {
		t.Error("the case itself was changed")
	}
}
