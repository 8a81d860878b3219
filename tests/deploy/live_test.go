package deploy

import (
	"context"
	"testing"

	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/yaml"
)

// A cluster with one Deployment, which the chart's templates may look up.
type cluster struct {
	dynamic.NamespaceableResourceInterface
	deployment map[string]any
}

func (c cluster) GetClientFor(_, kind string) (dynamic.NamespaceableResourceInterface, bool, error) {
	return c, kind == "Deployment", nil
}

func (c cluster) Namespace(string) dynamic.ResourceInterface { return c }

func (c cluster) Get(context.Context, string, v1.GetOptions, ...string) (*unstructured.Unstructured, error) {
	return &unstructured.Unstructured{Object: c.deployment}, nil
}

// Kubernetes takes a number that was written once and no longer is for 1: turning the autoscaler on would end all gateways but one.
func TestTheAutoscalerKeepsTheGatewaysThatThereAre(t *testing.T) {
	loaded := doorwardChart(t)
	var values map[string]any
	must(t, yaml.UnmarshalStrict([]byte(mustRead(t, "values/production.yaml")), &values))
	all, err := chartutil.ToRenderValues(loaded, values, chartutil.ReleaseOptions{Name: "front", Namespace: "gateways", IsUpgrade: true},
		chartutil.DefaultCapabilities)
	must(t, err)
	live := cluster{deployment: map[string]any{"spec": map[string]any{"replicas": int64(5)}}}
	files, err := engine.RenderWithClientProvider(loaded, all, live)
	must(t, err)
	deployment := deploymentOf(t, objects(t, files["doorward/templates/deployment.yaml"]))
	if got := text(at(deployment, "spec", "replicas")); got != "5" {
		t.Errorf("%q gateways of 5 are left", got)
	}
	// Where nothing can be looked up, the autoscaler alone says it.
	deployment = deploymentOf(t, rendered(t, mustRead(t, "values/production.yaml")))
	if at(deployment, "spec", "replicas") != nil {
		t.Errorf("%v", at(deployment, "spec", "replicas"))
	}
}
