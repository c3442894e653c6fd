package main

import (
	"fmt"
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"whydrop/probes/lab"
)

func TestMain(m *testing.M) {
	lab.Main()
	guardMain()
	if len(os.Args) > 1 && os.Args[1] == "serve-facts" {
		main() // brought to another machine, it has no name of its own
		return
	}
	testscript.Main(m, map[string]func(){"whydrop": main})
}

// TestScripts calls whydrop as a user would, right and wrong.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata", Condition: func(cond string) (bool, error) {
		switch cond {
		case "lab":
			return lab.Supported() == nil, nil
		case "root":
			return os.Getuid() == 0, nil
		case "all": // what takes a minute
			return *labEvery, nil
		}
		return false, fmt.Errorf("unknown condition %q", cond)
	}})
}
