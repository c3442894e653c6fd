package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"whydrop/probes"
	"whydrop/probes/fact"
	"whydrop/probes/lab"
)

// whole is whydrop with all commands.
func whole() *cobra.Command {
	root := rootCommand()
	root.SetOut(io.Discard)
	completions(root)
	return root
}

// commands are a command and all below it that a user can call.
func commands(cmd *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{cmd}
	for _, sub := range cmd.Commands() {
		if sub.Name() != "help" && !sub.Hidden {
			all = append(all, commands(sub)...)
		}
	}
	return all
}

// Every command has a manual page with its examples and flags, and the same source
// gives the same pages.
func TestManualPages(t *testing.T) {
	t.Setenv("SOURCE_DATE_EPOCH", "1763700000")
	dir := t.TempDir()
	if code := run(t.Context(), []string{"man", dir}, io.Discard, io.Discard); code != 0 {
		t.Fatalf("status %d", code)
	}
	for _, cmd := range commands(whole()) {
		name := strings.ReplaceAll(cmd.CommandPath(), " ", "-") + ".1"
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Error(err)
			continue
		}
		page := strings.NewReplacer(`\-`, "-", `\&`, "", `\\`, `\`).Replace(string(data))
		if !strings.Contains(page, "Nov 2025") {
			t.Errorf("%s: the date is not that of SOURCE_DATE_EPOCH", name)
		}
		if cmd.Example == "" {
			t.Errorf("%s has no example", cmd.CommandPath())
		}
		for example := range strings.Lines(cmd.Example) {
			if !strings.Contains(page, strings.TrimSpace(example)) {
				t.Errorf("%s: the example %q is missing", name, example)
			}
		}
		cmd.NonInheritedFlags().VisitAll(func(f *pflag.Flag) {
			if !f.Hidden && !strings.Contains(page, "--"+f.Name) {
				t.Errorf("%s: --%s is missing", name, f.Name)
			}
		})
	}
}

// The completions know the commands.
func TestCompletions(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish"} {
		var script bytes.Buffer
		if code := run(t.Context(), []string{"completion", shell}, &script, io.Discard); code != 0 || !strings.Contains(script.String(), "__complete") {
			t.Errorf("%s: status %d, %d bytes", shell, code, script.Len())
		}
	}
	for _, tt := range []struct{ words, want string }{
		{"dia", "diagnose"},
		{"--th", "--theme"},
		{"lab run accept-queue-f", "accept-queue-full"},
		{"probe sock", "sockets"},
		{"explain TCP_OVERW", "TCP_OVERWINDOW"},
	} {
		var out bytes.Buffer
		run(t.Context(), append([]string{"__complete"}, strings.Split(tt.words, " ")...), &out, io.Discard)
		if !strings.Contains("\n"+out.String(), "\n"+tt.want) {
			t.Errorf("%q is completed to %q, want %s", tt.words, out.String(), tt.want)
		}
	}
}

// shellWords takes a command apart as a shell does, as far as the examples need it:
// up to a comment, and without the file that the output goes to.
func shellWords(line string) []string {
	var words []string
	file := false
	for _, w := range regexp.MustCompile(`'[^']*'|"[^"]*"|\S+`).FindAllString(line, -1) {
		switch {
		case strings.HasPrefix(w, "#"):
			return words
		case file:
			file = false
		case w == ">" || w == "<":
			file = true
		default:
			words = append(words, strings.Trim(w, `'"`))
		}
	}
	return words
}

// called finds the call of whydrop in a line of an example, nil if there is none:
// behind variables, in a pipe, or in <( ).
func called(line string) []string {
	if _, inside, has := strings.Cut(line, "<("); has {
		line, _, _ = strings.Cut(inside, ")")
	}
	for _, part := range strings.Split(line, " | ") {
		words := shellWords(part)
		for len(words) > 0 && strings.HasPrefix(words[0], "WHYDROP_") {
			words = words[1:]
		}
		if len(words) > 0 && words[0] == "whydrop" {
			return words[1:]
		}
	}
	return nil
}

// understood says what whydrop would not understand of a call.
func understood(args []string) error {
	root := whole()
	cmd, rest, err := root.Find(args)
	if err != nil {
		return err
	}
	if err := cmd.ParseFlags(rest); err != nil {
		return err
	}
	rest = cmd.Flags().Args()
	if err := cmd.ValidateArgs(rest); err != nil {
		return err
	}
	return known(cmd, rest)
}

// known says whether the names are known that an example gives to a command.
func known(cmd *cobra.Command, args []string) error {
	switch cmd.CommandPath() {
	case "whydrop lab run", "whydrop lab shell":
		if _, ok := lab.Find(args[0]); !ok {
			return fmt.Errorf("there is no fault %s", args[0])
		}
		if len(args) > 1 && args[1] == "whydrop" {
			return understood(args[2:])
		}
	case "whydrop explain":
		if len(args) > 0 && args[0] != "NAME" {
			return explain(cmd, strings.Join(args, " "), cmd.Flag("format").Value.String())
		}
	case "whydrop probe":
		isIt := func(s fact.Source) bool { return s.Name() == args[0] }
		if len(args) > 0 && args[0] != "NAME" && !slices.ContainsFunc(probes.Default(probes.Knowledge{}).Sources(), isIt) {
			return fmt.Errorf("there is no probe %s", args[0])
		}
	}
	return nil
}

// Every example of the help works when it is pasted, and so does every command of
// the README.
func TestExamplesWork(t *testing.T) {
	n := 0
	for _, cmd := range commands(whole()) {
		for line := range strings.Lines(cmd.Example) {
			args := called(line)
			if args == nil {
				t.Errorf("%s: %q calls no whydrop", cmd.CommandPath(), line)
				continue
			}
			n++
			if err := understood(args); err != nil {
				t.Errorf("%s: %q: %v", cmd.CommandPath(), line, err)
			}
		}
	}
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(readme), -1)
	for _, block := range blocks {
		for line := range strings.Lines(block[1]) {
			if args := called(line); args != nil {
				n++
				if err := understood(args); err != nil {
					t.Errorf("README.md: %q: %v", line, err)
				}
			}
		}
	}
	for _, m := range regexp.MustCompile("`(whydrop [^`]*)`").FindAllStringSubmatch(string(readme), -1) {
		args := called(strings.NewReplacer("SHELL", "bash", "FAULT", "drop-rule", " COMMAND", " true").Replace(m[1]))
		if err := understood(args); err != nil {
			t.Errorf("README.md: %q: %v", m[1], err)
		}
	}
	if n < 30 {
		t.Errorf("only %d examples were found", n)
	}
}
