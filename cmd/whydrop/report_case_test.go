package main

import (
	"strings"
	"testing"
)

func TestWhatDoesNotGoWithACaseIsRefused(t *testing.T) {
	for flag, o := range map[string]reportOptions{
		"--at":      {host: hostFlags{at: "14:03:05"}},
		"--replay":  {host: hostFlags{replay: []string{"x"}}},
		"--host":    {host: hostFlags{remote: remoteFlags{host: "db1"}}},
		"--answers": {answers: "x"},
	} {
		o.out, o.duration = "-", walkWindow
		if err := o.check([]string{"incident.case"}); err == nil || !strings.Contains(err.Error(), flag) {
			t.Errorf("%s with a case: %v", flag, err)
		}
		if o = (reportOptions{out: "-", duration: walkWindow}); o.check([]string{"incident.case"}) != nil {
			t.Error("a case alone is refused")
		}
	}
}
