//go:build linux

package lab

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// managerAddr is where the sick host of a bench answers for its programs: an abstract
// Unix socket, which belongs to the host's network namespace and goes with it.
const managerAddr = "@service-manager"

// ServiceCtl is the name by which this program restarts a program of the bench on
// which it runs, as systemctl(1) does on a real host.
const ServiceCtl = "service-ctl"

// order is what the manager of a bench is asked.
type order struct {
	Clients bool   `json:",omitempty"` // what the clients have counted
	Seat    int    `json:",omitempty"` // this thread of who asks has a mount namespace of its own, which goes with the bench
	Restart string `json:",omitempty"` // this program, with other settings; else list all
	Set     map[string]int
}

// managed is the manager's answer.
type managed struct {
	Error    string    `json:",omitempty"`
	Clients  []Client  `json:",omitempty"`
	Programs []Program `json:",omitempty"`
}

// Program is a program of the sick host with the settings of its configuration.
type Program struct {
	Name     string
	Settings map[string]int // 0: as the system has it; of workers and keep none
	State    string         // running, stopped or dead
}

// settings are what can be configured of a program, by name. What is broken in a
// program itself is none of them.
var settings = map[string]setting{
	"backlog": {1 << 16, []string{"Backlog"}},
	"workers": {1 << 16, []string{"Workers"}},
	"nofile":  {1 << 20, []string{"NoFile"}},
	"rcvbuf":  {1 << 26, []string{"RcvBuf", "ShrinkTo"}},
	"keep":    {1000, []string{"Keep"}},
}

// setting is one of a program's configuration.
type setting struct {
	most   int
	fields []string // of the role; the first takes the place of the others
}

// manage answers orders on the sick host until the director ends. What changes the
// cast waits for the director's main goroutine.
func (s *site) manage(requests chan<- request) error {
	var l net.Listener
	err := s.host(s.scenario.sick).do(func() (err error) {
		l, err = net.Listen("unixpacket", managerAddr)
		return err
	})
	if err != nil {
		return fmt.Errorf("the service manager of %s: %w", s.scenario.sick, err)
	}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go s.obey(conn.(*net.UnixConn), requests)
		}
	}()
	return nil
}

// obey answers one order.
func (s *site) obey(conn *net.UnixConn, requests chan<- request) {
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(startTimeout))
	buf := make([]byte, 1<<12)
	n, err := conn.Read(buf)
	if err != nil {
		return
	}
	var o order
	answer := managed{}
	switch err := json.Unmarshal(buf[:n], &o); {
	case err != nil:
		answer.Error = "the order is damaged: " + err.Error()
	case o.Clients:
		answer.Clients = s.clients()
	case o.Seat != 0:
		s.reportSeat(conn, o.Seat)
	case o.Restart != "":
		done := make(chan error)
		requests <- request{restart: &restart{o.Restart, o.Set, done}}
		if err := <-done; err != nil {
			answer.Error = err.Error()
			break
		}
		fallthrough
	default:
		answer.Programs = s.programs()
	}
	msg, _ := json.Marshal(answer) // strings and finite numbers always marshal
	_, _ = conn.Write(msg)         // who asked may be gone
}

// programs are those of the sick host.
func (s *site) programs() []Program {
	s.casting.Lock()
	defer s.casting.Unlock()
	var all []Program
	for _, name := range slices.Sorted(maps.Keys(s.cast)) {
		p := s.cast[name]
		if p.on.name != s.scenario.sick || !configured(p.role) {
			continue
		}
		state := "running"
		switch _, err := p.count(""); {
		case err != nil:
			state = "dead"
		case stands(p.cmd.Process.Pid):
			state = "stopped"
		}
		all = append(all, Program{name, settingsOf(p.role), state})
	}
	return all
}

// configured says whether a role is one of a program whose settings the host's owner
// may change: a service, or a client that may keep its connections. Any other client
// only asks for what it needs.
func configured(r role) bool {
	switch r := r.(type) {
	case *service:
		return true
	case *caller:
		return r.Pools
	}
	return false
}

// settingsOf are the settings of a role.
func settingsOf(r role) map[string]int {
	all := map[string]int{}
	of := reflect.ValueOf(r).Elem()
	for name, s := range settings {
		if !of.FieldByName(s.fields[0]).IsValid() {
			continue
		}
		for _, field := range s.fields {
			if v := of.FieldByName(field); v.IsValid() {
				all[name] = cmp.Or(all[name], int(v.Int()))
			}
		}
	}
	return all
}

