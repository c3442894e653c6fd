package checklist

import (
	"context"
	"testing"
	"time"

	"whydrop/content"
	"whydrop/probes"
	"whydrop/probes/fact"
)

// What the probes yield on this host is what the vocabulary says: every field
// of a table is described, and everything has the type that rules rely on.
func TestProbesSpeakTheVocabulary(t *testing.T) {
	book := newCase(t, "").Book
	f := probes.Default(probes.Knowledge{NICs: book}).Observe(context.Background(), 1100*time.Millisecond, nil)
	for _, s := range f.Probes {
		if s.Status == "failed" {
			t.Errorf("probe %s failed: %s", s.Name, s.Why)
		}
	}
	speaks(t, book.Facts, f)
}

// The same for what they yielded on every host of the lab.
func TestRecordedFactsSpeakTheVocabulary(t *testing.T) {
	vocabulary := newCase(t, "").Book.Facts
	for name, r := range recordings(t) {
		t.Run(name, func(t *testing.T) { speaks(t, vocabulary, r.Facts) })
	}
}

func speaks(t *testing.T, vocabulary *content.Vocabulary, f *fact.Facts) {
	t.Helper()
	for name, v := range f.Values {
		def := vocabulary.Fact(name)
		switch {
		case def == nil && v.Total == nil:
			t.Errorf("%s is not in the vocabulary", name)
		case def == nil: // a counter of this kernel that no rule speaks of
		case !fits(def.Type, v.Now):
			t.Errorf("%s is %T, the vocabulary says %s", name, v.Now, def.Type)
		case def.Type == content.Gauge && v.Total != nil:
			t.Errorf("%s has a total but is a gauge", name)
		}
	}
	for table, rows := range f.Tables {
		if vocabulary.TableOf(table) == nil {
			t.Errorf("table %s is not in the vocabulary", table)
			continue
		}
		for _, row := range rows {
			for field, v := range row {
				def := vocabulary.Field(table, field)
				switch {
				case def == nil:
					t.Errorf("%s.%s is not in the vocabulary", table, field)
				case !fits(def.Type, v):
					t.Errorf("%s.%s is %T, the vocabulary says %s", table, field, v, def.Type)
				}
			}
		}
	}
}

func fits(t content.Type, v any) bool {
	switch v.(type) {
	case float64:
		return t != content.String && t != content.Flag
	case string:
		return t == content.String
	case bool:
		return t == content.Flag
	}
	return false
}
