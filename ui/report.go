package ui

import (
	"strings"

	tea "charm.land/bubbletea/v2"

	"whydrop/content"
)

// reportScreen is a preview of the incident report. It is set anew only for a
// new diagnosis or width.
type reportScreen struct {
	pager
	of    *judgement
	width int
	lines []string
}

func (r *reportScreen) do(m *model, a action) tea.Cmd {
	r.turn(a, m.layout.bodyHeight)
	return nil
}

func (r *reportScreen) hints(*model) []hint {
	return []hint{{actReport, "write it to a file"}, {actDown, "scroll"}}
}

func (r *reportScreen) draw(m *model, w, h int) []string {
	return r.pager.draw(m, r.page(m, w), w, h)
}

// copies is the whole report.
func (r *reportScreen) copies(m *model) []copyable {
	text, err := r.report(m)
	if err != nil {
		return nil
	}
	return []copyable{{"the report", text}}
}

func (r *reportScreen) page(m *model, w int) []string {
	if r.of == m.diagnosis && r.width == w {
		return r.lines
	}
	text, err := r.report(m)
	if err != nil {
		return wrap(content.Show(err.Error()), w, "")
	}
	r.of, r.width = m.diagnosis, w
	r.lines = append(wrap("This is what "+m.keys.key(actReport)+" writes to a file, as markdown. It follows the measurements until then; "+m.keys.key(actPause)+" holds them."+pseudonyms(m), w, ""), "")
	r.lines = append(r.lines, m.theme.markdown(text, w)...)
	return r.lines
}

// pseudonyms says that the report is redacted, if it is.
func pseudonyms(m *model) string {
	if m.options.Redact == nil {
		return ""
	}
	return " It is redacted: names in it are pseudonyms, the other screens keep the real ones."
}

// report is the report as it is written to a file.
func (r *reportScreen) report(m *model) (string, error) {
	kase, d := m.kase, m.diagnosis.Diagnosis
	if m.options.Redact != nil {
		kase, d = m.options.Redact(kase)
	}
	var b strings.Builder
	err := kase.WriteReport(&b, d, m.moment())
	return b.String(), err
}

func (e exportMsg) says() string {
	if e.err != nil {
		return "the report could not be written: " + e.err.Error()
	}
	return "report written to " + e.path
}

// export writes the report, beside the screen.
func (m *model) export() tea.Cmd {
	if m.diagnosis == nil || m.options.Export == nil {
		return nil
	}
	m.notice = "writing the report"
	k, d := m.kase.Copy(), m.diagnosis.Diagnosis
	return m.background(func() tea.Msg {
		path, err := m.options.Export(k, d)
		return exportMsg{path, err}
	})
}
