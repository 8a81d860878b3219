package deploy

import (
	"io"
	"log"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"sigs.k8s.io/yaml"
)

func doorwardChart(t testing.TB) *chart.Chart {
	t.Helper()
	log.SetOutput(io.Discard)
	loaded, err := loader.Load(filepath.Join(root(t), "helm", "doorward"))
	must(t, err)
	must(t, loaded.Validate())
	return loaded
}

// What `helm template` makes of the chart: a text a template, the notes among them.
func render(t testing.TB, values string) (map[string]string, error) {
	t.Helper()
	loaded := doorwardChart(t)
	var written map[string]any
	must(t, yaml.UnmarshalStrict([]byte(values), &written))
	release := chartutil.ReleaseOptions{Name: "front", Namespace: "gateways", Revision: 1, IsInstall: true}
	all, err := chartutil.ToRenderValues(loaded, written, release, chartutil.DefaultCapabilities)
	if err != nil {
		return nil, err
	}
	return engine.Render(loaded, all)
}

func rendered(t testing.TB, values string) []map[string]any {
	t.Helper()
	files, err := render(t, values)
	must(t, err)
	var all []map[string]any
	for name, text := range files {
		if strings.HasSuffix(name, ".yaml") {
			all = append(all, objects(t, text)...)
		}
	}
	return all
}

func valuesFiles(t testing.TB) map[string]string {
	t.Helper()
	found := map[string]string{}
	paths, err := filepath.Glob("values/*.yaml")
	must(t, err)
	for _, path := range paths {
		found[strings.TrimSuffix(filepath.Base(path), ".yaml")] = mustRead(t, path)
	}
	if len(found) < 4 {
		t.Fatalf("only %d values files were found", len(found))
	}
	return found
}

func TestEveryTemplateIsValidKubernetes(t *testing.T) {
	kinds := map[string]bool{}
	for name, values := range valuesFiles(t) {
		for _, object := range rendered(t, values) {
			kinds[text(object["kind"])] = true
			if err := invalid(t, object); err != nil {
				t.Errorf("%s: %s %s: %v", name, object["kind"], at(object, "metadata", "name"), err)
			}
		}
		coherent(t, name, rendered(t, values))
	}
	for _, kind := range []string{"Deployment", "Service", "ConfigMap", "Ingress", "HTTPRoute", "HorizontalPodAutoscaler",
		"PodDisruptionBudget", "NetworkPolicy", "ServiceMonitor", "PodMonitor", "PrometheusRule", "ServiceAccount"} {
		if !kinds[kind] {
			t.Errorf("no values file renders a %s", kind)
		}
	}
}

func TestTheValidatorSeesMistakes(t *testing.T) {
	good := func() map[string]any {
		return pick(t, rendered(t, mustRead(t, "values/smallest.yaml")), "Deployment", "front-doorward")
	}
	if err := invalid(t, good()); err != nil {
		t.Fatal(err)
	}
	unknown, wrong, missing := good(), good(), good()
	at(unknown, "spec", "template", "spec").(map[string]any)["hostPid"] = true
	at(wrong, "spec").(map[string]any)["replicas"] = "three"
	delete(at(missing, "spec").(map[string]any), "selector")
	for what, object := range map[string]map[string]any{"unknown": unknown, "wrong": wrong, "missing": missing} {
		if invalid(t, object) == nil {
			t.Errorf("a field that is %s passes", what)
		}
	}
	route := pick(t, rendered(t, mustRead(t, "values/everything.yaml")), "HTTPRoute", "front-gate")
	at(route, "spec", "rules", 0).(map[string]any)["backends"] = []any{}
	if invalid(t, route) == nil {
		t.Error("an unknown field of a custom resource passes")
	}
}

