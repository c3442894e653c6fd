package filters

import (
	"slices"
	"testing"
)

func TestQueryNeedsFollowTheKernel(t *testing.T) {
	for release, want := range map[string][]string{
		"6.18.44":         {"CAP_NET_ADMIN"},
		"5.19.0-rc1":      {"CAP_NET_ADMIN"},
		"5.15.0-91-gener": {"CAP_BPF", "CAP_NET_ADMIN"},
		"5.8":             {"CAP_BPF", "CAP_NET_ADMIN"},
		"4.18.0-553.el8":  {"CAP_NET_ADMIN", "CAP_SYS_ADMIN"},
		"strange":         {"CAP_NET_ADMIN"},
	} {
		if got := queryNeedsOf(release); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", release, got, want)
		}
	}
}
