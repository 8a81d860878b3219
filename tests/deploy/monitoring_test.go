package deploy

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"sigs.k8s.io/yaml"
)

var (
	familyName = regexp.MustCompile(`doorward_[a-z_]+`)
	selector   = regexp.MustCompile(`(doorward_[a-z_]+)\{([^}]*)\}`)
	labelName  = regexp.MustCompile(`(\w+)\s*(?:=~|!~|!=|=)\s*"`)
)

func TestTheAlertsDoWhatTheySay(t *testing.T) {
	rules := filepath.Join(root(t), "deploy", "prometheus", "rules.yaml")
	if out, err := run(t, "promtool", "check", "rules", "--lint-fatal", rules); err != nil {
		t.Error(out)
	}
	cases := filepath.Join(t.TempDir(), "cases.yaml")
	write(t, cases, strings.Replace(mustRead(t, "rules_test.yaml"), "RULES", rules, 1))
	if out, err := run(t, "promtool", "test", "rules", cases); err != nil {
		t.Error(out)
	}
	tested := mustRead(t, "rules_test.yaml")
	sections := map[string]bool{}
	for _, heading := range regexp.MustCompile(`(?m)^## (\w+)$`).FindAllStringSubmatch(read(t, "docs", "runbook.md"), -1) {
		sections[heading[1]] = true
	}
	for _, alert := range alerts(t) {
		name := text(at(alert, "alert"))
		for _, needed := range []string{"summary", "description", "runbook"} {
			if text(at(alert, "annotations", needed)) == "" {
				t.Errorf("%s has no %s", name, needed)
			}
		}
		if url := text(at(alert, "annotations", "runbook_url")); url != "docs/runbook.md#"+strings.ToLower(name) || !sections[name] {
			t.Errorf("%s leads to %q, and has a section: %v", name, url, sections[name])
		}
		delete(sections, name)
		if severity := text(at(alert, "labels", "severity")); severity != "critical" && severity != "warning" {
			t.Errorf("%s has the severity %q", name, severity)
		}
		if strings.Count(tested, name) < 2 {
			t.Errorf("no case shows that %s fires, and that it is quiet", name)
		}
	}
	for name := range sections {
		t.Errorf("the run-book has a section on %s, which is no alert", name)
	}
}

// What the documents have Prometheus asked is a question that it understands, about metrics that there are.
func TestTheQuestionsInTheDocumentsAreQuestions(t *testing.T) {
	var rules strings.Builder
	rules.WriteString("groups:\n  - name: documents\n    rules:\n")
	known, found := read(t, "docs", "metrics.md"), 0
	for _, page := range []string{"runbook.md", "hardening.md", "metrics.md", "sizing.md", "trust.md", "upgrade.md", "keys.md"} {
		for _, match := range regexp.MustCompile("`([^`\n]*doorward_[^`\n]*)`").FindAllStringSubmatch(read(t, "docs", page), -1) {
			for _, name := range regexp.MustCompile(`doorward_\w*[a-z]\b`).FindAllString(match[1], -1) {
				// A histogram is asked for by its parts.
				whole := regexp.MustCompile(`_(bucket|sum|count)$`).ReplaceAllString(name, "")
				if !strings.Contains(known, "| `"+name+"` |") && !strings.Contains(known, "| `"+whole+"` | histogram |") {
					t.Errorf("%s: there is no metric %s", page, name)
				}
			}
			// `name{label}` tells of labels, and asks nothing.
			if asks := strings.ContainsAny(match[1], `"(`); asks {
				found++
				fmt.Fprintf(&rules, "      - { record: q%d, expr: %q }\n", found, strings.ReplaceAll(match[1], "…", "x"))
			}
		}
	}
	if found < 7 {
		t.Fatalf("only %d questions were found", found)
	}
	file := filepath.Join(t.TempDir(), "documents.yaml")
	must(t, os.WriteFile(file, []byte(rules.String()), 0o600))
	if out, err := run(t, "promtool", "check", "rules", "--lint=none", file); err != nil {
		t.Errorf("%s\n%s", out, rules.String())
	}
}