// What refers to something refers to something that is there: schemas do not see that.
func coherent(t testing.TB, name string, all []map[string]any) {
	t.Helper()
	for _, object := range all {
		pod := at(object, "spec", "template")
		if pod == nil {
			continue
		}
		volumes := map[string]bool{}
		for _, one := range list(at(pod, "spec", "volumes")) {
			volumes[text(at(one, "name"))] = true
			if config := text(at(one, "configMap", "name")); config != "" {
				pick(t, all, "ConfigMap", config)
			}
		}
		ports := map[string]string{}
		for _, container := range append(list(at(pod, "spec", "initContainers")), list(at(pod, "spec", "containers"))...) {
			for _, mount := range list(at(container, "volumeMounts")) {
				if !volumes[text(at(mount, "name"))] || at(mount, "subPath") != nil {
					t.Errorf("%s: %v is no volume, or a part of one, which never changes in a running pod", name, mount)
				}
			}
			for _, port := range list(at(container, "ports")) {
				ports[text(at(port, "name"))] = text(at(port, "containerPort"))
			}
		}
		for key, value := range at(object, "spec", "selector", "matchLabels").(map[string]any) {
			if at(pod, "metadata", "labels", key) != value {
				t.Errorf("%s: the selector asks for %s=%v, which pods do not have", name, key, value)
			}
		}
		for _, service := range all {
			if service["kind"] != "Service" {
				continue
			}
			for _, port := range list(at(service, "spec", "ports")) {
				if ports[text(at(port, "targetPort"))] == "" {
					t.Errorf("%s: a service leads to the port %v, which no container has", name, at(port, "targetPort"))
				}
			}
		}
		hardened(t, name, pod)
	}
}

// The pod security standard "restricted", for Doorward's container.
func hardened(t testing.TB, name string, pod any) {
	t.Helper()
	if at(pod, "spec", "securityContext", "runAsNonRoot") != true ||
		at(pod, "spec", "securityContext", "seccompProfile", "type") != "RuntimeDefault" ||
		at(pod, "spec", "automountServiceAccountToken") != false {
		t.Errorf("%s: the pod is not restricted", name)
	}
	seen := 0
	for _, container := range append(list(at(pod, "spec", "initContainers")), list(at(pod, "spec", "containers"))...) {
		if at(container, "name") != "doorward" {
			continue
		}
		seen++
		context := at(container, "securityContext")
		if at(context, "allowPrivilegeEscalation") != false || at(context, "readOnlyRootFilesystem") != true ||
			at(context, "capabilities", "drop", 0) != "ALL" {
			t.Errorf("%s: the container is not restricted: %v", name, context)
		}
		for _, probe := range []string{"startupProbe", "livenessProbe", "readinessProbe"} {
			if at(container, probe) == nil {
				t.Errorf("%s: there is no %s", name, probe)
			}
		}
	}
	if seen != 1 {
		t.Errorf("%s: %d containers are called doorward", name, seen)
	}
}

func TestCheckAcceptsWhatTheChartWrites(t *testing.T) {
	checked := 0
	for name, values := range valuesFiles(t) {
		for _, object := range rendered(t, values) {
			config := text(at(object, "data", "doorward.yaml"))
			if config == "" {
				continue
			}
			checked++
			if out, err := check(t, config); err != nil {
				t.Errorf("%s: %s\n%s", name, out, config)
			}
			// A configuration may name only what is mounted.
			deployment := deploymentOf(t, rendered(t, values))
			for _, file := range filesOf(t, config) {
				if !slices.ContainsFunc(list(at(deployment, "spec", "template", "spec", "containers", 0, "volumeMounts")), func(mount any) bool {
					return strings.HasPrefix(file, text(at(mount, "mountPath"))+"/")
				}) {
					t.Errorf("%s: %s is not mounted", name, file)
				}
			}
		}
	}
	if checked < 3 {
		t.Errorf("only %d configurations were checked", checked)
	}
}

func deploymentOf(t testing.TB, all []map[string]any) map[string]any {
	t.Helper()
	for _, object := range all {
		if object["kind"] == "Deployment" {
			return object
		}
	}
	t.Fatal("there is no Deployment")
	return nil
}

