package content

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

const goodScenario = `scenarios:
  - id: our-own
    title: Orders are late
    level: 1
    truth: [listen.accept-queue-full]
    source: a host of ours
    host: web-1
    company: A shop
    service: Orders
    seat: server
    opening: It is slow.
    answers:
      Q1a: {says: "One.", options: [one-application]}
      Q1b: {says: "No idea.", options: [dont-know]}
      Q2a: {says: "No idea.", options: [dont-know]}
      Q2b: {says: "No idea.", options: [dont-know]}
      Q3a: {says: "No idea.", options: [dont-know]}
      Q3b: {says: "No idea.", options: [dont-know]}
      Q4a: {says: "No idea.", options: [dont-know]}
      Q4b: {says: "No idea.", options: [dont-know]}
      Q5a: {says: "No idea.", options: [dont-know]}
      Q5b: {says: "No idea.", options: [dont-know]}
      Q6a: {says: "No idea.", options: [dont-know]}
      Q6b: {says: "No idea.", options: [dont-know], from: somebody, misleading: true}
    key_points: [one, two, three]
    fix: [listen.accept-queue-full/accept-faster]
`

// An organisation's own scenario stands in its directory, with its recording beside it.
func TestOverlayScenario(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "scenarios"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"ours.yaml": "notes: []\n", "scenarios/ours.yaml": goodScenario, "scenarios/our-own.whydrop": "a recording"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	book, err := LoadTraining(dir)
	if err != nil {
		t.Fatal(err)
	}
	s := book.Scenario("our-own")
	if s == nil || s.Healthy() || !s.Right("listen.accept-queue-full") || s.Right("path.loss") {
		t.Fatalf("the scenario is %+v", s)
	}
	if data, err := s.Recording(); err != nil || string(data) != "a recording" {
		t.Errorf("its recording is %q, %v", data, err)
	}
	if len(book.Scenarios) < 2 || !slices.IsSortedFunc(book.Scenarios, func(a, b *Scenario) int { return a.Level - b.Level }) {
		t.Errorf("%d scenarios, or not by level", len(book.Scenarios))
	}
	if without, err := Load(""); err != nil || len(without.Scenarios) > 0 || len(without.Causes) == 0 {
		t.Errorf("without the training material: %v, %v", without, err)
	}
}

