# Doorward: `make run` to try it, `make test` to check it. `make help` lists the rest.
#
# Missing build and test tools are installed by .ci/need, which says what it installs and why.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help

NEED := .ci/need
CARGO ?= cargo
export CARGO_TERM_PROGRESS_WHEN ?= never
RUSTDOCFLAGS_CHECK := -D warnings

.PHONY: help run release test check fmt fmt-check clippy doc rust-test deploy-test e2e faults soak test-long test-real bench schema deny

help: ## Say what each target does
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: ## Start the demo: gateway, development identity provider and sample app
	@$(NEED) cargo cc cmake
	$(CARGO) run --locked -- demo

release: ## Build target/release/doorward, without the demo
	@$(NEED) cargo cc cmake
	$(CARGO) build --release --locked --no-default-features

test: ## Everything CI runs: format, clippy, docs, tidy, unit, integration, deployment, browser
	@$(NEED) cargo fmt clippy node cc cmake redis-server haproxy nginx chromium openssl node-modules go prometheus systemd deploy-modules
	@.ci/test

check: ## The quick part: format, clippy and the walls
	@$(NEED) cargo fmt clippy cc cmake
	@$(MAKE) fmt-check clippy
	$(CARGO) test --test tidy

fmt: ## Format the code
	@$(NEED) cargo fmt
	$(CARGO) fmt

fmt-check:
	$(CARGO) fmt --check

clippy:
	$(CARGO) clippy --locked --all-targets -- -D warnings

doc: ## Build the API documentation; warnings are errors
	@$(NEED) cargo cc cmake
	RUSTDOCFLAGS="$(RUSTDOCFLAGS_CHECK)" $(CARGO) doc --locked --no-deps

rust-test: ## Unit, integration and documentation tests
	@$(NEED) cargo cc cmake redis-server haproxy nginx node node-modules
	$(CARGO) test --locked

deploy-test: ## Chart, examples, image, unit, dashboard and alerts
	@$(NEED) cargo cc cmake redis-server go prometheus systemd deploy-modules
	$(CARGO) build --locked
	cd tests/deploy && go test -count=1 ./...

e2e: ## Browser tests; name scenarios with SCENARIO="sign-in renewal"
	@$(NEED) cargo node cc cmake redis-server chromium openssl node-modules
	$(CARGO) build --locked
	node tests/e2e/run.mjs $(SCENARIO)

faults: ## Write docs/faults.md anew: each fault, its tests, what is seen
	@$(NEED) node
	node tests/faults.mjs

MINUTES ?= 3
soak: ## Load and random faults over three gateways; MINUTES=10, and SEED=n to do it again
	@$(NEED) cargo node cc cmake redis-server node-modules
	$(CARGO) build --locked
	node tests/e2e/soak.mjs $(MINUTES) $(SEED)

test-long: ## What takes over five minutes: new inputs, a million sessions, a provider away for ten, a soak of twenty
	@$(NEED) cargo node cc cmake redis-server node-modules
	$(CARGO) build --locked
	PROPTEST_CASES=10000 $(CARGO) test --locked --test fuzz_smoke
	DOORWARD_SESSIONS=1000000 $(CARGO) test --locked --lib -- --nocapture very_many_sessions
	DOORWARD_OUTAGE_SECONDS=600 node --test --test-reporter=spec --test-name-pattern="answers 503" tests/e2e/replicas/renewal.test.mjs
	node tests/e2e/soak.mjs 20

test-real: ## Dex, Keycloak, Envoy, Traefik and an OpenTelemetry Collector themselves, installed in target/real
	@$(NEED) cargo node cc cmake redis-server chromium openssl node-modules slapd dex keycloak envoy traefik otelcol
	$(CARGO) build --locked
	node tests/e2e/run.mjs real

bench: ## Benchmarks; figures and budgets are in benches/README.md
	@$(NEED) cargo cc cmake redis-server
	$(CARGO) bench --locked

schema: ## Write the configuration schema anew
	@$(NEED) cargo cc cmake
	$(CARGO) run --locked --quiet -- schema > docs/config.schema.json.new
	mv docs/config.schema.json.new docs/config.schema.json

deny: ## Check licences and advisories (needs cargo-deny)
	@command -v cargo-deny >/dev/null || { echo "Install it with: cargo install --locked cargo-deny"; exit 1; }
	cargo deny check
