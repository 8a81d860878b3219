package deploy

import (
	"bytes"
	"context"
	"debug/elf"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/patternmatcher"
	"golang.org/x/crypto/bcrypt"
	"sigs.k8s.io/yaml"
)

// What gcr.io/distroless/cc-debian12 has of shared libraries that a Rust program may ask for.
var distroless = []string{"libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1", "libgcc_s.so.1",
	"ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"}

// The stages of the Dockerfile, by BuildKit's own parser; its checks are failures.
func stages(t testing.TB) []instructions.Stage {
	t.Helper()
	parsed, err := parser.Parse(strings.NewReader(read(t, "deploy", "docker", "Dockerfile")))
	must(t, err)
	for _, warning := range parsed.Warnings {
		t.Errorf("Dockerfile: %s", warning.Short)
	}
	lint := linter.New(&linter.Config{Warn: func(rule, _, _, message string, at []parser.Range) {
		t.Errorf("Dockerfile:%d: %s: %s", at[0].Start.Line, rule, message)
	}})
	stages, _, err := instructions.Parse(parsed.AST, lint)
	must(t, err)
	return stages
}

// What the image says of how it is run.
type image struct {
	user   string
	entry  []string
	args   []string
	health []string
}

func shipped(t testing.TB) image {
	t.Helper()
	all := stages(t)
	var made image
	for _, command := range all[len(all)-1].Commands {
		switch command := command.(type) {
		case *instructions.UserCommand:
			made.user = command.User
		case *instructions.EntrypointCommand:
			made.entry = command.CmdLine
		case *instructions.CmdCommand:
			made.args = command.CmdLine
		case *instructions.HealthCheckCommand:
			made.health = command.Health.Test
		}
	}
	return made
}

func TestTheDockerfileIsSound(t *testing.T) {
	all := stages(t)
	if len(all) != 2 {
		t.Fatalf("%d stages", len(all))
	}
	wanted := regexp.MustCompile(`(?m)^rust-version = "(.*)"$`).FindStringSubmatch(read(t, "Cargo.toml"))[1]
	if base := all[0].BaseName; base != "rust:"+wanted+"-bookworm" {
		t.Errorf("it is built with %s, and Cargo.toml wants %s", base, wanted)
	}
	// Bookworm is Debian 12: another one has another C library.
	if base := all[1].BaseName; base != "gcr.io/distroless/cc-debian12:nonroot" {
		t.Errorf("it runs on %s", base)
	}
	made := shipped(t)
	if made.user != "65532:65532" {
		t.Errorf("it runs as %q", made.user)
	}
	if fmt.Sprint(made.entry, made.args, made.health) != "[/usr/bin/doorward] [run --config /etc/doorward/doorward.yaml] [CMD /usr/bin/doorward health]" {
		t.Errorf("it runs %v %v, and asks %v", made.entry, made.args, made.health)
	}
	text := read(t, "deploy", "docker", "Dockerfile")
	for _, word := range []string{"--locked", "--no-default-features", "/image/usr/bin/doorward"} {
		if !strings.Contains(text, word) {
			t.Errorf("the Dockerfile does not say %s", word)
		}
	}
	if regexp.MustCompile(`(?m)^(ADD|ARG|ENV) `).MatchString(text) {
		t.Error("no ADD, ARG or ENV is needed")
	}
}

// The build context holds what cargo reads, and nothing of what is nobody's business.
func TestTheBuildContextIsWhole(t *testing.T) {
	patterns := strings.FieldsFunc(read(t, "deploy", "docker", "Dockerfile.dockerignore"), func(r rune) bool { return r == '\n' })
	matcher, err := patternmatcher.New(slices.DeleteFunc(patterns, func(line string) bool { return strings.HasPrefix(line, "#") }))
	must(t, err)
	from, folder := root(t), t.TempDir()
	must(t, filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		must(t, err)
		inner, _ := filepath.Rel(from, path)
		if entry.IsDir() && slices.Contains([]string{".git", "target", "tests", "fuzz"}, inner) {
			return fs.SkipDir
		}
		ignored, err := matcher.MatchesOrParentMatches(inner)
		must(t, err)
		if ignored || entry.IsDir() {
			return nil
		}
		write(t, filepath.Join(folder, inner), mustRead(t, path))
		return nil
	}))
	for _, ignored := range []string{".git/config", "target/debug/doorward", "tests/cli.rs", "doorward.yaml", "session.key", ".env"} {
		if matches, _ := matcher.MatchesOrParentMatches(ignored); !matches {
			t.Errorf("%s would be sent to the builder", ignored)
		}
	}
	// Cargo reads it, and every target of the manifest has its file, the benchmarks among them.
	out, err := exec.Command("cargo", "metadata", "--locked", "--offline", "--no-deps", "--format-version=1",
		"--manifest-path", filepath.Join(folder, "Cargo.toml")).Output()
	must(t, err)
	var known map[string]any
	must(t, json.Unmarshal(out, &known))
	targets := list(at(known, "packages", 0, "targets"))
	if len(targets) < 3 {
		t.Errorf("cargo knows %d targets only", len(targets))
	}
	for _, target := range targets {
		if _, err := os.Stat(text(at(target, "src_path"))); err != nil {
			t.Errorf("the build context lacks %v", err)
		}
	}
	for _, needed := range []string{"src/main.rs", "src/pages/templates/style.css", "Cargo.lock", "askama.toml"} {
		if _, err := os.Stat(filepath.Join(folder, needed)); err != nil {
			t.Errorf("the build context lacks %s", needed)
		}
	}
}