func TestTheAdminListenerIsOnLoopbackUntilItIsExposed(t *testing.T) {
	closed := rendered(t, mustRead(t, "values/smallest.yaml"))
	config := text(at(pick(t, closed, "ConfigMap", "front-doorward"), "data", "doorward.yaml"))
	if !strings.Contains(config, "address: 127.0.0.1:9090") || strings.Contains(config, "insecure_public_admin") {
		t.Errorf("it is exposed:\n%s", config)
	}
	container := at(deploymentOf(t, closed), "spec", "template", "spec", "containers", 0)
	want := "[/usr/bin/doorward health --url=http://127.0.0.1:9090]"
	if got := text(at(container, "readinessProbe", "exec", "command")); got != want {
		t.Errorf("the probe is %s", got)
	}
	policy := pick(t, closed, "NetworkPolicy", "front-doorward")
	if got := text(at(policy, "spec", "ingress")); got != "[map[ports:[map[port:8080 protocol:TCP]]]]" {
		t.Errorf("the policy lets through %s", got)
	}

	open := rendered(t, mustRead(t, "values/production.yaml"))
	container = at(deploymentOf(t, open), "spec", "template", "spec", "containers", 0)
	if text(at(container, "readinessProbe", "httpGet", "path")) != "/ready" || text(at(container, "livenessProbe", "httpGet", "path")) != "/live" {
		t.Errorf("the kubelet does not ask: %v", container)
	}
	rule := at(pick(t, open, "NetworkPolicy", "front-doorward"), "spec", "ingress", 1)
	if text(at(rule, "ports", 0, "port")) != "9090" || len(list(at(rule, "from"))) != 1 {
		t.Errorf("the policy does not say who may scrape: %v", rule)
	}
}

func TestBalancersAndClientsHearOfAPodsEnd(t *testing.T) {
	files := valuesFiles(t)
	// Doorward itself serves on and tells its clients; whether it does by a configuration that the chart does not write is not known.
	config := text(at(pick(t, rendered(t, files["smallest"]), "ConfigMap", "front-doorward"), "data", "doorward.yaml"))
	if !strings.Contains(config, "delay: 5s") {
		t.Errorf("there is no shutdown.delay:\n%s", config)
	}
	for _, row := range []struct{ name, values, sleep string }{
		{"smallest", files["smallest"], ""},
		{"existing", files["existing"], "5"},
		{"existing, and told not to", merged(t, files["existing"], "preStopSleepSeconds: 0"), ""},
		{"smallest, and told to", merged(t, files["smallest"], "preStopSleepSeconds: 7"), "7"},
	} {
		container := at(deploymentOf(t, rendered(t, row.values)), "spec", "template", "spec", "containers", 0)
		if got := text(at(container, "lifecycle", "preStop", "sleep", "seconds")); got != row.sleep {
			t.Errorf("%s: preStop sleeps for %q, not %q", row.name, got, row.sleep)
		}
	}
}

func TestValuesThatCannotWorkAreRefused(t *testing.T) {
	good := mustRead(t, "values/smallest.yaml")
	for values, told := range map[string]string{
		"replicas: many":                   "replicas",
		"replicas: -1":                     "replicas",
		"replica: 3":                       "replica",
		"image: { repository: \"a:b\" }":   "image",
		"image: { pullPolicy: Sometimes }": "pullPolicy",
		"admin: { port: 70000 }":           "port",
		"service: { ports: [] }":           "ports",
		"service: { type: Public }":        "type",
		"service: { ports: [{ name: admin, port: 80, targetPort: 8080 }] }": "name",
		"redis: { url: \"http://redis\" }":                                  "url",
		"sessionKeys: { ids: [\"a b\"] }":                                   "ids",
		"ingress: { hosts: [\"https://a\"] }":                               "hosts",
		"podMonitor: { interval: often }":                                   "interval",
		"secrets: [Not_A_Name]":                                             "secrets",
		"extraEnv: [{ value: x }]":                                          "extraEnv",
		"replicas: 2":                                                       "each would know only its own people",
		"autoscaling: { enabled: true }":                                    "each would know only its own people",
		"redis: { url: \"redis://r:6379\" }":                                "sessions in Redis without keys",
		"sessionKeys: { ids: [first] }":                                     "say which Secret holds them",
		"redis: { ca: nowhere/ca.crt }":                                     "is not in a Secret of `secrets`",
		"podMonitor: { enabled: true }":                                     "need admin.exposed: true",
		"ingress: { enabled: true }":                                        "ingress.hosts is empty",
		"httpRoute: { enabled: true }":                                      "httpRoute needs parentRefs and hostnames",
		"existingConfig: { secret: a, configMap: b }":                       "not both",
		"{ admin: { exposed: true }, networkPolicy: { enabled: false } }":   "every pod of the cluster could reach it",
		"image: { repository: \"\" }":                                       "image.repository is empty",
		"config: { routes: [] }":                                            "config.routes is empty",
		"config: { admin: { address: \"0.0.0.0:9\" } }":                     "config.admin: the chart writes it",
	} {
		_, err := render(t, merged(t, good, values))
		if err == nil || !strings.Contains(err.Error(), told) {
			t.Errorf("%s: %v", values, err)
		}
	}
	if _, err := render(t, merged(t, good, "replicas: 1")); err != nil {
		t.Errorf("what is good is refused: %v", err)
	}
}