// configure gives a role other settings; their names are known.
func configure(r role, set map[string]int) {
	for name, value := range set {
		for i, field := range settings[name].fields {
			if v := reflect.ValueOf(r).Elem().FieldByName(field); v.IsValid() {
				v.SetInt(int64(value))
			}
			if i == 0 {
				value = 0 // of what it replaces
			}
		}
	}
	if c, is := r.(*caller); is && c.Keep > 0 && c.Pause == 0 {
		c.Pause = float64(c.Keep) / c.Rate // on fewer connections as many requests
	}
}

// restart is the order to start a program of the sick host again.
type restart struct {
	name string
	set  map[string]int
	done chan<- error
}

// again ends a program and starts it with other settings.
func (s *site) again(r *restart) error {
	s.casting.Lock()
	p := s.cast[r.name]
	s.casting.Unlock()
	if p == nil || p.on.name != s.scenario.sick || !configured(p.role) {
		return fmt.Errorf("there is no service %q on this host", r.name)
	}
	has := settingsOf(p.role)
	for name, value := range r.set {
		if _, known := has[name]; !known {
			return fmt.Errorf("%s has no setting %q: it has %s", r.name, name, strings.Join(slices.Sorted(maps.Keys(has)), ", "))
		}
		if most := settings[name].most; value < 0 || value > most {
			return fmt.Errorf("%s=%d is not a setting: from 0 to %d", name, value, most)
		}
	}
	configure(p.role, r.set)
	p.end()
	return p.on.cast(r.name, p.role)
}

// Clients asks the bench on which this process runs what its clients have counted. The
// error says that there is none, or that it is gone.
func Clients() ([]Client, error) {
	answer, err := ask(order{Clients: true})
	return answer.Clients, err
}

func ask(o order) (managed, error) {
	var answer managed
	conn, err := net.DialTimeout("unixpacket", managerAddr, 5*time.Second)
	if err != nil {
		return answer, fmt.Errorf("this is no host of the lab, or it is gone: %w", err)
	}
	defer conn.Close()
	patience := 5 * time.Second
	if o.Restart != "" {
		patience = startTimeout
	}
	_ = conn.SetDeadline(time.Now().Add(patience))
	msg, err := json.Marshal(o)
	if err != nil {
		return answer, err
	}
	if _, err := conn.Write(msg); err != nil {
		return answer, err
	}
	buf := make([]byte, 1<<16)
	n, err := conn.Read(buf)
	if err == nil {
		err = json.NewDecoder(bytes.NewReader(buf[:n])).Decode(&answer)
	}
	switch {
	case err != nil:
		err = fmt.Errorf("the service manager did not answer: %w", err)
	case answer.Error != "":
		err = errors.New(answer.Error)
	}
	return answer, err
}

// serviceUsage is what service-ctl says of itself.
const serviceUsage = `service-ctl                              lists the services of this host and their settings
service-ctl restart NAME [SETTING=N ...] starts one again, with other settings (0: as the system has it)
`

// serviceCtl is the main function of service-ctl.
func serviceCtl(args []string, out io.Writer) error {
	o := order{Set: map[string]int{}}
	switch {
	case len(args) == 0 || len(args) == 1 && (args[0] == "list" || args[0] == "status"):
	case len(args) >= 2 && args[0] == "restart":
		o.Restart = args[1]
		for _, arg := range args[2:] {
			name, text, _ := strings.Cut(arg, "=")
			n, err := strconv.Atoi(text)
			if err != nil {
				return fmt.Errorf("%q: expected SETTING=NUMBER", arg)
			}
			o.Set[name] = n
		}
	default:
		return errors.New("usage:\n" + strings.TrimSuffix(serviceUsage, "\n"))
	}
	answer, err := ask(o)
	if err != nil {
		return err
	}
	if len(answer.Programs) == 0 {
		fmt.Fprintln(out, "this host has no service of its own")
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, p := range answer.Programs {
		fmt.Fprintf(table, "%s\t%s", p.Name, p.State)
		for _, name := range slices.Sorted(maps.Keys(p.Settings)) {
			fmt.Fprintf(table, "\t%s=%d", name, p.Settings[name])
		}
		fmt.Fprintln(table)
	}
	return table.Flush()
}

// serviceMain runs service-ctl and ends.
func serviceMain() {
	if err := serviceCtl(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "service-ctl:", err)
		os.Exit(1)
	}
	os.Exit(0)
}
