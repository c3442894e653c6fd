package checklist

import (
	"context"
	"testing"
	"time"

	"whydrop/content"
	"whydrop/probes"
)

// What the probes yield on this host is what the vocabulary says: every field
// of a table is described, and everything has the type that rules rely on.
func TestProbesSpeakTheVocabulary(t *testing.T) {
	book := newCase(t, "").Book
	f := probes.Default().Observe(context.Background(), 1100*time.Millisecond, nil)
	for _, s := range f.Probes {
		if s.Status == "failed" {
			t.Errorf("probe %s failed: %s", s.Name, s.Why)
		}
	}
	for name, v := range f.Values {
		def := book.Facts.Fact(name)
		if def == nil {
			if v.Total == nil {
				t.Errorf("%s is not in the vocabulary", name)
			}
			continue // a counter of this kernel that no rule speaks of
		}
		if !fits(def.Type, v.Now) {
			t.Errorf("%s is %T, the vocabulary says %s", name, v.Now, def.Type)
		}
		if def.Type == content.Gauge && v.Total != nil {
			t.Errorf("%s has a total but is a gauge", name)
		}
	}
	for table, rows := range f.Tables {
		if book.Facts.TableOf(table) == nil {
			t.Errorf("table %s is not in the vocabulary", table)
			continue
		}
		for _, row := range rows {
			for field, v := range row {
				def := book.Facts.Field(table, field)
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
