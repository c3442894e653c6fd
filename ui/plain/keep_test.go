package plain

import (
	"errors"
	"strings"
	"testing"

	"whydrop/checklist"
)

// What is said is there to be kept after its line; trouble with the keeping is
// told where one reads, once.
func TestWhatIsSaidIsKept(t *testing.T) {
	var answered []int
	said, _, err := talk(t, quietHost, strings.NewReader("1\nn since noon\nq\n"), func(o *Options) {
		o.Keep = func(c *checklist.Case) error {
			answered = append(answered, c.Answered())
			if len(answered) == 1 {
				return errors.New("the answers are NOT kept: the disk is full")
			}
			return nil
		}
	})
	if err != nil || len(answered) < 2 || answered[0] != 1 || answered[1] != 2 {
		t.Errorf("kept after each line: %v answers, %v", answered, err)
	}
	if strings.Count(said, "the answers are NOT kept: the disk is full.\n") != 1 {
		t.Errorf("said %s", said)
	}
}