// Without a container engine: the image's files in a folder that is made the root, its user, its command, its health check.
func TestTheImageStarts(t *testing.T) {
	made, tree := shipped(t), t.TempDir()
	for path := tree; path != os.TempDir() && path != "/"; path = filepath.Dir(path) {
		must(t, os.Chmod(path, 0o755))
	}
	install(t, program(t), filepath.Join(tree, "usr/bin/doorward"))
	libraries(t, tree)
	port, admin := freePort(t), freePort(t)
	write(t, filepath.Join(tree, "etc/doorward/doorward.yaml"), fmt.Sprintf(`
listeners: [{ address: "127.0.0.1:%d" }]
admin: { address: "127.0.0.1:%d" }
routes: [{ upstream: "http://127.0.0.1:1", access: open }]
`, port, admin))

	url := fmt.Sprintf("DOORWARD_ADMIN_URL=http://127.0.0.1:%d", admin)
	health := func() (string, int) {
		command := within(tree, append(slices.Clone(made.health[1:]), "--live")...)
		command.Env = []string{url}
		out, err := command.CombinedOutput()
		if _, ended := err.(*exec.ExitError); err != nil && !ended {
			t.Fatalf("%v; a user namespace or root is needed to change the root", err)
		}
		return string(out), command.ProcessState.ExitCode()
	}
	if out, code := health(); code != 1 || !strings.Contains(out, "does not answer") {
		t.Fatalf("before it runs the health check ends with %d: %s", code, out)
	}
	running := start(t, within(tree, append(slices.Clone(made.entry), made.args...)...))
	until(t, "a healthy gateway", func() bool { _, code := health(); return code == 0 })
	if status, _ := fetch(fmt.Sprintf("http://127.0.0.1:%d/", port)); status != 502 {
		t.Errorf("it answers %d", status)
	}
	ready := within(tree, made.health[1:]...)
	ready.Env = []string{url}
	if out, err := ready.CombinedOutput(); err != nil || !strings.Contains(string(out), `"ready":true`) {
		t.Errorf("%v %s", err, out)
	}
	must(t, running.Process.Signal(syscall.SIGTERM))
	if err := running.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
}

// A command as the image runs it: another root, and the image's user.
func within(tree string, words ...string) *exec.Cmd {
	command := &exec.Cmd{Path: words[0], Args: words, Env: []string{}, Dir: "/", SysProcAttr: &syscall.SysProcAttr{Chroot: tree}}
	if os.Getuid() == 0 {
		command.SysProcAttr.Credential = &syscall.Credential{Uid: 65532, Gid: 65532}
	} else {
		command.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER
		command.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 65532, HostID: os.Getuid(), Size: 1}}
		command.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 65532, HostID: os.Getgid(), Size: 1}}
	}
	return command
}

func install(t testing.TB, from, to string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(to), 0o755))
	from, err := filepath.EvalSymlinks(from)
	must(t, err)
	if os.Link(from, to) == nil {
		return
	}
	content, err := os.ReadFile(from)
	must(t, err)
	must(t, os.WriteFile(to, content, 0o755))
}

// The shared libraries that the program asks for; the base image has to have each.
func libraries(t testing.TB, tree string) {
	t.Helper()
	binary, err := elf.Open(program(t))
	must(t, err)
	defer binary.Close()
	asked, err := binary.ImportedLibraries()
	must(t, err)
	for _, name := range asked {
		if !slices.Contains(distroless, name) {
			t.Errorf("the program asks for %s, which the base image does not have", name)
		}
	}
	out, err := run(t, "ldd", program(t))
	must(t, err)
	for _, path := range regexp.MustCompile(`/[^ )]+`).FindAllString(out, -1) {
		if strings.Contains(path, ".so") {
			install(t, path, filepath.Join(tree, path))
		}
	}
}

