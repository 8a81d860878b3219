package deploy

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"sigs.k8s.io/yaml"
)

// Where the schemas come from: modules of Go's proxy, each with the checksum of its content.
var (
	kubernetes = module{"k8s.io/kubernetes@v1.36.3", "h1:qDQdoMiluAE2Eab6Fa52YV+WjiGz9mZFFoagEA6cI+o="}
	gatewayAPI = module{"sigs.k8s.io/gateway-api@v1.6.3", "h1:lKpJa5bGlraC/QeACvCpsHLdmO6y0iKfzVl6gzaFEYc="}
	prometheus = module{"github.com/prometheus-operator/prometheus-operator@v0.85.0", "h1:M5xLCLEoaW2IJfnuCwFzzpL+jSVQu3KGT84Pye+fW8s="}
)

// What is known of each kind that is shipped. Another one has to be added here first.
var sources = map[string]source{
	"v1":                                     {kubernetes, "api/openapi-spec/v3/api__v1_openapi.json"},
	"apps/v1":                                {kubernetes, "api/openapi-spec/v3/apis__apps__v1_openapi.json"},
	"autoscaling/v2":                         {kubernetes, "api/openapi-spec/v3/apis__autoscaling__v2_openapi.json"},
	"networking.k8s.io/v1":                   {kubernetes, "api/openapi-spec/v3/apis__networking.k8s.io__v1_openapi.json"},
	"policy/v1":                              {kubernetes, "api/openapi-spec/v3/apis__policy__v1_openapi.json"},
	"gateway.networking.k8s.io/v1 HTTPRoute": {gatewayAPI, "config/crd/standard/gateway.networking.k8s.io_httproutes.yaml"},
	"monitoring.coreos.com/v1 PodMonitor":    {prometheus, "example/prometheus-operator-crd/monitoring.coreos.com_podmonitors.yaml"},
	"monitoring.coreos.com/v1 ServiceMonitor": {prometheus, "example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml"},
	"monitoring.coreos.com/v1 PrometheusRule": {prometheus, "example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml"},
}

type module struct{ version, sum string }

type source struct {
	module module
	path   string
}

var (
	folders  = map[string]string{}
	compiled = map[string]*jsonschema.Schema{}
	lock     sync.Mutex
)

// The module's folder in Go's cache, downloaded once.
func (m module) folder(t testing.TB) string {
	t.Helper()
	if folder, ok := folders[m.version]; ok {
		return folder
	}
	command := exec.Command("go", "mod", "download", "-json", m.version)
	command.Dir = os.TempDir()
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%s cannot be downloaded: %v\n%s", m.version, err, out)
	}
	var got struct{ Dir, Sum string }
	must(t, json.Unmarshal(out, &got))
	if got.Sum != m.sum {
		t.Fatalf("%s has the checksum %s, not %s", m.version, got.Sum, m.sum)
	}
	folders[m.version] = got.Dir
	return got.Dir
}

// The first problem of an object by the schema of its kind, unknown fields included.
func invalid(t testing.TB, object map[string]any) error {
	t.Helper()
	return schemaOf(t, text(object["apiVersion"]), text(object["kind"])).Validate(plain(t, object))
}

// As encoding/json has it: the validator knows its types only.
func plain(t testing.TB, value any) any {
	t.Helper()
	bytes, err := json.Marshal(value)
	must(t, err)
	plain, err := jsonschema.UnmarshalJSON(strings.NewReader(string(bytes)))
	must(t, err)
	return plain
}

func schemaOf(t testing.TB, version, kind string) *jsonschema.Schema {
	t.Helper()
	lock.Lock()
	defer lock.Unlock()
	name := version + " " + kind
	if schema, ok := compiled[name]; ok {
		return schema
	}
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft4)
	location, pointer := "schema:///"+strings.ReplaceAll(name, " ", "/"), ""
	var document any
	if from, ok := sources[version]; ok {
		document = load(t, from)
		pointer = definition(t, document, version, kind)
		for _, one := range at(document, "components", "schemas").(map[string]any) {
			strict(one)
		}
	} else if from, ok := sources[name]; ok {
		document = custom(t, load(t, from), version)
		strict(document)
	} else {
		t.Fatalf("no schema is known for %s", name)
	}
	must(t, compiler.AddResource(location, plain(t, document)))
	schema, err := compiler.Compile(location + "#" + pointer)
	must(t, err)
	compiled[name] = schema
	return schema
}

func load(t testing.TB, from source) any {
	t.Helper()
	bytes, err := os.ReadFile(filepath.Join(from.module.folder(t), from.path))
	must(t, err)
	var document any
	must(t, yaml.Unmarshal(bytes, &document))
	return document
}

// The pointer to the definition of a kind.
func definition(t testing.TB, document any, version, kind string) string {
	t.Helper()
	for name, schema := range at(document, "components", "schemas").(map[string]any) {
		for _, one := range list(at(schema, "x-kubernetes-group-version-kind")) {
			known := strings.TrimPrefix(text(at(one, "group"))+"/"+text(at(one, "version")), "/")
			if known == version && text(at(one, "kind")) == kind {
				return "/components/schemas/" + name
			}
		}
	}
	t.Fatalf("there is no %s %s", version, kind)
	return ""
}

// The schema of a version of a CustomResourceDefinition.
func custom(t testing.TB, document any, version string) any {
	t.Helper()
	for _, one := range list(at(document, "spec", "versions")) {
		if strings.HasSuffix(version, "/"+text(at(one, "name"))) {
			schema := at(one, "schema", "openAPIV3Schema").(map[string]any)
			// Kubernetes knows these by itself.
			at(schema, "properties", "metadata").(map[string]any)["x-kubernetes-preserve-unknown-fields"] = true
			return schema
		}
	}
	t.Fatalf("there is no version %s", version)
	return nil
}

// Makes an unknown field a mistake, as `kubectl apply` with validation does, and OpenAPI's words JSON Schema's. The branches of
// anyOf and its like say only what they add, so nothing is closed within them.
func strict(schema any) {
	one, ok := schema.(map[string]any)
	if !ok {
		return
	}
	delete(one, "format")
	delete(one, "default")
	if one["nullable"] == true {
		one["type"] = []any{one["type"], "null"}
	}
	if one["x-kubernetes-int-or-string"] == true {
		delete(one, "type")
	}
	properties, closed := one["properties"].(map[string]any)
	_, more := one["additionalProperties"]
	if closed && !more && one["x-kubernetes-preserve-unknown-fields"] != true {
		one["additionalProperties"] = false
	}
	for _, inner := range properties {
		strict(inner)
	}
	strict(one["items"])
	strict(one["additionalProperties"])
}
