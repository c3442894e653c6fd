package record

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"testing"
)

// unpacked is what zcat writes of a recording.
func unpacked(t testing.TB, data []byte) []byte {
	t.Helper()
	zip, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(zip)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func zipped(data []byte) []byte {
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	_, _ = zip.Write(data)
	_ = zip.Close()
	return out.Bytes()
}

// TestOtherWrappings: a recording is known by its lines, also where they are not
// compressed, or compressed anew in one piece; damage costs what it costs elsewhere.
func TestOtherWrappings(t *testing.T) {
	all := seconds(start, 2*perMember+7)
	whole := recorded(t, all)
	text := unpacked(t, whole)
	harm := bytes.Clone(text)
	harm[len(harm)/2] ^= 4 // in the second minute
	for _, tt := range []struct {
		name  string
		data  []byte
		least int // observations
		notes bool
	}{
		{"text", text, len(all), false},
		{"compressed anew", zipped(text), len(all), false},
		{"text with a flipped bit", harm, len(all) - perMember, true},
		{"text that was cut", text[:len(text)*9/10], perMember, true},
		{"compressed anew and cut", zipped(text)[:len(zipped(text))*9/10], perMember, true},
	} {
		r, err := read(tt.data)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if r.Len() < tt.least || (len(r.Notes) > 0) != tt.notes {
			t.Errorf("%s: %d observations of %d, notes %q", tt.name, r.Len(), len(all), r.Notes)
		}
		if !tt.notes {
			for i, f := range collect(t, r) {
				sameFacts(t, f, all[i])
			}
		}
	}
}

// TestDamagedBeginning: what begins as a recording and cannot be read is told as one,
// and never as a file of others.
func TestDamagedBeginning(t *testing.T) {
	whole := recorded(t, sequence(1, 5))
	for n := range 60 * 8 {
		data := bytes.Clone(whole)
		data[n/8] ^= 1 << (n % 8)
		if _, err := read(data); errors.Is(err, ErrForeign) {
			t.Errorf("bit %d of byte %d: %v", n%8, n/8, err)
		}
	}
}
