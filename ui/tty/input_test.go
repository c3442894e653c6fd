package tty

import (
	"os"
	"testing"
	"time"
)

// A paste whose end was lost must not swallow the key that leaves.
func TestInputEndsALostPaste(t *testing.T) {
	tests := []struct {
		name   string
		pieces []string
		pause  time.Duration // before the last piece
		want   string        // what the last piece is read as
	}{
		{"a key", []string{"\x03"}, 0, "\x03"},
		{"lost end, later ctrl+c", []string{"\x1b[200~ab", "\x03"}, 2 * silence, "\x1b[201~\x03"},
		{"lost end, later esc", []string{"\x1b[200~ab", "\x1b"}, 2 * silence, "\x1b[201~\x1b"},
		{"lost end, later a letter", []string{"\x1b[200~ab", "q"}, 2 * silence, "q"},
		{"within the paste", []string{"\x1b[200~ab", "\x03"}, 0, "\x03"},
		{"an end that came", []string{"\x1b[200~ab\x1b[201~", "\x03"}, 2 * silence, "\x03"},
		{"marks in two pieces", []string{"\x1b[20", "0~ab\x1b[2", "01~", "\x03"}, 2 * silence, "\x03"},
		{"begin in two pieces", []string{"\x1b[20", "0~ab", "\x03"}, 2 * silence, "\x1b[201~\x03"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			defer w.Close()
			in, got := NewInput(r), ""
			for i, piece := range tt.pieces {
				if i == len(tt.pieces)-1 {
					in.last = in.last.Add(-tt.pause)
				}
				if _, err := w.WriteString(piece); err != nil {
					t.Fatal(err)
				}
				p := make([]byte, 64)
				n, err := in.Read(p)
				if err != nil {
					t.Fatal(err)
				}
				got = string(p[:n])
			}
			if got != tt.want {
				t.Errorf("read %q, want %q", got, tt.want)
			}
		})
	}
}