func merged(t testing.TB, under, over string) string {
	t.Helper()
	var low, high map[string]any
	must(t, yaml.Unmarshal([]byte(under), &low))
	must(t, yaml.Unmarshal([]byte(over), &high))
	all, err := yaml.Marshal(chartutil.CoalesceTables(high, low))
	must(t, err)
	return string(all)
}

func TestTheChartKnowsItsVersionAndAlerts(t *testing.T) {
	version := regexp.MustCompile(`(?m)^version = "(.*)"$`).FindStringSubmatch(read(t, "Cargo.toml"))[1]
	if loaded := doorwardChart(t); loaded.Metadata.AppVersion != version || loaded.Metadata.Version != version {
		t.Errorf("the chart is %s of %s, the program %s", loaded.Metadata.Version, loaded.Metadata.AppVersion, version)
	}
	if read(t, "helm", "doorward", "files", "rules.yaml") != read(t, "deploy", "prometheus", "rules.yaml") {
		t.Error("the chart's alerts are not those of deploy/prometheus")
	}
	rule := pick(t, rendered(t, mustRead(t, "values/everything.yaml")), "PrometheusRule", "front-gate")
	var names []string
	for _, one := range list(at(rule, "spec", "groups", 0, "rules")) {
		names = append(names, text(at(one, "alert")))
		if at(one, "labels", "team") != "platform" || text(at(one, "labels", "severity")) == "" {
			t.Errorf("labels %v", at(one, "labels"))
		}
	}
	if slices.Contains(names, "DoorwardVersionsDiffer") || !slices.Contains(names, "DoorwardErrors") {
		t.Errorf("alerts %v", names)
	}
}

func TestEveryValueIsExplained(t *testing.T) {
	// A key at the top has a comment right above it, beside it, or within its block.
	key := regexp.MustCompile(`^(\w+):`)
	lines := strings.Split(read(t, "helm", "doorward", "values.yaml"), "\n")
	for first := 1; first < len(lines); first++ {
		if !key.MatchString(lines[first]) {
			continue
		}
		last := first + 1
		for last < len(lines) && strings.HasPrefix(lines[last], " ") {
			last++
		}
		if !strings.Contains(strings.Join(lines[first-1:last], "\n"), "#") {
			t.Errorf("values.yaml:%d: %q has no word of explanation", first+1, lines[first])
		}
	}
}

func TestTheNotesFollowTheValues(t *testing.T) {
	notes := func(values string) string {
		files, err := render(t, mustRead(t, values))
		must(t, err)
		return files["doorward/templates/NOTES.txt"]
	}
	for values, told := range map[string]string{
		"values/smallest.yaml":   "Sessions are in the memory of one pod",
		"values/existing.yaml":   "kubectl -n gateways rollout status deployment/front-doorward",
		"values/production.yaml": "doorward check --config /etc/doorward/config/doorward.yaml",
	} {
		if !strings.Contains(notes(values), told) {
			t.Errorf("%s: %s", values, notes(values))
		}
	}
	if strings.Contains(notes("values/production.yaml"), "Sessions are in the memory") {
		t.Error("sessions are in Redis")
	}
}
