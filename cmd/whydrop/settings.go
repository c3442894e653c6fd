package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v4"

	"whydrop/content"
	"whydrop/ui"
)

// settings are the flags that can also be set for good: in the configuration
// file under their own name, or by an environment variable. A flag goes before
// the environment, and that before the file.
var settings = []string{"colour", "content", "duration", "keys", "mouse", "no-bpf", "plain", "redact", "theme"}

// variable is the environment variable of a setting.
func variable(setting string) string {
	return "WHYDROP_" + strings.ToUpper(strings.ReplaceAll(setting, "-", "_"))
}

// configFile is where the configuration is looked for if --config names no file.
func configFile() string {
	dir, err := os.UserConfigDir() // XDG_CONFIG_HOME, or ~/.config
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "whydrop", "config.yaml")
}

// shortHome is a path as it reads for everybody: with ~ for the home directory.
func shortHome(path string) string {
	home, err := os.UserHomeDir()
	if rest, in := strings.CutPrefix(path, home+"/"); err == nil && in {
		return "~/" + rest
	}
	return path
}

// origin says where the value of a setting comes from.
type origin struct{ setting, value, from string }

// applySettings gives the flags of a command that were not set the values of the
// environment and of the configuration file, and returns where each comes from.
func applySettings(cmd *cobra.Command) ([]origin, error) {
	path, _ := cmd.Flags().GetString("config")
	values, err := readConfig(path)
	if err != nil {
		return nil, usageError{err}
	}
	var origins []origin
	for _, name := range settings {
		f := cmd.Flags().Lookup(name)
		if f == nil {
			continue // a setting of another command
		}
		from := "default"
		switch env, line := os.Getenv(variable(name)), values[name]; {
		case f.Changed:
			from = "--" + name
		case env != "":
			from = variable(name)
			err = set(f, env, from)
		case line.value != "":
			from = line.place
			err = set(f, line.value, from)
		}
		if err != nil {
			return nil, err
		}
		origins = append(origins, origin{name, f.Value.String(), from})
	}
	return origins, nil
}

func set(f *pflag.Flag, value, from string) error {
	if err := f.Value.Set(value); err != nil {
		return usageError{fmt.Errorf("%s: %q is no value for %s: %w", from, content.Show(value), f.Name, err)}
	}
	return nil
}

// configured is a value of the configuration file, as a flag takes it, and the
// file and line where it stands.
type configured struct{ value, place string }

// readConfig reads the configuration file, or the usual one if path is empty. It
// is an error if a file that was named is not there; the usual one may be missing,
// or lie in another user's home, as under setpriv or sudo.
func readConfig(path string) (map[string]configured, error) {
	named := path != ""
	if !named {
		path = configFile()
	}
	data, err := readLimited(path)
	switch {
	case path == "", !named && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission)):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("the configuration could not be read: %w", err)
	}
	var root yaml.Node
	if err := yaml.Unmarshal(data, &root); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	values := map[string]configured{}
	if len(root.Content) == 0 {
		return values, nil
	}
	top := root.Content[0]
	if top.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("%s:%d: expected settings, one a line: 'theme: ascii'", path, top.Line)
	}
	for i := 0; i+1 < len(top.Content); i += 2 {
		key, value := top.Content[i], top.Content[i+1]
		place := fmt.Sprintf("%s:%d", path, key.Line)
		if !slices.Contains(settings, key.Value) {
			return nil, fmt.Errorf("%s: there is no setting %q: expected one of %s", place, content.Show(key.Value), strings.Join(settings, ", "))
		}
		text, err := flagValue(value)
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", place, key.Value, err)
		}
		values[key.Value] = configured{text, place}
	}
	return values, nil
}

// configLimit is how long a configuration may be, in bytes: far more than one is.
const configLimit = 1 << 20

// readLimited reads a file that is not too long. It does not wait for a pipe that
// nobody writes to.
func readLimited(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, configLimit+1))
	if err == nil && len(data) > configLimit {
		err = fmt.Errorf("%s is larger than %d bytes", path, configLimit)
	}
	return data, err
}

// flagValue is a value of the file as a flag takes it: a map as name=value,...
func flagValue(n *yaml.Node) (string, error) {
	switch n.Kind {
	case yaml.ScalarNode:
		return n.Value, nil
	case yaml.MappingNode:
		var parts []string
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i+1].Kind != yaml.ScalarNode {
				return "", errors.New("expected a word or words behind " + content.Show(n.Content[i].Value))
			}
			parts = append(parts, n.Content[i].Value+"="+n.Content[i+1].Value)
		}
		return commaSeparated(parts)
	}
	return "", errors.New("expected a value, or names with values")
}

// commaSeparated joins values as a flag of names with values takes them apart:
// one that holds a comma or a quote is quoted.
func commaSeparated(parts []string) (string, error) {
	var line strings.Builder
	w := csv.NewWriter(&line)
	err := w.Write(parts)
	w.Flush()
	return strings.TrimSuffix(line.String(), "\n"), err
}

// oneOf is a flag that takes one of a few words.
type oneOf struct {
	value   string
	allowed []string
}

func (o *oneOf) String() string { return o.value }
func (o *oneOf) Type() string   { return "word" }
func (o *oneOf) Set(s string) error {
	if !slices.Contains(o.allowed, s) {
		return fmt.Errorf("expected one of %s", strings.Join(o.allowed, ", "))
	}
	o.value = s
	return nil
}

// word adds a flag that takes one of a few words, the first by default.
func word(flags *pflag.FlagSet, name, usage string, allowed ...string) {
	flags.Var(&oneOf{allowed[0], allowed}, name, usage+" ("+strings.Join(allowed, ", ")+")")
}

func configCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "config",
		Short: "Show the settings, where they come from, and how to change them",
		Long: `config shows every setting with its value and where that comes from: a flag, the
environment, the configuration file, or whydrop itself; and the actions of the
walkthrough with their keys, which can be given others. It changes nothing.`,
		Example: "  whydrop config\n  whydrop config --config other.yaml\n  WHYDROP_THEME=ascii whydrop config",
		Args:    noArguments,
		// In the place of what the root does before every command: a configuration
		// that comes through a pipe can be read once only.
		PersistentPreRunE: func(*cobra.Command, []string) error { return nil },
		RunE: func(cmd *cobra.Command, _ []string) error {
			origins, err := applySettings(cmd.Root())
			if err != nil {
				return err
			}
			path, _ := cmd.Flags().GetString("config")
			if path == "" {
				path = configFile()
			}
			out := cmd.OutOrStdout()
			fmt.Fprintf(out, "Configuration file: %s\n\n", content.Show(path))
			table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
			fmt.Fprintln(table, "setting\tvalue\tfrom\tvariable")
			for _, o := range origins {
				fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", o.setting, content.Show(o.value), content.Show(o.from), variable(o.setting))
			}
			fmt.Fprintln(table, "\naction\tkeys\twhat it does (another key: keys: {mark: \"K ctrl+k\"})")
			for _, a := range ui.Actions() {
				fmt.Fprintf(table, "%s\t%s\t%s\n", a.Name, a.Keys, a.Does)
			}
			return table.Flush()
		},
	}
}
