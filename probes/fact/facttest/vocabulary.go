// Package facttest holds what the probes' tests share.
package facttest

import (
	"os"
	"testing"

	"go.yaml.in/yaml/v4"

	"whydrop/probes/fact"
)

type vocabulary struct {
	Facts  []struct{ Name, Type string }
	Tables []struct {
		Name   string
		Fields []struct{ Name, Type string }
	}
}

// InVocabulary checks that every fact is documented in a file of the vocabulary,
// with the type that it has.
func InVocabulary(t testing.TB, file string, f *fact.Facts) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var v vocabulary
	if err := yaml.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	types := map[string]string{"window.seconds": "gauge"}
	for _, known := range v.Facts {
		types[known.Name] = known.Type
	}
	for _, table := range v.Tables {
		for _, field := range table.Fields {
			types[table.Name+"/"+field.Name] = field.Type
			if field.Type == "count" {
				types[table.Name+"/"+field.Name+"_total"] = "number"
			}
		}
	}
	check := func(name string, value any) {
		ok := false
		switch types[name] {
		case "gauge", "count", "number":
			_, ok = value.(float64)
		case "text":
			_, ok = value.(string)
		case "flag":
			_, ok = value.(bool)
		}
		if !ok {
			t.Errorf("%s = %v (%T) is not in the vocabulary, or of another type", name, value, value)
		}
	}
	for name, value := range f.Values {
		check(name, value.Now)
	}
	for table, rows := range f.Tables {
		for _, row := range rows {
			for field, value := range row {
				check(table+"/"+field, value)
			}
		}
	}
}
