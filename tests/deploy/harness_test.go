// Package deploy tests what is shipped beside the program: the Helm chart, the kustomize examples, the image, the unit, the
// dashboard and the alerts. It needs no cluster and no container engine, and what it cannot run without one is said in
// docs/containers.md and docs/kubernetes.md.
package deploy

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"
)

// A key of no installation.
var sessionKey = base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32))

// The repository's root.
func root(t testing.TB) string {
	t.Helper()
	here, err := os.Getwd()
	must(t, err)
	return filepath.Dir(filepath.Dir(here))
}

// A file of the repository.
func read(t testing.TB, path ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(append([]string{root(t)}, path...)...))
	must(t, err)
	return string(text)
}

func write(t testing.TB, path, text string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(t, os.WriteFile(path, []byte(text), 0o644))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// The program under test: DOORWARD, or what `cargo build` made.
func program(t testing.TB) string {
	t.Helper()
	path := os.Getenv("DOORWARD")
	if path == "" {
		path = filepath.Join(root(t), "target", "debug", "doorward")
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%v; build it with `cargo build`, or name it by DOORWARD", err)
	}
	return path
}

// Runs a program to its end and gives what it wrote.
func run(t testing.TB, name string, args ...string) (string, error) {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	return string(out), err
}

// The objects of a stream of YAML documents.
func objects(t testing.TB, text string) []map[string]any {
	t.Helper()
	var found []map[string]any
	for _, document := range strings.Split("\n"+text, "\n---") {
		var object map[string]any
		if err := yaml.UnmarshalStrict([]byte(document), &object); err != nil {
			t.Fatalf("%v in\n%s", err, document)
		}
		if object != nil {
			found = append(found, object)
		}
	}
	return found
}

// A value by its path: names of maps, numbers of lists. nil when something is missing.
func at(value any, path ...any) any {
	for _, step := range path {
		switch step := step.(type) {
		case string:
			inner, _ := value.(map[string]any)
			value = inner[step]
		case int:
			list, _ := value.([]any)
			if step >= len(list) {
				return nil
			}
			value = list[step]
		}
	}
	return value
}

func list(value any) []any {
	all, _ := value.([]any)
	return all
}

func text(value any) string {
	if value == nil {
		return ""
	}
	return fmt.Sprint(value)
}

// The object of that kind and name.
func pick(t testing.TB, all []map[string]any, kind, name string) map[string]any {
	t.Helper()
	for _, object := range all {
		if text(object["kind"]) == kind && text(at(object, "metadata", "name")) == name {
			return object
		}
	}
	t.Fatalf("there is no %s %s", kind, name)
	return nil
}

// `doorward check` of a configuration as pods see it. Where it says /etc/doorward, files are put, a certificate included.
func check(t testing.TB, config string) (string, error) {
	t.Helper()
	folder := t.TempDir()
	certificate(t, folder)
	for _, file := range filesOf(t, config) {
		content := "a-secret-of-this-test-that-is-long-enough"
		switch {
		case strings.Contains(file, "session-keys"):
			content = base64.StdEncoding.EncodeToString(append(bytes.Repeat([]byte{7}, 31), byte(len(file))))
		case strings.HasSuffix(file, ".crt"):
			content = mustRead(t, filepath.Join(folder, "certificate.pem"))
		case strings.HasSuffix(file, "tls.key"):
			content = mustRead(t, filepath.Join(folder, "key.pem"))
		}
		write(t, filepath.Join(folder, file), content)
	}
	path := filepath.Join(folder, "doorward.yaml")
	write(t, path, strings.ReplaceAll(config, "/etc/doorward", filepath.Join(folder, "etc/doorward")))
	command := exec.Command(program(t), "check", "--config", path)
	command.Env = append(os.Environ(), "CLIENT_SECRET=a-secret-of-this-test", "REDIS_PASSWORD=a-secret-of-this-test",
		"DOORWARD_REDIS_PASSWORD=a-secret-of-this-test", "SESSION_KEY="+sessionKey)
	out, err := command.CombinedOutput()
	return string(out), err
}

func mustRead(t testing.TB, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	must(t, err)
	return string(content)
}

// Every file of /etc/doorward that a configuration names.
func filesOf(t testing.TB, config string) []string {
	t.Helper()
	var found []string
	var walk func(any)
	walk = func(value any) {
		switch value := value.(type) {
		case map[string]any:
			for _, inner := range value {
				walk(inner)
			}
		case []any:
			for _, inner := range value {
				walk(inner)
			}
		case string:
			if strings.HasPrefix(value, "/etc/doorward/") {
				found = append(found, value)
			}
		}
	}
	var whole any
	must(t, yaml.Unmarshal([]byte(config), &whole))
	walk(whole)
	return found
}

// A free port of loopback.
func freePort(t testing.TB) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

// Waits until the condition holds; the deadline is only for what never comes.
func until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(60 * time.Second)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("never came: %s", what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// The body of an address, or nothing.
func fetch(url string) (int, string) {
	client := http.Client{Timeout: 10 * time.Second}
	response, err := client.Get(url)
	if err != nil {
		return 0, ""
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	return response.StatusCode, string(body)
}

// Starts a program; it ends with the test. What it wrote is shown when the test fails.
func start(t testing.TB, command *exec.Cmd) *exec.Cmd {
	t.Helper()
	var out bytes.Buffer
	command.Stdout, command.Stderr = &out, &out
	must(t, command.Start())
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
		if t.Failed() {
			t.Logf("%s wrote:\n%s", command.Path, out.String())
		}
	})
	return command
}
