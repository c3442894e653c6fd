package train

import (
	"encoding/json"
	"strings"
	"testing"
)

// What is kept of a session does not tell whoever reads it where to look.
func TestLogTellsNothing(t *testing.T) {
	s := sessionOf(t, "checkout-three-seconds")
	s.Keep = func(e Event) error {
		data, err := json.Marshal(e)
		if e.Best != nil && (strings.Contains(string(data), e.Best.ID) && e.Best.ID != e.ID || strings.Contains(string(data), "bits")) {
			t.Errorf("%s", data)
		}
		return err
	}
	ask(t, s, "Q1a")
	measureAll(t, s, "links")
	if s.events[0].Best == nil || s.events[0].Bits == 0 {
		t.Errorf("a step is not valued: %+v", s.events[0])
	}
}

// The ideal way asks for what the answer is about, supposes nothing that hardly can be,
// and takes back what stands beside a cause that is found.
func TestIdealWayFits(t *testing.T) {
	path, _ := sceneOf(t, "soundings-in").ideal()
	for _, p := range path {
		if p.ID == "Q3b" && !strings.Contains(p.Why, "a size") {
			t.Errorf("a pattern by size is asked for, because: %s", p.Why)
		}
		if p.ID == "counters" && len(p.Suspect) == 0 {
			t.Errorf("what the counters name is not supposed: %+v", p)
		}
	}
	for i, p := range path {
		if len(p.Drop) > 0 && len(path[i].Suspect) == 0 {
			t.Errorf("step %d (%s) drops %s, and found nothing", i+1, p.ID, p.Drop[0].ID)
		}
	}
	path, _ = sceneOf(t, "someone-knocks").ideal()
	for i, p := range path[:len(path)-1] {
		if len(p.Suspect) > 0 {
			t.Errorf("step %d (%s) supposes %s, for which nothing speaks", i+1, p.ID, p.Suspect[0].ID)
		}
	}
}
