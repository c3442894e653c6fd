package checklist

import (
	"fmt"
	"os"
	"testing"

	"whydrop/content"
)

// TestMain checks the content first: a rule with a mistake in it counts neither way,
// and what is judged here would look as if it were right.
func TestMain(m *testing.M) {
	if err := content.Check(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}