// Whatever is wrong with a scenario is told, with file and line.
func TestScenarioProblems(t *testing.T) {
	change := func(pairs ...string) string { return strings.NewReplacer(pairs...).Replace(goodScenario) }
	files := fstest.MapFS{}
	want := map[string]string{}
	add := func(name, problem, text string) {
		text = strings.ReplaceAll(text, "our-own", name)
		files["scenarios/"+name+".yaml"] = &fstest.MapFile{Data: []byte(text)}
		files["scenarios/"+name+".whydrop"] = &fstest.MapFile{Data: []byte("x")}
		want[name] = problem
	}
	add("question", "question.yaml:16: scenario question answers the unknown question \"Q9z\"", change("Q2b:", "Q9z:"))
	add("option", "option.yaml:13: scenario option: question Q1a has no option \"one-planet\": expected one of one-application,", change("one-application", "one-planet"))
	add("cause", "cause.yaml:2: scenario cause names the unknown cause \"listen.nothing\"", change("truth: [listen.accept-queue-full]", "truth: [listen.nothing]"))
	add("remedy", "remedy.yaml:2: scenario remedy: fix names the unknown remedy \"listen.accept-queue-full/pray\"", change("/accept-faster", "/pray"))
	add("fix-of-another", "fix-of-another.yaml:2: scenario fix-of-another: fix listen.syn-queue-full/cookies-on is for a cause that is not the truth", change("fix: [listen.accept-queue-full/accept-faster]", "fix: [listen.syn-queue-full/cookies-on]"))
	add("level", "level.yaml:2: scenario level has level 7: expected 1, 2 or 3", change("level: 1", "level: 7"))
	add("herrings", "herrings.yaml:2: scenario herrings is of level 2: expected herrings", change("level: 1", "level: 2"))
	add("herring", "herring.yaml:27: scenario herring: listen.accept-queue-full is a herring and right", change("    fix:", "    herrings:\n      - {cause: listen.accept-queue-full, refuted: no}\n    fix:"))
	add("seat", "seat.yaml:2: scenario seat has the seat \"sofa\": expected server, client, router", change("seat: server", "seat: sofa"))
	add("story", "story.yaml:2: scenario story: expected opening", change("opening: It is slow.", "opening: ''"))
	add("few", "few.yaml:2: scenario few answers 11 questions: expected 12 at least", change("      Q5a: {says: \"No idea.\", options: [dont-know]}\n", ""))
	add("points", "points.yaml:2: scenario points has 1 key_points: expected 3 to 6", change("[one, two, three]", "[one]"))
	add("nothing-said", "nothing-said.yaml:14: scenario nothing-said: the answer to Q1b: expected says and options", change("Q1b: {says: \"No idea.\"", "Q1b: {says: \"\""))
	add("nil-answer", "nil-answer.yaml:2: scenario nil-answer answers Q1b with nothing", change("Q1b: {says: \"No idea.\", options: [dont-know]}", "Q1b:"))
	add("healthy", "healthy.yaml:2: scenario healthy: where nothing is wrong there is nothing to accept or to fix", change("truth: [listen.accept-queue-full]", "truth: []"))
	add("remark", "remark.yaml:27: scenario remark: a remark: expected says, from, and after how many steps", change("    fix:", "    remarks:\n      - {after: 0, from: x, says: y}\n    fix:"))
	const helps = "    helps:\n      - {step: STEP, why: it helps}\n    fix:"
	add("help", "help.yaml:27: scenario help: helps names the unknown step \"pray\": expected CAUSE/REMEDY or hand-over", change("    fix:", strings.Replace(helps, "STEP", "pray", 1)))
	add("help-twice", "help-twice.yaml:27: scenario help-twice: listen.accept-queue-full/accept-faster stands in fix and in helps", change("    fix:", strings.Replace(helps, "STEP", "listen.accept-queue-full/accept-faster", 1)))
	add("help-why", "help-why.yaml:27: scenario help-why: helps hand-over: expected why", change("    fix:", "    helps:\n      - {step: hand-over}\n    fix:"))
	add("help-for", "help-for.yaml:27: scenario help-for: helps hand-over for \"path.loss\": expected one of its truths, listen.accept-queue-full", change("    fix:", "    helps:\n      - {step: hand-over, for: path.loss, why: it helps}\n    fix:"))
	add("aside", "aside.yaml:2: scenario aside: aside names the unknown step \"pray\": expected CAUSE/REMEDY or folklore", change("    fix:", "    aside: [pray]\n    fix:"))
	add("aside-right", "aside-right.yaml:2: scenario aside-right: listen.accept-queue-full/accept-faster stands aside and is right", change("    fix:", "    aside: [listen.accept-queue-full/accept-faster]\n    fix:"))
	add("vain", "vain.yaml:2: scenario vain: vain names the unknown step \"pray\": expected CAUSE/REMEDY", change("    fix:", "    vain: [pray]\n    fix:"))
	add("vain-right", "vain-right.yaml:2: scenario vain-right: listen.accept-queue-full/somaxconn is called vain, and is right or stands aside", change("    fix:", "    vain: [listen.accept-queue-full/somaxconn]\n    fix:"))
	add("typo", "typo.yaml:11: ", change("opening:", "openning:"))
	add("twice", "", goodScenario+strings.TrimPrefix(goodScenario, "scenarios:\n"))
	want["twice"] = "twice.yaml:27: scenario twice stands twice"
	add("no-recording", "no-recording.yaml:2: scenario no-recording has no recording: expected no-recording.whydrop beside it", goodScenario)
	delete(files, "scenarios/no-recording.whydrop")

	problems := loadOver(files)
	// What is no YAML of a scenario keeps all else from being checked.
	delete(files, "scenarios/typo.yaml")
	delete(files, "scenarios/twice.yaml")
	problems += loadOver(files)
	for name, problem := range want {
		if !strings.Contains(problems, problem) {
			t.Errorf("%s: expected %q in\n%s", name, problem, problems)
		}
	}
}

// loadOver is what is wrong with the content under some files.
func loadOver(files fstest.MapFS) string {
	_, err := load([]layer{{files: embedded, prefix: "content", training: true}, {files: files, prefix: "ours", training: true}}, true)
	if err == nil {
		return ""
	}
	return err.Error() + "\n"
}

// BenchmarkLoadTraining is Load with the scenarios.
func BenchmarkLoadTraining(b *testing.B) {
	for b.Loop() {
		if _, err := LoadTraining(""); err != nil {
			b.Fatal(err)
		}
	}
}
