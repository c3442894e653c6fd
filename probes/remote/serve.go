package remote

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/flate"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
	"time"

	"whydrop/probes/fact"
	"whydrop/probes/record"
)

// Far is the far side: what whydrop does on the host that is observed.
type Far struct {
	In    io.Reader // from the near side
	Out   io.Writer // to it
	Hello Hello
	// Run observes as it is asked to until ctx ends, and calls each with what it sees.
	Run func(ctx context.Context, r Request, each func(*fact.Facts)) error
	// Linger says to wait for another connection after one that broke.
	Linger bool

	silence, linger time.Duration // of tests; 0 for the usual
}

// Sum returns the SHA-256 of the program that runs, in hexadecimal digits.
func Sum() (string, error) {
	f, err := os.Open("/proc/self/exe")
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	_, err = io.Copy(h, f)
	return hex.EncodeToString(h.Sum(nil)), err
}

// Replace ends the far side that lingers with the same program: this one takes its
// place. A process that is something else by now is left alone.
func Replace(pid int) {
	own, err := os.Stat("/proc/self/exe")
	if err != nil || pid < 2 {
		return
	}
	other, err := os.Stat(fmt.Sprintf("/proc/%d/exe", pid))
	if err == nil && os.SameFile(own, other) {
		_ = syscall.Kill(pid, syscall.SIGTERM) // it may have ended
	}
}

// both is how long sshd may take to close both directions when a connection breaks.
const both = 200 * time.Millisecond

// Serve speaks with the near side until that ends, or is not heard any more. Where
// writing stands still, what Run does may go on: the process is expected to end then.
func (f Far) Serve(whole context.Context) error {
	ctx, stop := context.WithCancelCause(whole)
	defer stop(nil)
	if _, err := io.WriteString(f.Out, "\n"+begun+"\n"); err != nil {
		return err
	}
	zip, _ := flate.NewWriter(f.Out, flate.DefaultCompression) // the level is valid
	out := &farWriter{zip: zip}
	if err := out.hello(f.Hello); err != nil {
		return err
	}
	requests := make(chan Request, 1)
	go func() { stop(f.listen(ctx, stop, requests)) }()
	ran := make(chan error, 1)
	select {
	case <-ctx.Done():
		ran <- nil // nothing was asked for
	case r := <-requests:
		go func() { ran <- f.Run(ctx, r, func(seen *fact.Facts) { out.take(seen, stop) }) }()
	}
	err := awaited(ctx, ran)
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, errEnded) && !out.held():
		f.wait(whole, min(shortly, cmp.Or(f.linger, linger)))
		return nil
	case errors.Is(cause, errBroke):
		f.wait(whole, cmp.Or(f.linger, linger))
		return nil
	case errors.Is(cause, errEnded):
		return nil
	}
	if ctx.Err() == nil && err != nil {
		out.fail(err)
	}
	return out.close()
}

// awaited waits for what is running, and where ctx ended only for a moment.
func awaited(ctx context.Context, ran <-chan error) error {
	select {
	case err := <-ran:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-ran:
		return err
	case <-time.After(leaving):
		return nil
	}
}

// What ends a session on the far side.
var (
	errBroke = errors.New("the connection fell silent")
	errEnded = errors.New("the connection was closed")
	errOver  = errors.New("the near side is done")
)

// listen reads what the near side says, and returns why it ended.
func (f Far) listen(ctx context.Context, stop func(error), requests chan<- Request) error {
	quiet := cmp.Or(f.silence, silence)
	late := time.AfterFunc(quiet, func() { stop(errBroke) })
	defer late.Stop()
	lines := bufio.NewScanner(f.In)
	lines.Buffer(nil, 64<<10)
	for lines.Scan() && ctx.Err() == nil {
		late.Reset(quiet)
		switch line := bytes.TrimSpace(lines.Bytes()); {
		case string(line) == "end":
			return errOver
		case len(line) == 0:
		default:
			var r Request
			if err := json.Unmarshal(line, &r); err != nil {
				return errOver
			}
			select {
			case requests <- r:
			default:
			}
		}
	}
	return errEnded
}

// wait keeps the process there for the next connection, which runs the program anew.
func (f Far) wait(ctx context.Context, d time.Duration) {
	if !f.Linger {
		return
	}
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// farWriter writes the lines of the stream, each handed over at once.
type farWriter struct {
	mu      sync.Mutex
	zip     *flate.Writer
	encoder record.Encoder
	line    []byte
	size, n int // since the key frame
}

func (w *farWriter) send(line []byte) error {
	if _, err := w.zip.Write(append(line, '\n')); err != nil {
		return err
	}
	return w.zip.Flush()
}

func (w *farWriter) hello(h Hello) error {
	text, err := json.Marshal(h)
	if err != nil {
		return err
	}
	return w.send(append([]byte{'h'}, text...))
}

// take sends an observation, and ends the session where that is not possible.
func (w *farWriter) take(f *fact.Facts, stop func(error)) {
	if w.add(f) != nil {
		stop(errEnded)
	}
}

// add sends an observation. One that cannot be sent is left out and told.
func (w *farWriter) add(f *fact.Facts) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.n >= perKey || w.size > maxSince/2 {
		w.encoder.Reset()
		w.n, w.size = 0, 0
	}
	line, err := w.encoder.Append(append(w.line[:0], 'o'), f)
	if err == nil && len(line) > maxLine {
		err = errors.New("an observation is too long to be sent")
	}
	if err != nil {
		w.encoder.Reset()
		w.n, w.size = 0, 0
		return w.send(failure(err))
	}
	w.line = line
	w.n++
	w.size += len(line)
	return w.send(line)
}

// held says, after nothing more came in, whether what goes out still does. If so the
// near side was killed and its ssh is left: nobody will connect again. When the
// connection breaks, sshd closes both.
func (w *farWriter) held() bool {
	wrote := make(chan error, 1)
	go func() {
		time.Sleep(both)
		w.mu.Lock()
		defer w.mu.Unlock()
		wrote <- w.zip.Flush() // some bytes without a meaning
	}()
	select {
	case err := <-wrote:
		return err == nil
	case <-time.After(leaving):
		return false // it stands still
	}
}

func (w *farWriter) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	_ = w.send(failure(err)) // nobody is there otherwise
}

func failure(err error) []byte {
	text, _ := json.Marshal(fact.Clean(err.Error(), 500)) // text can always be written
	return append([]byte{'e'}, text...)
}

func (w *farWriter) close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.zip.Close()
}
