package links

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func packed(t testing.TB, s string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(s)); err != nil || z.Close() != nil {
		t.Fatal(err)
	}
	return b.String()
}

// hostWith is a folder with files as a host has them.
func hostWith(t testing.TB, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestLacking(t *testing.T) {
	const (
		modules = "lib/modules/6.1.0/modules."
		dep     = "kernel/net/sched/sch_fq_codel.ko.xz:\nkernel/net/sched/sch_fq.ko: \nkernel/net/sched/sch_sfq.ko.zst: kernel/lib/x.ko\n"
		none    = "CONFIG_NET_SCHED=y\nCONFIG_NET_SCH_HTB=y\n# CONFIG_NET_SCH_FQ_CODEL is not set\n"
		asMods  = "CONFIG_NET_SCH_FQ_CODEL=m\nCONFIG_NET_SCH_FQ=m\nCONFIG_NET_SCH_CAKE=m\nCONFIG_NET_SCH_SFQ=m\n"
		closed  = "proc/sys/kernel/modules_disabled"
	)
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"nothing is told":            {nil, ""},
		"an option is not set":       {map[string]string{"proc/config.gz": packed(t, none)}, "fq_codel fq cake sfq"},
		"one of them is built in":    {map[string]string{"proc/config.gz": packed(t, none+"CONFIG_NET_SCH_FQ_CODEL=y\n")}, "fq cake sfq"},
		"options in /boot":           {map[string]string{"boot/config-6.1.0": none + "CONFIG_NET_SCH_FQ=y\n"}, "fq_codel cake sfq"},
		"options of another kernel":  {map[string]string{"boot/config-5.4.0": none}, ""},
		"modules":                    {map[string]string{modules + "dep": dep, modules + "builtin": "kernel/net/sched/sch_htb.ko\n"}, "cake"},
		"what is built in, too":      {map[string]string{modules + "dep": "", modules + "builtin": "kernel/net/sched/sch_fq_codel.ko\n"}, "fq cake sfq"},
		"only the modules":           {map[string]string{modules + "dep": dep}, ""},
		"a package is not installed": {map[string]string{modules + "dep": dep, "boot/config-6.1.0": asMods}, "cake"},
		"a container":                {map[string]string{"proc/config.gz": packed(t, asMods)}, ""},
		"no module may be loaded":    {map[string]string{"proc/config.gz": packed(t, asMods), closed: "1\n"}, "fq_codel fq cake sfq"},
		"and some are loaded":        {map[string]string{"proc/config.gz": packed(t, asMods), closed: "1\n", "sys/module/sch_fq/refcnt": "0"}, "fq_codel cake sfq"},
		"modules, none may be loaded": {map[string]string{modules + "dep": dep, modules + "builtin": "", closed: "1\n"},
			"fq_codel fq cake sfq"},
		"options that are damaged":   {map[string]string{"proc/config.gz": packed(t, none)[:20]}, ""},
		"options that are none":      {map[string]string{"proc/config.gz": none}, ""},
		"a file that is no config":   {map[string]string{"boot/config-6.1.0": "hello\n"}, ""},
		"modules that are a line":    {map[string]string{modules + "dep": strings.Repeat("x", 2<<20), modules + "builtin": ""}, ""},
		"a hostile name of a kernel": {map[string]string{"proc/sys/kernel/osrelease": "../../etc", "boot/config-6.1.0": none}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{"proc/sys/kernel/osrelease": "6.1.0\n"}
			for n, text := range c.files {
				files[n] = text
			}
			if got := strings.Join(lacking(hostWith(t, files)), " "); got != c.want {
				t.Errorf("%q, expected %q", got, c.want)
			}
		})
	}
}

func FuzzLacking(f *testing.F) {
	f.Add("kernel/net/sched/sch_fq.ko.xz: a", "CONFIG_NET_SCH_FQ=m")
	f.Fuzz(func(t *testing.T, modules, config string) {
		file := func(s string) io.ReadCloser { return io.NopCloser(strings.NewReader(s)) }
		k := kernel{loads: listed(file(modules), nil), options: chosen(file(config), nil)}
		for _, d := range disciplines {
			if k.lacks(d) && k.loads["sch_"+d] {
				t.Errorf("%s lacks, though it can be loaded", d)
			}
		}
	})
}

func BenchmarkLacking(b *testing.B) {
	root := hostWith(b, map[string]string{
		"proc/sys/kernel/osrelease": "6.1.0", "lib/modules/6.1.0/modules.dep": strings.Repeat("kernel/drivers/net/ethernet/intel/ice/ice.ko.xz: kernel/a.ko kernel/b.ko\n", 7000),
		"lib/modules/6.1.0/modules.builtin": strings.Repeat("kernel/arch/x86/events/rapl.ko\n", 1000), "proc/config.gz": packed(b, strings.Repeat("CONFIG_ARCH_WANTS_DYNAMIC_TASK_STRUCT=y\n", 6000)),
	})
	for b.Loop() {
		lacking(root)
	}
}
