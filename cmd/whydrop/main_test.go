package main

import (
	"fmt"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"whydrop/probes/lab"
)

func TestMain(m *testing.M) {
	lab.Main()
	testscript.Main(m, map[string]func(){"whydrop": main})
}

// TestScripts calls whydrop as a user would, right and wrong.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata", Condition: func(cond string) (bool, error) {
		if cond != "lab" {
			return false, fmt.Errorf("unknown condition %q", cond)
		}
		return lab.Supported() == nil, nil
	}})
}
