package deploy

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

var (
	fence    = regexp.MustCompile("(?s)(?:<!-- from (\\S+) -->\n)?```(\\w+)\n(.*?)```\n")
	inTicks  = regexp.MustCompile("`([A-Za-z0-9./_-]+)`")
	repoPath = regexp.MustCompile(`\b(?:helm|deploy|tests|docs)/[\w./-]+`)
	command  = regexp.MustCompile(`(?m)^doorward (\w+)`)
)

// What the documents show is what is tested: every piece of YAML stands in a file that a test reads, every path is there, every
// value and every command exists.
func TestTheDocumentsSayWhatIsSo(t *testing.T) {
	var values map[string]any
	must(t, yaml.UnmarshalStrict([]byte(read(t, "helm", "doorward", "values.yaml")), &values))
	for _, name := range []string{"kubernetes.md", "containers.md"} {
		document := read(t, "docs", name)
		snippets := fence.FindAllStringSubmatch(document, -1)
		if len(snippets) < 4 {
			t.Errorf("%s: only %d snippets were found", name, len(snippets))
		}
		for _, snippet := range snippets {
			from, kind, body := snippet[1], snippet[2], snippet[3]
			if from == "" && (kind == "yaml" || kind == "dockerfile") {
				t.Errorf("%s: it is not said which file this is from:\n%s", name, body)
			}
			if from != "" && !strings.Contains(read(t, from), body) {
				t.Errorf("%s: this is not in %s:\n%s", name, from, body)
			}
			for _, match := range command.FindAllStringSubmatch(body, -1) {
				if out, err := run(t, program(t), match[1], "--help"); err != nil {
					t.Errorf("%s: %s", name, out)
				}
			}
		}
		for _, path := range repoPath.FindAllString(document, -1) {
			if _, err := os.Stat(filepath.Join(root(t), strings.TrimSuffix(path, "."))); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		for _, match := range inTicks.FindAllStringSubmatch(document, -1) {
			steps := strings.Split(match[1], ".")
			value, known := values[steps[0]]
			if !known {
				continue
			}
			for _, step := range steps[1:] {
				inner, _ := value.(map[string]any)
				if value, known = inner[step]; !known {
					t.Errorf("%s: there is no value %s", name, match[1])
				}
			}
		}
	}
}

// The chart and the examples have the configuration at one place, and commands that are run in their pods look for it there.
func TestCommandsInAPodNameItsConfiguration(t *testing.T) {
	inPod := regexp.MustCompile(`exec deploy/\S+ -- \S*doorward \w+ --config (\S+)`)
	var found int
	for _, path := range []string{"docs/install.md", "docs/kubernetes.md", "docs/runbook.md", "docs/doctor.md", "helm/doorward/templates/NOTES.txt"} {
		text := regexp.MustCompile(`\{\{[^}]*\}\}`).ReplaceAllString(read(t, path), "x")
		for _, match := range inPod.FindAllStringSubmatch(text, -1) {
			found++
			if !strings.Contains(read(t, "helm", "doorward", "templates", "deployment.yaml"), "--config="+match[1]+"\n") {
				t.Errorf("%s: there is no %s in the pod", path, match[1])
			}
		}
	}
	if found < 2 {
		t.Errorf("only %d commands were found", found)
	}
}
