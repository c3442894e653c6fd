// Package remote observes another machine over the system's ssh. The near side
// starts ssh once and speaks with a shell there, then with whydrop itself: the one
// installed there if it is the same version, else this program, which it brings
// along and which has no name on the disk there.
//
// # The conversation
//
// Everything goes over one ssh session, so a password is asked for once. The far
// side is told a constant shell script with a few numbers and the version in it;
// nothing that came from outside ever stands in a command.
//
//	far   whydrop-remote host Linux x86_64 absent gzip -
//	near  send 8793054                                   or: installed, lingering
//	far   whydrop-remote ready
//	near  the program, compressed
//	far   whydrop-remote stream 1                        by whydrop, from here on deflated (RFC 1951)
//	far   h{"whydrop":...}                               who it is, see Hello
//	near  {"window":...}                                 what it is to do, see Request
//	far   o{"key":true,...}                              observations, as record.Encoder writes them
//	far   e"..."                                         or why there are none
//	near  an empty line every few seconds; end, when it is done
//
// What a login shell writes before is passed over. The far side ends when its
// standard input does, or when it heard nothing for a minute. If the connection
// broke, and not the near side alone, it waits without observing for a while, so that the next one finds the
// program still there (as /proc/PID/exe) and need not bring it again.
//
// # Trust
//
// What comes from the far side is bounded in length and rate, and its text has no
// control characters when it is handed on.
package remote

import (
	"errors"
	"time"

	"whydrop/probes/drops"
	"whydrop/probes/record"
)

const (
	// beatEvery is how often the near side says that it is there, and silence how
	// long the far side goes on without that.
	beatEvery = 5 * time.Second
	silence   = time.Minute
	// linger is for how long the far side waits for the next connection after one
	// that fell silent, and shortly after one that was closed: that the near side knows
	// at once, if it is there.
	linger  = 3 * time.Minute
	shortly = 30 * time.Second
	// leaving is how long the end of either side may take.
	leaving = 2 * time.Second

	// said begins each line of the script and the first of whydrop.
	said = "whydrop-remote "
	// begun is the line after which the stream begins.
	begun = said + "stream 1"
)

// Request is what the far side is to do.
type Request struct {
	// Window is how far back each observation of a session goes. Observations come
	// about every second until the session ends.
	Window time.Duration `json:"window"`
	// Observe asks for one observation of that length instead; 0 for a session.
	Observe time.Duration `json:"observe,omitempty"`
	NoBPF   bool          `json:"no_bpf,omitempty"`
	// Flows are those whose drops are counted, none for all.
	Flows []drops.Flow `json:"flows,omitempty"`
	// Target is a destination that the far side tries, HOST[:PORT]; "" for none.
	// Nothing else makes it send packets.
	Target string `json:"target,omitempty"`
}

// Hello is what the far side says of itself.
type Hello struct {
	Schema  string    `json:"schema"`  // of the observations, record.Schema
	Whydrop string    `json:"whydrop"` // its version
	Host    string    `json:"host"`
	Kernel  string    `json:"kernel"`
	Machine string    `json:"machine,omitempty"` // a hash of its machine-id(5)
	Root    bool      `json:"root,omitempty"`    // it runs with all rights
	Now     time.Time `json:"now"`               // its clock
	PID     int       `json:"pid"`
	// Sum is the SHA-256 of the program that runs, in hexadecimal digits; only of
	// one that was brought.
	Sum string `json:"sum,omitempty"`
}

// check says what does not fit the near side.
func (h *Hello) check(version, sum string) error {
	switch {
	case h.Schema != record.Schema:
		return errors.New("the whydrop there tells its observations as " + show(h.Schema) + ", this one understands " + record.Schema)
	case sum != "" && h.Sum != sum:
		return errors.New("the program that runs there is not the one that was brought (its SHA-256 differs)")
	case sum == "" && h.Whydrop != version:
		return errors.New("the whydrop there is " + show(h.Whydrop) + ", this one " + version)
	}
	return nil
}
