package ui

import "strings"

// drawHelp is the page of keys: those of the screen that one is on first.
func (m *model) drawHelp(w, h int) []string {
	t := m.theme
	here := map[action]string{}
	var lines []string
	row := func(a action, does string) {
		head := strings.Join(m.keys.all(a), " ")
		for _, l := range wrap(does, w-16, "") {
			lines = append(lines, t.bold.Render(t.pad(head, 15))+" "+l)
			head = ""
		}
	}
	if !m.welcome && m.diagnosis != nil {
		lines = append(lines, t.bold.Render("On this screen: "+tabs[m.on].title))
		for _, hint := range m.screen().hints(m) {
			here[hint.action] = hint.words
			row(hint.action, hint.words)
		}
		lines = append(lines, "", t.bold.Render("On all of them"))
	}
	for _, b := range bindings {
		if _, told := here[b.action]; !told {
			row(b.action, b.does)
		}
	}
	return m.helpScroll.window(lines, h)
}
