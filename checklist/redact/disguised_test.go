package redact

import (
	"strings"
	"testing"

	"whydrop/probes/fact"
)

// TestDisguises: what is written so that no program takes it for a name still names
// something to people.
func TestDisguises(t *testing.T) {
	r := New(book(t), []byte("fixed"))
	r.Facts(&fact.Facts{Host: "db-initech-17.example.com"})
	for _, tt := range []struct{ in, secrets string }{
		{"203[.]0[.]113[.]77", "203 113 77"}, {"203(.)0(.)113(.)77:443", "203 113 77"}, {"203[dot]0[dot]113[dot]77", "203 113 77"},
		{"203(.)0", "203"}, {"203[.]0[.]113", "203 113"}, {"203. 0. 113. 77", "203 113 77"}, {"203 . 0 . 113 . 77", "203 113 77"}, {"203 dot 0 dot 113 dot 77", "203 113 77"},
		{"203.0.113.70-80", "203 113 -80"}, {"initech[.]com", "initech"},
		{"02:de:ad", "02 de ad"}, {"02-DE-AD", "02 de ad"}, {"02dead-c0ffee", "dead c0ffee"}, {"02dead:c0ffee", "dead c0ffee"}, {"02dead", "dead"},
		{"INC-4471", "4471"}, {"see JIRA-12", "-12"}, {"ticket 4471", "4471"}, {"Ticket #4471", "4471"}, {"case: 4471", "4471"},
		{"UID=1007", "1007"}, {"uid 1007", "1007"}, {"PID 4711", "4711"}, {"pid=4711,uid=1007", "4711 1007"},
		{"db-…-17", "db -17"}, {"db-...-17", "db- -17"}, {"db-*-17", "db- -17"}, {"db…17", "db… …17"},
		{"2001-db8-cafe-77--beef", "cafe -77 beef"}, {"2001-db8-…--77", "2001 -77"},
	} {
		got := strings.ToLower(r.Words(tt.in))
		for _, secret := range strings.Fields(tt.secrets) {
			if strings.Contains(got, secret) {
				t.Errorf("%q became %q: %q should be gone", tt.in, got, secret)
			}
		}
	}
	if one, other := r.Words("203[.]0[.]113[.]77"), r.Words("203.0.113.77"); one != other {
		t.Errorf("an address and its disguise became %q and %q", other, one)
	}
	for _, whole := range []string{"02-de-ad-c0-ff-ee", "02dead-c0ffee", "02dead:c0ffee"} {
		one, other := strings.ReplaceAll(r.Words(whole), "-", ":"), r.Words("02:de:ad:c0:ff:ee")
		if one != other {
			t.Errorf("a hardware address and %s became %q and %q", whole, other, one)
		}
	}
	if got := r.firewall(`tcp dport 25 drop comment "INC-4471"`); strings.Contains(got, "4471") || !strings.Contains(got, "dport 25 drop") {
		t.Errorf("a rule became %q", got)
	}
}

// TestWhatLooksDisguisedStays: times, ports, dates, amounts and standards.
func TestWhatLooksDisguisedStays(t *testing.T) {
	r := New(book(t), []byte("fixed"))
	for _, s := range []string{
		"at 14:03:05, 20:26:11 and 23:59:60 on 2026-11-21", "from 10...20 to 10-20 ms", "port-8080 and port 8080, HTTP-502", "RFC-9293 and CVE-2024-1234",
		"UID:0 and pid 0", "well...no", "5 of 1007 requests, 4471 packets", "1.5. 2. 3", "10, 20, 30, 40", "100000 or 123456 bytes", "10-20-30", "UTC-0100",
	} {
		if got := r.Words(s); got != s {
			t.Errorf("%q became %q", s, got)
		}
	}
}
