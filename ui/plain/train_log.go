package plain

import "whydrop/checklist/train"

// tellLog tells again what was said and measured.
func (t *seat) tellLog() {
	for _, e := range t.Events() {
		switch e.Kind {
		case train.Asked:
			t.pen.item("You: ", t.o.Book.Question(e.ID).Ask)
			t.tellAnswer(t.Told(e.ID))
		case train.Measured:
			t.pen.say("You measured " + e.ID + "; m " + e.ID + " measures again.")
		case train.Suspected:
			t.pen.say("You suspected: " + t.Cause(e.ID).Title)
		case train.Dropped:
			t.pen.say("You no longer suspected: " + t.Cause(e.ID).Title)
		case train.Noted:
			t.pen.item("Note: ", e.Text)
		case train.Hinted:
			t.pen.item("Hint: ", e.Text)
		}
	}
	t.tellRemarks(t.Heard())
}
