package content

import "testing"

func TestFirstQuestionIsTheFirstOfAll(t *testing.T) {
	book, err := Load("")
	if err != nil {
		t.Fatal(err)
	}
	first, want := FirstQuestion(), book.Questions()[0]
	if first == nil || first.ID != want.ID || first.Ask != want.Ask || len(first.Options) != len(want.Options) {
		t.Errorf("got %+v, want %s: %s", first, want.ID, want.Ask)
	}
}

func BenchmarkFirstQuestion(b *testing.B) {
	for b.Loop() {
		FirstQuestion()
	}
}
