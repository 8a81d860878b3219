package deploy

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// Every path to a boolean of the chart's values, but for lists, of which none has any.
func switches(value any, path []string) [][]string {
	var found [][]string
	switch value := value.(type) {
	case bool:
		return [][]string{path}
	case map[string]any:
		for name, inner := range value {
			found = append(found, switches(inner, append(path[:len(path):len(path)], name))...)
		}
	}
	return found
}

// Helm's templates take the text "false" for true, so no text may come so far.
func TestNoTextIsTakenForTrueOrFalse(t *testing.T) {
	good := mustRead(t, "values/smallest.yaml")
	var defaults map[string]any
	must(t, yaml.Unmarshal([]byte(read(t, "helm", "doorward", "values.yaml")), &defaults))
	delete(defaults, "config")
	delete(defaults, "securityContext") // Kubernetes' own, which says so itself
	delete(defaults, "podSecurityContext")
	all := switches(defaults, nil)
	if len(all) < 13 {
		t.Errorf("only %d switches were found: %v", len(all), all)
	}
	refused := func(values string) {
		t.Helper()
		if _, err := render(t, merged(t, good, values)); err == nil || !strings.Contains(err.Error(), "boolean") {
			t.Errorf("%s: %v", values, err)
		}
	}
	for _, path := range all {
		for _, text := range []string{"false", "true", "", "no"} {
			refused("{ " + strings.Join(path, ": { ") + ": " + fmt.Sprintf("%q", text) + strings.Repeat(" }", len(path)))
		}
	}
	for _, values := range []string{
		`config: { listeners: [{ address: "0.0.0.0:8080", behind_tls_proxy: "true" }] }`,
		`config: { insecure_trust_all_proxies: "false" }`,
		`config: { providers: { corporate: { issuer: "http://id", client_id: a, insecure_http_issuer: "true" } } }`,
		`config: { session: { redis: { url: "redis://r", tls: "false" } } }`,
	} {
		refused(values)
	}
	// Doorward itself refuses what a ConfigMap of one's own says so.
	if out, err := check(t, "listeners: [{ address: \"0.0.0.0:8080\", behind_tls_proxy: \"true\" }]\nroutes: [{ upstream: \"http://a\", access: open }]\n"); err == nil ||
		!strings.Contains(out, "behind_tls_proxy") {
		t.Errorf("check takes a text for true: %v\n%s", err, out)
	}
}

// The chart's schema holds that of the configuration, so that a key that is misspelt is refused before a pod starts. Written anew with
// DOORWARD_WRITE=1; formats are left out, since a validator's own `duration` is not ours.
func TestTheChartsSchemaHoldsThatOfTheConfiguration(t *testing.T) {
	var own, chart map[string]any
	must(t, json.Unmarshal([]byte(read(t, "docs", "config.schema.json")), &own))
	path := filepath.Join(root(t), "helm", "doorward", "values.schema.json")
	must(t, json.Unmarshal([]byte(mustRead(t, path)), &chart))
	unformatted(own)
	definitions := own["$defs"]
	config := map[string]any{
		"type": "object", "description": "doorward.yaml; see docs/config.schema.json.", "additionalProperties": false,
		"properties": own["properties"], "patternProperties": own["patternProperties"],
	}
	// The chart says in words what it wants of routes.
	delete(at(config, "properties", "routes").(map[string]any), "minItems")
	if reflect.DeepEqual(chart["$defs"], definitions) && reflect.DeepEqual(at(chart, "properties", "config"), any(config)) {
		return
	}
	if os.Getenv("DOORWARD_WRITE") == "" {
		t.Fatal("helm/doorward/values.schema.json does not hold docs/config.schema.json: run `DOORWARD_WRITE=1 go test -run TestTheChartsSchema .` here")
	}
	chart["$defs"], at(chart, "properties").(map[string]any)["config"] = definitions, config
	var out strings.Builder
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	must(t, encoder.Encode(chart))
	must(t, os.WriteFile(path, []byte(out.String()), 0o644))
}

// Takes `format` out of a schema, where it is a keyword and not the name of a property.
func unformatted(schema any) {
	switch schema := schema.(type) {
	case map[string]any:
		if _, word := schema["format"].(string); word {
			delete(schema, "format")
		}
		for _, inner := range schema {
			unformatted(inner)
		}
	case []any:
		for _, inner := range schema {
			unformatted(inner)
		}
	}
}
