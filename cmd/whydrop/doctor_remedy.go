package main

import (
	"regexp"
	"slices"
	"strings"

	"whydrop/probes/rights"
)

// situation is from where somebody would have to change something.
type situation struct {
	*rights.Process
	path         string   // of the program
	temporary    bool     // it was built for one run, and is gone after it
	noSUID       bool     // file capabilities are ignored where it lies
	sudo, setcap bool     // these programs are there
	sealed       bool     // root may not enter the namespaces of the first process
	usable       []string // capabilities by which some probe shows more
}

// remedy is one command that would show more.
type remedy struct {
	For     string   `json:"for"`
	Command string   `json:"command,omitempty"`
	Notes   []string `json:"notes,omitempty"`

	args []string
}

// firstNamespace is how probes tell what only the host itself can show.
const firstNamespace = "first network namespace"

// remedies returns what would close the gaps, the most useful first; none if
// nothing that a command could change is missing.
func remedies(s situation, gaps []gap) []remedy {
	out := []remedy{}
	add := func(r remedy) {
		if slices.ContainsFunc(out, func(have remedy) bool { return have.For == r.For }) {
			return
		}
		r.Command = strings.Join(r.args, " ")
		out = append(out, r)
	}
	lack := missing(gaps)
	refused := slices.ContainsFunc(gaps, func(g gap) bool { return g.Refused })
	contained := no(s.FirstUser) || no(s.FirstPID)
	switch obstacle := s.obstacle(lack); {
	case len(lack) == 0 && !(refused && contained):
	case len(lack) > 0 && obstacle == "":
		add(s.here(lack))
	case contained:
		add(s.outside(lack, false))
	case s.Container != "": // or only its mark: say what is in the way as well
		r := s.outside(lack, false)
		r.Notes = append([]string{obstacle}, r.Notes...)
		add(r)
	default:
		add(remedy{For: "to see all of that", Notes: []string{obstacle}})
	}
	switch {
	case !no(s.FirstNet) || !slices.ContainsFunc(gaps, gap.elsewhere):
	case contained:
		add(s.outside(lack, true))
	case !s.sealed:
		add(s.firstNet())
	}
	return out
}

// elsewhere reports whether only the host's own network namespace shows it.
func (g gap) elsewhere() bool { return strings.Contains(g.Needs, firstNamespace) }

// no reports whether something is known not to be so.
func no(b *bool) bool { return b != nil && !*b }

// obstacle says why no command given here gives a process these capabilities, ""
// if one does.
func (s situation) obstacle(lack []string) string {
	beyond := (rights.SetOf(lack...) &^ s.Bounding).Names()
	switch {
	case no(s.FirstUser):
		return "The capabilities of this user namespace count in it alone: run whydrop outside of it."
	case len(beyond) > 0:
		return "This session may never have " + strings.Join(beyond, ", ") +
			" (its capability bounding set): start whydrop from another login, or widen CapabilityBoundingSet= of the service."
	case s.NoNewPrivs:
		return "This session can gain no rights (no_new_privs), neither by sudo nor by setcap: start whydrop from another login, or lift NoNewPrivileges= of the service."
	case s.UID == 0:
		return "This root was started without capabilities that it may have: start whydrop from an ordinary shell of root."
	}
	return ""
}

// here is what gives a process of this host the capabilities.
func (s situation) here(lack []string) remedy {
	r := remedy{For: "to see all of that" + s.byRoot()}
	if !s.setcap || s.noSUID || s.temporary {
		r.args = s.asRoot(quote(s.path))
		if s.temporary {
			r.Notes = []string{"This program was built for one run; to keep one: go build -o whydrop ./cmd/whydrop"}
		}
		return r
	}
	// File capabilities replace those that are held now, by whatever way: name
	// these too.
	held := slices.DeleteFunc(slices.Clone(s.usable), func(c string) bool { return !s.Effective.Has(c) })
	list := strings.ToLower(strings.Join(rights.SetOf(append(held, lack...)...).Names(), ","))
	r.args = s.asRoot("setcap", list+"+ep", quote(s.path))
	r.Notes = []string{
		"This holds for everyone who may run the file, until " + strings.Join(s.asRoot("setcap", "-r", quote(s.path)), " "),
		"Or once" + s.byRoot() + ": " + strings.Join(s.asRoot(quote(s.path)), " "),
	}
	return r
}

// firstNet is the way into the host's first network namespace.
func (s situation) firstNet() remedy {
	return remedy{
		For:   "to see the host itself (here only the traffic of this network namespace is counted)" + s.byRoot(),
		args:  s.asRoot("nsenter", "-t", "1", "-n", quote(s.path)),
		Notes: []string{"There the traffic of this namespace is not seen."},
	}
}

// outside is how to start a container with more rights, beside this one or, if
// the host itself is wanted, in the host's namespaces.
func (s situation) outside(lack []string, host bool) remedy {
	r := remedy{For: "to see all of that of this container"}
	if host {
		r.For = "to see the host itself"
	}
	kind := s.Container
	if no(s.FirstUser) && !no(s.FirstPID) {
		kind = "" // unshare --user, not a container
	}
	switch kind {
	case "Kubernetes":
		of := []string{"POD", "--target=CONTAINER"}
		r.Notes = []string{"IMAGE is one with whydrop in it."}
		if host {
			of = []string{"node/NODE"}
		}
		r.args = slices.Concat([]string{"kubectl", "debug"}, of, []string{"-it", "--profile=sysadmin", "--image=IMAGE"})
	case "Docker", "Podman":
		where := "container:NAME"
		r.Notes = []string{"NAME is this container, IMAGE one with whydrop in it."}
		if host {
			where = "host"
			r.Notes = nil
		}
		r.args = []string{strings.ToLower(s.Container), "run", "--rm", "-it", "--net=" + where, "--pid=" + where}
		// A new container has what it is given, not what this one holds.
		for _, c := range rights.SetOf(slices.Concat(s.usable, lack)...).Names() {
			r.args = append(r.args, "--cap-add="+strings.TrimPrefix(c, "CAP_"))
		}
		if strings.HasPrefix(s.Label, "docker-default") {
			r.args = append(r.args, "--security-opt=apparmor=unconfined")
		}
		r.args = append(r.args, "IMAGE", "whydrop")
	default:
		r.For = "to see all of that"
		r.Notes = []string{"This is a user or process namespace of its own, in which the rights of root are confined: run whydrop outside of it, as root."}
	}
	return r
}

// asRoot puts sudo before a command, where there is one and it is needed.
func (s situation) asRoot(args ...string) []string {
	if s.UID == 0 || !s.sudo {
		return args
	}
	return append([]string{"sudo"}, args...)
}

// byRoot says that a command is root's, where no sudo says it.
func (s situation) byRoot() string {
	if s.UID == 0 || s.sudo {
		return ""
	}
	return ", as root"
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9/._+:@%-]+$`)

// quote makes one word of the shell of a path.
func quote(path string) string {
	if plainWord.MatchString(path) {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}
