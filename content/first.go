package content

import (
	"io/fs"
	"sort"

	"go.yaml.in/yaml/v4"
)

// FirstQuestion returns what the first question asks and its options, without
// anything else of the content: it is there in a millisecond or two, before all
// of it is loaded and checked. Nil if it cannot be read; Load says why.
func FirstQuestion() *Question {
	names, _ := fs.Glob(embedded, "questions/*.yaml")
	if len(names) == 0 {
		return nil
	}
	sort.Strings(names)
	data, err := embedded.ReadFile(names[0])
	if err != nil {
		return nil
	}
	var file struct {
		Groups []struct {
			Questions []struct {
				ID, Ask string
				Options []struct{ ID, Label string }
			}
		}
	}
	if yaml.Unmarshal(data, &file) != nil || len(file.Groups) == 0 || len(file.Groups[0].Questions) == 0 {
		return nil
	}
	first := file.Groups[0].Questions[0]
	q := &Question{ID: first.ID, Ask: first.Ask}
	for _, o := range first.Options {
		q.Options = append(q.Options, &Option{ID: o.ID, Label: o.Label})
	}
	return q
}
