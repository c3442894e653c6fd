package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"whydrop/checklist"
	"whydrop/content"
)

const (
	// answersLimit is how long a file of answers may be, in bytes: several times
	// what twenty long notes take.
	answersLimit = 256 << 10
	// longestNote is how many characters a note in it may have: four times what can
	// be typed.
	longestNote = 4000
	// mostMistakes is how many mistakes of one file are told.
	mostMistakes = 5
)

// readAnswers reads a file of answers, "-" for standard input, into the case. It
// is an error if it holds none. It ends with ctx, also while nobody writes to the
// pipe that is read.
func readAnswers(ctx context.Context, c *checklist.Case, name string, stdin io.Reader) error {
	type result struct {
		data []byte
		err  error
	}
	read := make(chan result, 1)
	go func() {
		data, err := readAtMost(name, stdin, answersLimit)
		read <- result{data, err}
	}()
	var r result
	select {
	case r = <-read:
	case <-ctx.Done():
		return fmt.Errorf("answers: interrupted while reading %s", content.Show(name))
	}
	if r.err != nil {
		return fmt.Errorf("answers: %w", r.err)
	}
	return takeAnswers(c, name, r.data)
}

// takeAnswers puts the answers of a file into the case, or says what is wrong with
// it and what it should look like.
func takeAnswers(c *checklist.Case, name string, data []byte) error {
	err := noAnswers(content.Show(name), data)
	if err == nil {
		err = c.ReadAnswers(content.Show(name), data)
	}
	for _, q := range slices.Sorted(maps.Keys(c.Answers)) {
		if n := utf8.RuneCountInString(c.Answers[q].Note); err == nil && n > longestNote {
			err = fmt.Errorf("%s: the note of %s has %d characters: expected at most %d", content.Show(name), q, n, longestNote)
		}
	}
	if err != nil {
		return fmt.Errorf("%w\nan answers file has lines such as %s", firstMistakes(err), answerLine(c.Book))
	}
	return nil
}

// noAnswers says of a file that cannot hold answers at all what it is instead.
func noAnswers(name string, data []byte) error {
	var root yaml.Node
	switch err := yaml.Unmarshal(data, &root); {
	case bytes.IndexByte(data, 0) >= 0 && !bytes.HasPrefix(data, []byte("\xff\xfe")) && !bytes.HasPrefix(data, []byte("\xfe\xff")): // UTF-16 has zeros
		return fmt.Errorf("%s is no text", name)
	case err != nil:
		return nil // told with its line by who reads the answers
	case len(root.Content) == 0:
		return fmt.Errorf("%s holds no answers", name)
	case root.Content[0].Kind != yaml.MappingNode:
		return fmt.Errorf("%s:%d: expected questions with their answers", name, root.Content[0].Line)
	}
	return clearKeys(name, &root)
}

// mostKeys is how many keys one mapping of a file may have.
const mostKeys = 1000

// clearKeys says which key stands twice in a mapping, or that there are too many.
// The YAML library compares each key with each other, and has an error for each
// pair: of a small file those fill the memory of the host.
func clearKeys(name string, n *yaml.Node) error {
	if n.Kind == yaml.MappingNode {
		if len(n.Content)/2 > mostKeys {
			return fmt.Errorf("%s:%d: %d keys: expected at most %d", name, n.Line, len(n.Content)/2, mostKeys)
		}
		first := map[string]int{}
		for i := 0; i < len(n.Content); i += 2 {
			key := n.Content[i]
			if line, twice := first[key.Value]; twice {
				return fmt.Errorf("%s:%d: %q stands in line %d already", name, key.Line, key.Value, line)
			}
			first[key.Value] = key.Line
		}
	}
	for _, each := range n.Content {
		if err := clearKeys(name, each); err != nil {
			return err
		}
	}
	return nil
}

// answerLine is an example of a line.
func answerLine(book *content.Book) string {
	q := book.Questions()[0]
	return fmt.Sprintf("'%s: %s' or '%s: {options: [%s], note: since noon}'", q.ID, q.Options[0].ID, q.ID, q.Options[0].ID)
}

// firstMistakes is an error with only the first few of its different lines: a file
// that is no answers at all has as many mistakes as lines.
func firstMistakes(err error) error {
	var lines []string
	more := 0
	told := map[string]bool{}
	for line := range strings.Lines(err.Error()) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case told[line]:
		case len(lines) < mostMistakes:
			lines = append(lines, line)
			told[line] = true
		default:
			more++
		}
	}
	if more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", more))
	}
	return errors.New(strings.Join(lines, "\n"))
}

// readAtMost reads a file, or standard input, that is not longer than limit bytes.
func readAtMost(name string, stdin io.Reader, limit int64) ([]byte, error) {
	in := stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("%s is larger than %d bytes", content.Show(name), limit)
	}
	return data, err
}