// A label that is no name of the configuration has a value that docs/metrics.md lists, whatever happens.
func TestEveryLiveLabelIsInTheBook(t *testing.T) {
	gateway := liveGateway(t)
	listed := map[string]bool{}
	_, lists, _ := strings.Cut(read(t, "docs", "metrics.md"), "## The closed lists")
	for _, word := range append(inTicks.FindAllStringSubmatch(lists, -1), inTicks.FindAllStringSubmatch(read(t, "docs", "audit.md"), -1)...) {
		listed[word[1]] = true
	}
	_, body := fetch(gateway.admin + "/metrics")
	pairs := regexp.MustCompile(`[{,](\w+)="([^"]*)"`).FindAllStringSubmatch(body, -1)
	if len(pairs) < 100 {
		t.Errorf("only %d labels", len(pairs))
	}
	for _, pair := range pairs {
		switch label, value := pair[1], pair[2]; label {
		case "route", "provider", "upstream", "target", "kid", "fingerprint", "listener", "file", "version", "sha256", "le":
		default:
			if !listed[value] {
				t.Errorf("%s=%q is in no closed list of docs/metrics.md", label, value)
			}
		}
	}
	check := exec.Command("promtool", "check", "metrics")
	check.Stdin = strings.NewReader(body)
	if out, err := check.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

func alerts(t testing.TB) []any {
	t.Helper()
	var rules map[string]any
	must(t, yaml.UnmarshalStrict([]byte(read(t, "deploy", "prometheus", "rules.yaml")), &rules))
	var all []any
	for _, group := range list(rules["groups"]) {
		all = append(all, list(at(group, "rules"))...)
	}
	return all
}

// Every expression of the dashboard, with what Grafana puts in, and the queries of its variables.
func dashboard(t testing.TB) map[string]string {
	t.Helper()
	var whole map[string]any
	must(t, json.Unmarshal([]byte(read(t, "deploy", "grafana", "doorward.json")), &whole))
	found := map[string]string{}
	ids := map[string]bool{}
	for _, panel := range list(whole["panels"]) {
		id := text(at(panel, "id"))
		if ids[id] {
			t.Errorf("two panels have the id %s", id)
		}
		ids[id] = true
		for _, target := range list(at(panel, "targets")) {
			expression := text(at(target, "expr"))
			for variable, value := range map[string]string{"$instance": ".*", "$route": ".*", "$__rate_interval": "1m"} {
				expression = strings.ReplaceAll(expression, variable, value)
			}
			if strings.Contains(expression, "$") {
				t.Errorf("a variable is unknown in %s", expression)
			}
			found[text(at(panel, "title"))+" "+text(at(target, "refId"))] = expression
		}
	}
	for _, variable := range list(at(whole, "templating", "list")) {
		if query := text(at(variable, "definition")); query != "" {
			found["variable "+text(at(variable, "name"))] = query
		}
	}
	return found
}

func TestEveryMetricOfDashboardAndAlertsIsLive(t *testing.T) {
	gateway := liveGateway(t)
	families := gateway.families()
	expressions := dashboard(t)
	for _, alert := range alerts(t) {
		expressions["alert "+text(at(alert, "alert"))] = text(at(alert, "expr"))
	}
	used := map[string]bool{}
	for where, expression := range expressions {
		for _, name := range familyName.FindAllString(expression, -1) {
			used[bare(name)] = true
			if families[name] == nil {
				t.Errorf("%s: there is no metric %s", where, name)
			}
		}
		for _, match := range selector.FindAllStringSubmatch(expression, -1) {
			for _, label := range labelName.FindAllStringSubmatch(match[2], -1) {
				// Prometheus adds this one.
				if label[1] != "instance" && !families[match[1]][label[1]] {
					t.Errorf("%s: %s has no label %s", where, match[1], label[1])
				}
			}
		}
	}
	// What the dashboard and the alerts look at has been shown to exist; here, that they look at everything.
	for name := range families {
		if !used[bare(name)] && name != "doorward_build_info" {
			t.Logf("%s is on no panel and in no alert", name)
		}
	}
	queried(t, gateway)
}

// A histogram's name without what Prometheus adds.
func bare(name string) string {
	return regexp.MustCompile(`_(bucket|count|sum)$`).ReplaceAllString(name, "")
}

// A real Prometheus scrapes the gateway, has the rules loaded, and every panel shows something.
func queried(t *testing.T, gateway gateway) {
	t.Helper()
	folder, port := t.TempDir(), freePort(t)
	config := filepath.Join(folder, "prometheus.yml")
	write(t, config, fmt.Sprintf(`
global: { scrape_interval: 1s, evaluation_interval: 1s }
rule_files: [%q]
scrape_configs: [{ job_name: doorward, static_configs: [{ targets: [%q] }] }]
`, filepath.Join(root(t), "deploy", "prometheus", "rules.yaml"), strings.TrimPrefix(gateway.admin, "http://")))
	base := fmt.Sprintf("http://127.0.0.1:%d", port)
	start(t, exec.Command("prometheus", "--config.file="+config, "--storage.tsdb.path="+filepath.Join(folder, "data"),
		"--web.listen-address="+strings.TrimPrefix(base, "http://"), "--log.level=error", "--enable-feature=exemplar-storage"))

	ask := func(query string) []any {
		_, body := fetch(base + "/api/v1/query?query=" + url.QueryEscape(query))
		var answer map[string]any
		if json.Unmarshal([]byte(body), &answer) != nil {
			return nil
		}
		if answer["status"] == "error" {
			t.Errorf("%v in %s", answer["error"], query)
		}
		return list(at(answer, "data", "result"))
	}
	stop := gateway.load()
	defer stop()
	until(t, "two scrapes", func() bool { return len(ask(`count_over_time(doorward_build_info[1m]) >= 2`)) == 1 })
	for where, expression := range dashboard(t) {
		if query, is := strings.CutPrefix(expression, "label_values("); is {
			parts := strings.Split(strings.TrimSuffix(query, ")"), ", ")
			expression = fmt.Sprintf("group by (%s) (%s{%s!=\"\"})", parts[1], parts[0], parts[1])
		}
		if len(ask(expression)) == 0 {
			t.Errorf("%s shows nothing: %s", where, expression)
		}
	}
	until(t, "rules that are evaluated", func() bool {
		_, body := fetch(base + "/api/v1/rules")
		return strings.Count(body, `"health":"ok"`) == len(alerts(t))
	})
	until(t, "an exemplar whose trace the collector has", func() bool {
		now := time.Now().Unix()
		_, body := fetch(fmt.Sprintf("%s/api/v1/query_exemplars?query=doorward_request_seconds_bucket&start=%d&end=%d", base, now-60, now+1))
		ids := regexp.MustCompile(`"trace_id":"([0-9a-f]{32})"`).FindAllStringSubmatch(body, -1)
		return slices.ContainsFunc(ids, func(id []string) bool { return gateway.collector.has(t, id[1]) })
	})
	// The configuration that was refused just now is an alert within a second or two; it waits for a minute before it is sent.
	until(t, "an alert", func() bool { return len(ask(`ALERTS{alertname="DoorwardReloadRefused", what="configuration"}`)) > 0 })
}

type gateway struct {
	t         testing.TB
	admin     string
	base      string
	collector *collector
}

// Takes traces, as they come.
type collector struct {
	lock   sync.Mutex
	bodies []byte
}

func (c *collector) ServeHTTP(_ http.ResponseWriter, request *http.Request) {
	body, _ := io.ReadAll(request.Body)
	c.lock.Lock()
	defer c.lock.Unlock()
	c.bodies = append(c.bodies, body...)
}

// Whether it has heard of a trace.
func (c *collector) has(t testing.TB, id string) bool {
	wanted, err := hex.DecodeString(id)
	must(t, err)
	c.lock.Lock()
	defer c.lock.Unlock()
	return bytes.Contains(c.bodies, wanted)
}

// Visits it all the time, until it is told to stop.
func (g gateway) load() func() {
	done := make(chan struct{})
	var workers sync.WaitGroup
	workers.Go(func() {
		for {
			select {
			case <-done:
				return
			case <-time.After(20 * time.Millisecond):
				fetch(g.base + "/broken")
				fetch(g.base + "/")
			}
		}
	})
	return func() { close(done); workers.Wait() }
}

// A gateway to which everything has happened that it counts.
func liveGateway(t *testing.T) gateway {
	t.Helper()
	folder, port, admin := t.TempDir(), freePort(t), freePort(t)
	app := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(app.Close)
	store := freePort(t)
	start(t, exec.Command("redis-server", "--port", fmt.Sprint(store), "--bind", "127.0.0.1", "--save", "", "--dir", folder))
	base := fmt.Sprintf("http://127.0.0.1:%d", port)
	config := filepath.Join(folder, "doorward.yaml")
	certificate(t, folder)
	traces := &collector{}
	taking := httptest.NewServer(traces)
	t.Cleanup(taking.Close)
	good := fmt.Sprintf(`
public_url: %[1]q
listeners:
  - { address: "127.0.0.1:%[2]d" }
  - { address: "127.0.0.1:%[9]d", tls: { certificate_file: certificate.pem, key_file: key.pem } }
admin: { address: "127.0.0.1:%[3]d" }
providers: { local: { issuer: %[4]q, insecure_http_issuer: true, client_id: doorward, client_secret: a-secret-of-this-test } }
tracing: { endpoint: %[10]q, sample: 1 }
session: { store: redis, redis: { url: "redis://127.0.0.1:%[8]d/0" }, keys: [{ id: first, key: %[5]q }] }
routes:
  - { name: app, upstream: %[6]q, access: signed_in }
  - { name: broken, path: /broken, upstream: { targets: ["http://127.0.0.1:%[7]d"], ejection: { failures: 1 } }, access: open }
  - { name: limited, path: /limited, upstream: %[6]q, access: open, rate: { requests: 1, per: 1m, burst: 1 } }
`, base, port, admin, provider(t), sessionKey, app.URL, freePort(t), store, freePort(t), taking.URL)
	write(t, config, good)
	running := start(t, exec.Command(program(t), "run", "--config", config))
	it := gateway{t, fmt.Sprintf("http://127.0.0.1:%d", admin), base, traces}
	until(t, "a gateway", func() bool { status, _ := fetch(it.admin + "/ready"); return status == 200 })

	jar, err := cookiejar.New(nil)
	must(t, err)
	person := &http.Client{Jar: jar}
	visit := func(client *http.Client, method, path string, headers map[string]string) int {
		request, err := http.NewRequest(method, base+path, nil)
		must(t, err)
		for name, value := range map[string]string{"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Accept": "text/html"} {
			request.Header.Set(name, value)
		}
		for name, value := range headers {
			request.Header.Set(name, value)
		}
		response, err := client.Do(request)
		must(t, err)
		defer response.Body.Close()
		_, _ = io.Copy(io.Discard, response.Body)
		return response.StatusCode
	}
	if status := visit(person, "GET", "/", nil); status != 200 {
		t.Fatalf("nobody can sign in: %d", status)
	}
	until(t, "a renewal", func() bool {
		visit(person, "GET", "/", nil)
		return it.families()["doorward_renewals_total"] != nil
	})
	until(t, "the feed", func() bool {
		return it.families()["doorward_session_feed_up"] != nil && it.families()["doorward_store_eviction"] != nil
	})
	until(t, "spans", func() bool { return it.families()["doorward_trace_spans_total"] != nil })
	visit(http.DefaultClient, "GET", "/broken", nil)
	visit(http.DefaultClient, "GET", "/limited", nil)
	visit(http.DefaultClient, "GET", "/limited", nil)
	visit(http.DefaultClient, "GET", "/", map[string]string{"Cookie": "doorward=x", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"})
	visit(person, "POST", "/.doorward/sign-out", map[string]string{"Origin": base, "Sec-Fetch-Site": "same-origin"})
	write(t, config, good+"nonsense: 1\n")
	must(t, running.Process.Signal(syscall.SIGHUP))
	until(t, "a reload that is refused", func() bool { return it.families()["doorward_config_reloads_total"] != nil })
	// `doorward health` of the configuration that runs, from a file and by URL. The gateway's own file stays as it is, for the alert.
	runs := config + ".good.yaml"
	must(t, os.WriteFile(runs, []byte(good), 0o644))
	for _, arguments := range [][]string{{"--config", runs}, {"--live", "--url", it.admin}} {
		if out, err := run(t, program(t), append([]string{"health"}, arguments...)...); err != nil {
			t.Error(out)
		}
	}
	return it
}

// Every metric there is, by its full name, with its labels.
func (g gateway) families() map[string]map[string]bool {
	g.t.Helper()
	_, body := fetch(g.admin + "/metrics")
	found := map[string]map[string]bool{}
	for _, line := range strings.Split(body, "\n") {
		name := familyName.FindString(line)
		if strings.HasPrefix(line, "#") || name == "" {
			continue
		}
		if found[name] == nil {
			found[name] = map[string]bool{}
		}
		for _, label := range labelName.FindAllStringSubmatch(line, -1) {
			found[name][label[1]] = true
		}
	}
	return found
}
