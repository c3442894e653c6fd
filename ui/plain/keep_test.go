package plain

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"whydrop/checklist/casefile"
)

// What is said is there to be kept after its line; trouble with the keeping is
// told where one reads, once.
func TestWhatIsSaidIsKept(t *testing.T) {
	var answered []int
	said, _, err := talk(t, quietHost, strings.NewReader("1\nn since noon\nq\n"), func(o *Options) {
		o.Keep = func(s casefile.Snapshot) error {
			answered = append(answered, len(s.Case.Answers))
			if len(s.Case.Answers) == 1 {
				return errors.New("the answers are NOT kept: the disk is full")
			}
			return nil
		}
	})
	if err != nil || !slices.Equal(slices.Compact(answered), []int{0, 1, 2}) {
		t.Errorf("kept after each line: %v said, %v", answered, err)
	}
	if strings.Count(said, "the answers are NOT kept: the disk is full.\n") != 1 {
		t.Errorf("said %s", said)
	}
}

// Where the input ends while the host is measured for the first time, what was measured
// is kept all the same, and where one is.
func TestWhatIsMeasuredIsKept(t *testing.T) {
	var last casefile.Snapshot
	_, _, err := talk(t, quietHost, strings.NewReader(""), func(o *Options) {
		o.Resume = &casefile.Place{Screen: "Walk", Question: "Q3a"}
		o.Keep = func(s casefile.Snapshot) error { last = s; return nil }
	})
	if err != nil || last.Diagnosis == nil || last.Place.Question != "Q3a" {
		t.Errorf("kept is %+v, %v", last, err)
	}
}

// A case that is gone on with begins at the question where it was left, or with the
// diagnosis behind the last one.
func TestResume(t *testing.T) {
	for _, tt := range []struct {
		place    casefile.Place
		say, not string
	}{
		{casefile.Place{Screen: "Walk", Question: "Q3a", Mark: "half a ma"}, "Q3a, group", "Q1a, group"},
		{casefile.Place{Screen: "Causes"}, "Diagnosis.", "Q1a, group"},
		{casefile.Place{Screen: "Walk", Question: "Q99"}, "Q1a, group", "Q3a, group"},
	} {
		var left casefile.Place
		said, _, err := talk(t, quietHost, strings.NewReader("v\nquit\n"), func(o *Options) {
			o.Resume = &tt.place
			o.Keep = func(s casefile.Snapshot) error { left = s.Place; return nil }
		})
		if err != nil || !strings.Contains(said, tt.say) || strings.Contains(said, tt.not) {
			t.Errorf("%+v: %v, said %s", tt.place, err, said)
		}
		if tt.place.Mark != "" && !strings.Contains(said, tt.place.Mark) {
			t.Errorf("the mark %q is not told", tt.place.Mark)
		}
		if left.Screen != tt.place.Screen || tt.place.Question == "Q3a" && left.Question != "Q3a" {
			t.Errorf("%+v was left at %+v", tt.place, left)
		}
	}
}
