package content

import "testing"

// TestSpeech has the speech name nothing that the content does not have, and every
// question and measurement in it, so that each can be found as people ask for it.
func TestSpeech(t *testing.T) {
	book, err := LoadTraining("")
	if err != nil {
		t.Fatal(err)
	}
	s, err := book.Speech()
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{}
	for _, u := range s.Utterances {
		for _, line := range u.Lines {
			named[line] = true
		}
	}
	for _, c := range s.Commands {
		named["probe:"+c.Probe] = true
	}
	for _, g := range book.Groups {
		for _, q := range g.Questions {
			if !named["question:"+q.ID] {
				t.Errorf("nobody asks %s", q.ID)
			}
		}
	}
	for _, i := range book.Instruments {
		if !named["probe:"+i.Probe] {
			t.Errorf("nobody measures %s", i.Probe)
		}
	}
}
