package content

import (
	"errors"
	"strings"
	"testing"
)

// TestDrill finds what the drill asks and a book does not have.
func TestDrill(t *testing.T) {
	book, err := Load("")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := book.Drill(); err != nil {
		t.Error(err)
	}
	_, err = (&Book{}).Drill()
	var problems Problems
	if !errors.As(err, &problems) {
		t.Fatalf("a book without anything: %v", err)
	}
	for _, want := range []string{"the journey has no step", `there is no cause "listen.accept-queue-full"`, "no line of the ledger counts TcpExt.RcvPruned", "expected folklore, a cause and how it is said", "expected CAUSE/REMEDY", "net.core.somaxconn: no remedy sets it", `expected one of step "I1" of the investigation`, `the brief has no item "L2"`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not told", want)
		}
	}
}
