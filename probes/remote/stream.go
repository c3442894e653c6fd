package remote

import (
	"bufio"
	"compress/flate"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"whydrop/probes/fact"
	"whydrop/probes/record"
)

const (
	// maxLine bounds a line of the stream, maxSince all since a key frame, both in
	// bytes before compression: what the near side has to hold.
	maxLine  = 8 << 20
	maxSince = 24 << 20
	// perKey is after how many observations the far side sends a key frame.
	perKey = 60
	// pace is how far apart observations are taken at least: what comes faster waits
	// on the far side.
	pace = 20 * time.Millisecond
)

// errHostile marks a far side that does not keep to the bounds.
var errHostile = errors.New("what the host sends is not what a whydrop sends")

// next reads the next line of the stream: its kind and what follows.
func (s *session) next(most int) (kind byte, text []byte, err error) {
	var line []byte
	for {
		part, err := s.lines.ReadSlice('\n')
		line = append(line, part...)
		var corrupt flate.CorruptInputError
		switch {
		case errors.As(err, &corrupt):
			return 0, nil, &Lasting{errHostile}
		case len(line) > most:
			return 0, nil, &Lasting{fmt.Errorf("%w: a line is longer than %d bytes", errHostile, most)}
		case err == bufio.ErrBufferFull:
			continue
		case err != nil:
			return 0, nil, err
		case len(line) < 2:
			return 0, nil, &Lasting{errHostile}
		}
		return line[0], line[1 : len(line)-1], nil
	}
}

// follow asks for observations and calls each with them until the far side ends;
// nil if it ended as it should.
func (s *session) follow(r Request, each func(*fact.Facts)) error {
	text, err := json.Marshal(r)
	if err != nil {
		return &Lasting{err}
	}
	if _, err := s.in.Write(append(text, '\n')); err != nil {
		return err
	}
	var d record.Decoder
	since := 0
	for {
		kind, text, err := s.next(maxLine)
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		case kind == 'e':
			var why string
			_ = json.Unmarshal(text, &why) // nothing is told then
			return &Lasting{fmt.Errorf("the whydrop there says: %s", show(why))}
		case kind != 'o':
			continue // of a newer one
		}
		if strings.HasPrefix(string(text[:min(len(text), 12)]), `{"key":true`) {
			since = 0
		}
		if since += len(text); since > maxSince {
			return &Lasting{fmt.Errorf("%w: more than %d MiB without a key frame", errHostile, maxSince>>20)}
		}
		f, err := d.Decode(text)
		if err == nil {
			err = sound(f)
		}
		if err != nil {
			return &Lasting{fmt.Errorf("%w: %s", errHostile, show(err.Error()))}
		}
		each(harmless(f))
		time.Sleep(pace)
	}
}

// sound says what cannot be in an observation of a host.
func sound(f *fact.Facts) error {
	switch year := f.Start.Year(); {
	case year < 1970 || year > 3000:
		return fmt.Errorf("an observation of the year %d", year)
	case math.IsNaN(f.Seconds) || f.Seconds < 0 || f.Seconds > 7*24*3600:
		return fmt.Errorf("an observation of %v seconds", f.Seconds)
	case math.IsNaN(f.Every) || f.Every < 0 || f.Every > 24*3600:
		return fmt.Errorf("an observation every %v seconds", f.Every)
	}
	return nil
}

// longestText bounds a text of a fact in bytes.
const longestText = 16 << 10

// harmless returns the facts with text that is fit for a terminal. What is so already
// is shared.
func harmless(f *fact.Facts) *fact.Facts {
	f.Host, f.Kernel = fact.Clean(f.Host, 255), fact.Clean(f.Kernel, 255)
	for name, v := range f.Values {
		text, is := v.Now.(string)
		if is && !fit(text) || !fit(name) {
			delete(f.Values, name)
		}
		if is && !fit(text) && fit(name) {
			v.Now = cleaned(text)
			f.Values[name] = v
		}
	}
	for name, rows := range f.Tables {
		if !fit(name) {
			delete(f.Tables, name)
			continue
		}
		for i, row := range rows {
			rows[i] = harmlessRow(row)
		}
	}
	for i, p := range f.Probes {
		f.Probes[i].Name, f.Probes[i].Status = cleaned(p.Name), cleaned(p.Status)
		f.Probes[i].Why, f.Probes[i].Adapted = cleaned(p.Why), cleaned(p.Adapted)
	}
	for i, b := range f.Blind {
		f.Blind[i] = fact.Blind{Probe: cleaned(b.Probe), What: cleaned(b.What), Needs: cleaned(b.Needs)}
	}
	return f
}

// harmlessRow is harmless for a row.
func harmlessRow(row fact.Row) fact.Row {
	clean := row
	for field, v := range row {
		text, is := v.(string)
		if fit(field) && (!is || fit(text)) {
			continue
		}
		if len(clean) == len(row) {
			clean = fact.Row{}
			for field, v := range row {
				if text, is := v.(string); is {
					v = cleaned(text)
				}
				clean[cleaned(field)] = v
			}
		}
		break
	}
	return clean
}

func fit(s string) bool {
	if len(s) > longestText || !utf8.ValidString(s) {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\n' && c != '\t' || c == 0x7f || c >= 0x80 {
			return !strings.ContainsFunc(s, unfit)
		}
	}
	return true
}

// unfit says whether a character can steer a terminal. Lines and tabs stand in what
// logs and rules say.
func unfit(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }

func cleaned(s string) string {
	if fit(s) {
		return s
	}
	s = strings.ToValidUTF8(s[:min(len(s), longestText)], "?")
	return strings.Map(func(r rune) rune {
		if unfit(r) {
			return '?'
		}
		return r
	}, s)
}
