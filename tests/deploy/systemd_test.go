package deploy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// systemd's own part opens the socket, waits for somebody to connect, and passes it on: whoever connected is answered.
func TestASocketThatSystemdPassesIsUsed(t *testing.T) {
	upstream, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	app := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") })}
	go app.Serve(upstream)
	defer app.Close()
	address := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	config := filepath.Join(t.TempDir(), "doorward.yaml")
	write(t, config, fmt.Sprintf(`public_url: http://%[1]s
listeners: [{ address: "%[1]s" }]
admin: { enabled: false }
routes: [{ path: /, upstream: "http://%[2]s", access: open }]
`, address, upstream.Addr()))
	activate := exec.Command("systemd-socket-activate", "--listen="+address, program(t), "run", "--config", config)
	out, err := activate.StderrPipe()
	must(t, err)
	log, err := activate.StdoutPipe()
	must(t, err)
	must(t, activate.Start())
	defer activate.Wait()
	defer activate.Process.Kill()
	lines := bufio.NewScanner(out)
	for lines.Scan() && !strings.HasPrefix(lines.Text(), "Listening on") {
	}
	client := http.Client{Timeout: 30 * time.Second}
	answer, err := client.Get("http://" + address + "/")
	must(t, err)
	body, err := io.ReadAll(answer.Body)
	must(t, err)
	if answer.StatusCode != http.StatusOK || string(body) != "hello" {
		t.Errorf("%s: %s", answer.Status, body)
	}
	said := bufio.NewScanner(log)
	for said.Scan() && !strings.Contains(said.Text(), `"listening"`) {
	}
	if !strings.Contains(said.Text(), address) {
		t.Errorf("it listens elsewhere: %s", said.Text())
	}
}
