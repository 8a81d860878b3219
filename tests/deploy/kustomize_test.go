package deploy

import (
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

func kustomize(t testing.TB, name string) []map[string]any {
	t.Helper()
	folder := filepath.Join(root(t), "deploy", "kubernetes", name)
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), folder)
	must(t, err)
	text, err := built.AsYaml()
	must(t, err)
	return objects(t, string(text))
}

func TestTheExamplesAreValidKubernetes(t *testing.T) {
	for _, name := range []string{"standalone", "ingress", "sidecar"} {
		all := kustomize(t, name)
		configs := 0
		for _, object := range all {
			if err := invalid(t, object); err != nil {
				t.Errorf("%s: %s: %v", name, object["kind"], err)
			}
			if config := text(at(object, "data", "doorward.yaml")); config != "" {
				configs++
				if out, err := check(t, config); err != nil {
					t.Errorf("%s: %s", name, out)
				}
			}
		}
		if configs != 1 {
			t.Errorf("%s has %d configurations", name, configs)
		}
		coherent(t, name, all)
	}
}

func TestNoExampleEndsBeforeEndpointsHearOfIt(t *testing.T) {
	for _, name := range []string{"standalone", "ingress"} {
		config := text(at(pick(t, kustomize(t, name), "ConfigMap", "doorward"), "data", "doorward.yaml"))
		if !strings.Contains(config, "shutdown: { delay: 5s }") {
			t.Errorf("%s:\n%s", name, config)
		}
	}
}

func TestTheSidecarIsANativeOne(t *testing.T) {
	pod := at(pick(t, kustomize(t, "sidecar"), "Deployment", "wiki"), "spec", "template", "spec")
	if at(pod, "initContainers", 0, "name") != "doorward" || at(pod, "initContainers", 0, "restartPolicy") != "Always" {
		t.Errorf("%v", at(pod, "initContainers"))
	}
	config := text(at(pick(t, kustomize(t, "sidecar"), "ConfigMap", "wiki-doorward"), "data", "doorward.yaml"))
	// The kubelet ends it after the app, so the wait for endpoints is the app's.
	if wait := text(at(pod, "containers", 0, "lifecycle", "preStop", "sleep", "seconds")); wait != "5" || strings.Contains(config, "delay") {
		t.Errorf("the app waits %q seconds, and the configuration says\n%s", wait, config)
	}
	app := text(at(pod, "containers", 0, "env", 0, "value"))
	if !strings.Contains(config, "http://"+app) {
		t.Errorf("the app listens on %s, and the configuration says\n%s", app, config)
	}
}

func TestTheExampleBehindAnIngressHasThreeThatShareSessions(t *testing.T) {
	all := kustomize(t, "ingress")
	if got := text(at(pick(t, all, "Deployment", "doorward"), "spec", "replicas")); got != "3" {
		t.Errorf("%s replicas", got)
	}
	if config := text(at(pick(t, all, "ConfigMap", "doorward"), "data", "doorward.yaml")); !strings.Contains(config, "store: redis") {
		t.Errorf("sessions are not shared:\n%s", config)
	}
}
