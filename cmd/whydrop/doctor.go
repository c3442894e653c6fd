package main

import (
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"whydrop/probes"
	"whydrop/probes/fact"
	"whydrop/probes/filters"
	"whydrop/probes/rights"
)

const (
	doctorSchema = "whydrop.doctor/1"
	// doctorLook is how long the probes look: long enough for those that share
	// their work among several looks.
	doctorLook = 600 * time.Millisecond
)

func doctorCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Tell what cannot be seen here, and which command would show it",
		Long: `doctor runs every probe once and tells what cannot be seen, which rights would
change that, and the one command that gives them. It changes nothing itself.`,
		Example: "  whydrop doctor\n  whydrop doctor --json | jq .",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			recoverChanges(cmd.ErrOrStderr())
			c := examine(cmd)
			return redactCheckup(cmd, c, func(out io.Writer) error {
				if asJSON {
					return writeJSON(out, c)
				}
				return showCheckup(newSheet(out), c)
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "write JSON ("+doctorSchema+")")
	return cmd
}

// checkup is what the doctor found.
type checkup struct {
	Schema       string               `json:"schema"`
	Host         string               `json:"host"`
	Kernel       string               `json:"kernel"`
	User         string               `json:"user"`
	Process      *rights.Process      `json:"process"`
	Effective    []string             `json:"effective"`
	Bounding     []string             `json:"bounding"`
	Missing      []string             `json:"missing"` // capabilities that would show more
	Features     []rights.Feature     `json:"features"`
	Restrictions []rights.Restriction `json:"restrictions"`
	Probes       []fact.Status        `json:"probes"`
	Gaps         []gap                `json:"cannot_see"`
	Remedies     []remedy             `json:"remedies"`

	unknown bool // what this process may do could not be read
}

// examine runs the probes and looks at the process and the kernel.
func examine(cmd *cobra.Command) *checkup {
	observer := probes.Default(probes.Knowledge{})
	f := observer.Observe(cmd.Context(), doctorLook, nil)
	c := &checkup{
		Schema: doctorSchema, Host: f.Host, Kernel: f.Kernel, User: userName(),
		Features: rights.Features("/"), Restrictions: rights.Restrictions("/"), Probes: f.Probes,
	}
	c.Features = append(c.Features, nfTables())
	var err error
	c.Process, err = rights.Self("/")
	c.Effective, c.Bounding = c.Process.Effective.Names(), c.Process.Bounding.Names()
	c.Gaps = findGaps(observer.Sources(), f, c.Process)
	if err != nil {
		c.unknown = true
		c.Gaps = append(c.Gaps, gap{Probe: "doctor", What: err.Error(), Needs: "a mounted /proc"})
	}
	c.Missing = missing(c.Gaps)
	c.Remedies = remedies(standing(c.Process, usable(observer.Sources())), c.Gaps)
	return c
}

func nfTables() rights.Feature {
	f := rights.Feature{Name: "nf_tables", State: "yes"}
	if !filters.New().Loaded("nf_tables") {
		f.State = "no" // then there are no nftables rules either
	}
	return f
}

// usable returns every capability by which some source shows more, but for
// CAP_SYS_ADMIN, which is as good as root.
func usable(sources []fact.Source) []string {
	var all []string
	for _, s := range sources {
		for _, n := range fact.NeedsOf(s) {
			all = append(all, n.Capabilities...)
		}
	}
	return (rights.SetOf(all...) &^ rights.SetOf("CAP_SYS_ADMIN")).Names()
}

// userName is the name of the effective user, or its number.
func userName() string {
	id := strconv.Itoa(os.Geteuid())
	if u, err := user.LookupId(id); err == nil && u.Username != "" {
		return u.Username
	}
	return "uid " + id
}

// standing is from where the operator would have to change something.
func standing(p *rights.Process, usable []string) situation {
	s := situation{Process: p, path: "./whydrop", usable: usable}
	if path, err := os.Executable(); err == nil {
		s.temporary = strings.Contains(path, "/go-build")
		if !s.temporary {
			s.path = path
			s.noSUID = rights.NoSUID(path)
		}
	}
	_, err := exec.LookPath("sudo")
	s.sudo = err == nil
	// A sandbox can keep even root out of the namespaces of the first process.
	_, err = os.Readlink("/proc/1/ns/net")
	s.sealed = s.UID == 0 && err != nil
	for _, dir := range append(filepath.SplitList(os.Getenv("PATH")), "/usr/sbin", "/sbin") {
		if info, err := os.Stat(filepath.Join(dir, "setcap")); err == nil && info.Mode().IsRegular() {
			s.setcap = true
		}
	}
	return s
}
