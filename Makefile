# Sluice: make help lists what there is.
SHELL := /bin/bash
.DEFAULT_GOAL := help

TEMPORAL_CLI  := v1.5.1
CADDY         := v2.11.9
GOLANGCI_LINT := v2.15.0
WORKFLOWCHECK := v0.6.0

TOOLS  := $(CURDIR)/.tools
STAMPS := $(TOOLS)/stamps

# A tool is built when its pinned version is not there yet. The pins are here
# and not in go.mod, so that they do not choose the product's dependencies.
define tool
$(STAMPS)/$(1)@$(2):
	@echo "building $(1) $(2) (once)"
	@mkdir -p $(STAMPS)
	@cd $(TOOLS) && GOBIN=$(TOOLS)/bin GOFLAGS= go install $(3)@$(2)
	@rm -f $(STAMPS)/$(1)@* && touch $$@
endef
$(eval $(call tool,temporal,$(TEMPORAL_CLI),github.com/temporalio/cli/cmd/temporal))
$(eval $(call tool,caddy,$(CADDY),github.com/caddyserver/caddy/v2/cmd/caddy))
$(eval $(call tool,golangci-lint,$(GOLANGCI_LINT),github.com/golangci/golangci-lint/v2/cmd/golangci-lint))
$(eval $(call tool,workflowcheck,$(WORKFLOWCHECK),go.temporal.io/sdk/contrib/tools/workflowcheck))

.PHONY: help
help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: products
products: $(STAMPS)/temporal@$(TEMPORAL_CLI) $(STAMPS)/caddy@$(CADDY) ## build the Temporal CLI and Caddy that demo and tests run

.PHONY: tools
tools: products $(STAMPS)/golangci-lint@$(GOLANGCI_LINT) $(STAMPS)/workflowcheck@$(WORKFLOWCHECK) ## build every pinned tool

.PHONY: build
build: ## build bin/sluice and bin/sluice-worker
	go build -o bin/sluice ./starter
	go build -o bin/sluice-worker ./worker

.PHONY: demo
demo: products build ## run a plan for real: server, gateway, worker; ARGS=--once ends by itself
	go run ./examples/demo $(ARGS)

.PHONY: packages
packages: ## look whether what tests need of Debian is installed
	@missing=$$(.ci/packages) && [[ -z $$missing ]] || \
	  { echo "The tests run against real products, of which some are missing. Install them with: apt-get install --no-install-recommends $$missing" >&2; exit 1; }

.PHONY: test
test: packages products ## run all tests, against real servers and products
	go test -count=1 ./...

.PHONY: race
race: packages products ## run the tests that need no server with the race detector (needs a C compiler)
	go test -race -count=1 ./domain/... ./activities/... ./workflows/... ./internal/... ./starter/... ./worker/...

.PHONY: lint
lint: $(STAMPS)/golangci-lint@$(GOLANGCI_LINT) $(STAMPS)/workflowcheck@$(WORKFLOWCHECK) ## check style, the dependency rule and determinism
	$(TOOLS)/bin/golangci-lint run ./...
	$(TOOLS)/bin/workflowcheck -config workflowcheck.config.yaml ./workflows/...

.PHONY: bench
bench: products ## measure what Sluice costs beside bare Temporal; ARGS="--only pause -o json" chooses
	go run ./bench $(ARGS)

.PHONY: clean
clean: ## remove what was built, but not the tools
	rm -rf bin .demo
