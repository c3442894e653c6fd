package load

import (
	"strings"
	"testing"
)

// One way to fail may be gone where another is left.
func TestCompareKindsOfFailure(t *testing.T) {
	result := func(failures ...Failure) *Result {
		r := newRecorder(&Target{}, Default(Connect)).r
		for _, f := range failures {
			r.Failures, r.Failed = append(r.Failures, f), r.Failed+f.Count
		}
		r.Attempts = r.Failed
		return r
	}
	ports, late := Failure{Step: "connect", Error: "EADDRNOTAVAIL", Count: 60}, Failure{Step: "wait", Error: "timeout", Count: 40}
	rest := late
	rest.Count = 100
	outcomes := map[string]string{}
	for _, l := range Compare(result(ports, late), result(rest)) {
		outcomes[l.What] = l.Outcome
	}
	for what, want := range map[string]string{"failed": NoDiff, "failed by EADDRNOTAVAIL (connect)": Better, "failed by timeout (wait)": Worse} {
		if outcomes[what] != want {
			t.Errorf("%s: %q, want %q", what, outcomes[what], want)
		}
	}
	for _, l := range Compare(result(late), result(rest)) {
		if strings.HasPrefix(l.What, "failed by") {
			t.Errorf("the only way to fail is told twice: %s", l.What)
		}
	}
}