func composed(t testing.TB) *types.Project {
	t.Helper()
	folder := filepath.Join(root(t), "deploy", "docker")
	project, err := loader.LoadWithContext(context.Background(), types.ConfigDetails{
		WorkingDir:  folder,
		ConfigFiles: []types.ConfigFile{{Filename: filepath.Join(folder, "compose.yaml")}},
		Environment: types.Mapping{"SESSION_KEY": sessionKey, "CLIENT_SECRET": "a-secret-of-this-test"},
	}, func(options *loader.Options) { options.SetProjectName("doorward", true) })
	must(t, err)
	return project
}

func TestComposeIsSound(t *testing.T) {
	project := composed(t)
	gateway := project.Services["doorward"]
	if !gateway.ReadOnly || fmt.Sprint(gateway.CapDrop) != "[ALL]" {
		t.Errorf("the container may do more than it needs: %v", gateway)
	}
	for _, port := range gateway.Ports {
		if port.HostIP != "127.0.0.1" {
			t.Errorf("%v is published to everybody", port)
		}
	}
	for _, service := range project.Services {
		for _, volume := range service.Volumes {
			if volume.Type != "bind" {
				continue
			}
			if _, err := os.Stat(volume.Source); err != nil {
				t.Errorf("%s mounts %v", service.Name, err)
			}
		}
	}
	// The addresses in the configuration are services of the project.
	config := read(t, "deploy", "docker", "doorward.yaml")
	for _, match := range regexp.MustCompile(`(?:redis|http)://([a-z]+):`).FindAllStringSubmatch(config, -1) {
		if _, there := project.Services[match[1]]; !there && match[1] != "localhost" {
			t.Errorf("there is no service %s", match[1])
		}
	}
}

func TestComposesProviderKnowsDoorward(t *testing.T) {
	config := read(t, "deploy", "docker", "doorward.yaml")
	out, err := check(t, config)
	if err != nil {
		t.Fatal(out)
	}
	var dex, doorward map[string]any
	must(t, yaml.UnmarshalStrict([]byte(read(t, "deploy", "docker", "dex.yaml")), &dex))
	must(t, yaml.UnmarshalStrict([]byte(config), &doorward))
	if at(dex, "issuer") != at(doorward, "providers", "dex", "issuer") {
		t.Error("the issuers differ")
	}
	client := at(dex, "staticClients", 0)
	if at(client, "id") != at(doorward, "providers", "dex", "client_id") {
		t.Error("the clients differ")
	}
	if uri := text(at(client, "redirectURIs", 0)); !strings.Contains(out, "redirect URI     "+uri+"\n") {
		t.Errorf("%s is not what check says:\n%s", uri, out)
	}
	person := at(dex, "staticPasswords", 0)
	password := regexp.MustCompile(`password "(.*)"`).FindStringSubmatch(read(t, "deploy", "docker", "compose.yaml"))[1]
	must(t, bcrypt.CompareHashAndPassword([]byte(text(at(person, "hash"))), []byte(password)))
	if !strings.Contains(read(t, "deploy", "docker", "compose.yaml"), text(at(person, "email"))) {
		t.Error("compose.yaml does not say who can sign in")
	}
}

func TestTheUnitIsSound(t *testing.T) {
	unit := filepath.Join(t.TempDir(), "doorward.service")
	socket := filepath.Join(filepath.Dir(unit), "doorward.socket")
	binary := filepath.Join(filepath.Dir(unit), "doorward")
	install(t, program(t), binary)
	write(t, unit, strings.ReplaceAll(read(t, "deploy", "systemd", "doorward.service"), "/usr/bin/doorward", binary))
	write(t, socket, read(t, "deploy", "systemd", "doorward.socket"))
	if out, err := run(t, "systemd-analyze", "verify", "--man=no", unit, socket); err != nil || out != "" {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
	// systemd 252 shows credentials to no ExecReload=, and counts no exit status but that of ExecStart= in RestartPreventExitStatus=: a
	// check of the configuration that stands there fails each reload, and each start for ever anew.
	for _, line := range strings.Split(read(t, "deploy", "systemd", "doorward.service"), "\n") {
		if strings.HasPrefix(line, "ExecReload=") && strings.Contains(line, "/etc/doorward") || strings.HasPrefix(line, "ExecStartPre=") {
			t.Errorf("this needs what only ExecStart= has: %s", line)
		}
	}
	// 2.0 of 10 is what systemd calls OK; less is better.
	if out, err := run(t, "systemd-analyze", "security", "--offline=true", "--threshold=20", "--json=short", unit); err != nil {
		var failing []struct{ Set, Name string }
		_ = json.NewDecoder(bytes.NewBufferString(out)).Decode(&failing)
		t.Errorf("systemd-analyze security: %v\n%s", err, out)
	}
}
