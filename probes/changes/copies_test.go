package changes

import (
	"testing"
	"time"

	"whydrop/probes/fact"
)

// What others copied of a host's logs tells of its packages, as far as it is recent.
func TestFrom(t *testing.T) {
	now := time.Date(2026, 11, 21, 20, 0, 0, 0, time.UTC)
	zone := time.FixedZone("", 3600)
	tests := map[string]struct {
		files map[string][]byte
		want  map[string]string // package: time
	}{
		"dpkg": {map[string][]byte{
			"var/log/dpkg.log":   []byte("2026-11-20 10:00:00 startup archives unpack\n2026-11-20 10:00:01 upgrade nginx:amd64 1.22.1-9 1.22.1-9+deb12u3\n"),
			"var/log/dpkg.log.1": []byte("2026-11-12 09:00:00 install ethtool:amd64 <none> 6.1\n2026-01-01 09:00:00 install old:amd64 <none> 1\n"),
		}, map[string]string{"nginx": "2026-11-20 09:00:01 UTC", "ethtool": "2026-11-12 08:00:00 UTC"}},
		"a list of RPMs": {map[string][]byte{Installed: []byte(
			"kernel-5.14.0-503.el9.x86_64                                Fri Nov 20 11:51:34 2026\n" +
				"bash-5.1.8-9.el9.x86_64                                     Fri Sep 27 11:51:33 2024\n" +
				"glibc-2.34-125.el9.x86_64                                   Fri Nov 20 11:51:39 2026\t1795171899\tSome Vendor\n" +
				"broken\n")}, map[string]string{"kernel": "2026-11-20 10:51:34 UTC", "glibc": "2026-11-20 10:51:39 UTC"}},
		"rpm -qa --last": {map[string][]byte{Installed: []byte(
			"iproute-6.2.0-5.el9.x86_64                    Fri 20 Nov 2026 01:51:34 PM CET\n")}, map[string]string{"iproute": "2026-11-20 12:51:34 UTC"}},
		"dnf": {map[string][]byte{"var/log/dnf.rpm.log": []byte("2026-11-20T10:00:00+0000 SUBDEBUG Upgrade: nginx-1:1.20.1-14.el9.x86_64\n")},
			map[string]string{"nginx": "2026-11-20 10:00:00 UTC"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := From(test.files, zone, now)
			if r == nil {
				t.Fatal("no reading")
			}
			f := fact.New(now, 0)
			(&Source{}).Facts([]fact.Reading{{At: now, Data: r}}, f)
			got := map[string]string{}
			for _, row := range f.Tables["change"] {
				at, _ := row["time"].(string)
				got[row["name"].(string)] = at
			}
			if len(got) != len(test.want) {
				t.Errorf("changes %v, want %v", got, test.want)
			}
			for pkg, at := range test.want {
				if got[pkg] != at {
					t.Errorf("%s changed at %q, want %q", pkg, got[pkg], at)
				}
			}
		})
	}
	if r := From(map[string][]byte{"etc/passwd": nil}, zone, now); r != nil {
		t.Errorf("no log tells %+v", r)
	}
}

func FuzzInstalled(f *testing.F) {
	f.Add([]byte("bash-5.1.8-9.el9.x86_64   Fri Sep 27 11:51:33 2024\n"))
	f.Add([]byte("iproute-6.2.0-5.el9.x86_64 Fri 20 Nov 2026 01:51:34 PM CET\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		From(map[string][]byte{Installed: b, "var/log/dpkg.log": b, "var/log/yum.log": b, "var/log/zypp/history": b}, time.UTC, time.Unix(1800000000, 0))
	})
}
