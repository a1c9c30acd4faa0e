# Everything here needs Go alone, but for two targets that say so.

GO        ?= go
FUZZTIME  ?= 20s# for each fuzz target
BENCHTIME ?= 1s
BENCH     ?= .
TESTFLAGS ?=# for example -v, or -run Conv

# One set of flags for all, so that all share what has been compiled.
export GOFLAGS := $(strip $(GOFLAGS) -trimpath)

.DEFAULT_GOAL := help
.PHONY: help build release test drills avx2 noasm emulate race fuzz bench bench-compare generate assembly lint static vuln demo size clean set-module docs

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build ./graft, one static binary
	CGO_ENABLED=0 $(GO) build -o graft ./cli/graft

test: ## run the tests, in under three minutes
	CGO_ENABLED=0 $(GO) test $(TESTFLAGS) ./...

drills: ## break trainings in every way, in the drills' long form; some of it as root only
	GRAFT_DRILLS=1 CGO_ENABLED=0 $(GO) test -timeout 1h -run Drill $(TESTFLAGS) ./cli/graft ./finetune ./models

avx2: ## run the tests without AVX-512
	GRAFT_REQUIRE_ISA=$${GRAFT_REQUIRE_ISA:+avx2} GODEBUG=cpu.avx512f=off CGO_ENABLED=0 $(GO) test $(TESTFLAGS) ./...

noasm: ## run the engine's tests without assembly, but for the long ones
	CGO_ENABLED=0 $(GO) vet -tags noasm ./...
	GRAFT_REQUIRE_ISA= CGO_ENABLED=0 $(GO) test -short -tags noasm $(TESTFLAGS) ./graph/...

emulate: ## run the tests of kernels and files for arm64 and for s390x, which is big-endian; needs qemu-user
	@for arch in arm64:aarch64 s390x:s390x; do \
		qemu=$$(command -v qemu-$${arch#*:}-static || command -v qemu-$${arch#*:}) || { echo 'make emulate needs qemu-user' >&2; exit 1; }; \
		GRAFT_REQUIRE_ISA= CGO_ENABLED=0 GOARCH=$${arch%:*} $(GO) test -short -exec "$$qemu" $(TESTFLAGS) ./graph/internal/kernel ./onnx || exit 1; \
	done

race: ## run the tests of what is concurrent under the race detector; needs a C compiler
	CGO_ENABLED=1 $(GO) test -race -short $(TESTFLAGS) ./graph/internal/kernel ./finetune/data ./finetune ./finetune/sweep ./models

# Go now and then calls it a failure that the time is over; with an input that fails it says which.
fuzz: ## run each fuzz target for FUZZTIME=20s, two at a time
	@grep -rEo --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' . | sed 's/:func / /' | sort | GO=$(GO) xargs -P 2 -L 1 testdata/fuzz.sh $(FUZZTIME)

bench: ## run the benchmarks; BENCH=Conv picks some, BENCHTIME=5s runs them longer
	CGO_ENABLED=0 $(GO) test -run '^$$' -bench '$(BENCH)' -benchtime $(BENCHTIME) -benchmem ./...

# In turn, so that both see the machine alike.
BENCHSTAT := golang.org/x/perf/cmd/benchstat@v0.0.0-20260908200009-22c9c6c9d4da
bench-compare: ## compare the kernels' benchmarks, BENCH=Conv some of them, with those of another commit: REF=main~5
	@set -e; test -n "$(REF)" || { echo 'usage: make bench-compare REF=COMMIT [BENCH=Conv]' >&2; exit 2; }; \
	work=$$(mktemp -d); trap 'git worktree remove --force "$$work/old" 2>/dev/null; rm -rf "$$work"' EXIT; \
	git worktree add -q --detach "$$work/old" '$(REF)'; export CGO_ENABLED=0; \
	$(GO) test -c -o "$$work/now.test" ./graph/internal/kernel; (cd "$$work/old" && $(GO) test -c -o "$$work/then.test" ./graph/internal/kernel); \
	for i in 1 2 3 4 5 6; do for side in then now; do \
		"$$work/$$side.test" -test.run '^$$' -test.bench '$(BENCH)' -test.benchtime $(BENCHTIME) >>"$$work/$$side"; \
	done; done; (cd "$$work" && $(GO) run $(BENCHSTAT) then now)

assembly: ## make the kernels' assembly
	rm -f graph/internal/kernel/isa_amd64.s graph/internal/kernel/isa_stubs_amd64.go
	$(GO) generate ./graph/internal/kernel

generate: assembly ## make the assembly, and onnx.pb.go from onnx.proto; the latter needs protoc and protoc-gen-go
	@command -v protoc >/dev/null || { echo 'make generate needs protoc, of github.com/protocolbuffers/protobuf' >&2; exit 1; }
	@command -v protoc-gen-go >/dev/null || { echo 'make generate needs: go install google.golang.org/protobuf/cmd/protoc-gen-go' >&2; exit 1; }
	$(GO) generate ./onnx

docs: ## write docs/reference anew from the code
	CGO_ENABLED=0 $(GO) test ./cli/graft -run TestReference -update

lint: ## check formatting and run go vet
	@unformatted=$$(gofmt -l $$(git ls-files '*.go' 2>/dev/null || echo .)); \
		test -z "$$unformatted" || { echo "gofmt would change:" >&2; echo "$$unformatted" >&2; exit 1; }
	$(GO) vet ./...

static: ## run staticcheck, which is fetched as a module
	$(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...

# The vulnerability database comes as a module too, so that a module proxy is all that is needed. The standard library
# that is judged is that of RELEASEGO, which releases are built with.
RELEASEGO ?= go1.26.11
vuln: ## run govulncheck over the newest vulnerability database, with the Go that releases are built with
	@set -e; db=$$(mktemp -d); trap 'rm -rf "$$db"' EXIT; \
	found=$$($(GO) mod download -json golang.org/x/vulndb@latest); \
	field() { echo "$$found" | sed -n "s/.*\"$$1\": \"\(.*\)\".*/\1/p"; }; \
	$(GO) run "golang.org/x/vulndb/cmd/indexdb@$$(field Version)" -vulns "$$(field Dir)/data/osv" -out "$$db"; \
	GOTOOLCHAIN=$(RELEASEGO) $(GO) run golang.org/x/vuln/cmd/govulncheck@v1.9.0 -db "file://$$db" ./...

# A commit, a version and a Go give the same bytes, in whatever folder and on whatever machine.
CYCLONEDX := github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0
PLATFORMS ?= linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64
VERSION   ?= $(shell git describe --tags --always --dirty --abbrev=12 2>/dev/null || echo devel)
release: ## build dist/graft-OS-ARCH for all PLATFORMS, stripped and stamped with VERSION, with SBOMs, licences and SHA256SUMS
	@set -e; rm -rf dist; mkdir dist; export GOTOOLCHAIN=$(RELEASEGO) CGO_ENABLED=0 GOAMD64=v1 GOARM64=v8.0; \
	for platform in $(PLATFORMS); do \
		os=$${platform%/*} arch=$${platform#*/}; name=graft-$$os-$$arch; \
		if [ $$os = windows ]; then name=$$name.exe; fi; \
		GOOS=$$os GOARCH=$$arch $(GO) build -buildvcs=false -ldflags '-s -w -X main.stamp=$(VERSION)' -o dist/$$name ./cli/graft; \
		$(GO) run $(CYCLONEDX) bin -json -std -noserial -notimestamp -version '$(VERSION)' -output dist/$$name.cdx.json dist/$$name; \
		echo dist/$$name; \
	done; \
	{ cat models/digits.LICENSE.txt "$$($(GO) env GOROOT)/LICENSE"; \
		$(GO) list -deps -f '{{with .Module}}{{.Path}} {{.Dir}}{{end}}' ./cli/graft | sort -u | while read -r module dir; do \
			printf '\n==== %s\n\n' "$$module"; cd "$$dir"; find . -maxdepth 2 -type f \( -ipath './licen[cs]e*' -o -name NOTICE \) | sort | xargs cat; \
		done; } >dist/LICENSES.txt; \
	cd dist; sums=$$(command -v sha256sum || echo 'shasum -a 256'); $$sums * >SHA256SUMS

demo: build ## do the main job on the data and the model inside the program
	./graft demo

size: ## list the Go files of each package with their sizes, the largest first
	@find . -name '*.go' ! -name '*_test.go' ! -name '*.pb.go' -exec wc -c {} + | awk '\
		$$2 == "total" { next } \
		{ dir = $$2; sub("/[^/]*$$", "", dir); bytes[dir] += $$1; files[dir]++; print } \
		END { print ""; for (d in bytes) { printf "%8d  %-28s %d files, %d bytes each\n", bytes[d], d, files[d], bytes[d] / files[d] } }' | sort -rn

clean: ## remove what building, testing and trying out left behind
	rm -rf graft graft.exe dist demo.onnx demo.png .ci/venv .ci/log
	$(GO) clean -testcache

# PATH=... on the command line replaces the shell's own, which therefore must not be passed on.
ifeq ($(origin PATH),command line)
unexport PATH
endif

set-module: ## rename the module: make set-module PATH=example.org/graft
	@case '$(PATH)' in *[!A-Za-z0-9./_~-]*|/*|*/|'') echo 'usage: make set-module PATH=example.org/graft' >&2; exit 2;; esac; \
	old=$$(sed -n 's/^module //p' go.mod); \
	find . -name '*.go' ! -name '*.pb.go' -exec sed -i.bak -E "s|^(import )?([[:space:]]*([A-Za-z_.]+ )?)\"$$old/|\1\2\"$(PATH)/|" {} +; \
	find . -name go.mod -exec sed -i.bak -E "s#^(module |require |replace |[[:space:]]+)$$old( |/|$$)#\1$(PATH)\2#" {} +; \
	sed -i.bak -E "s|\"$$old/|\"$(PATH)/|; s|$$old=|$(PATH)=|; s|$$old@|$(PATH)@|" README.md docs/howto/use-from-go.md; \
	find . -name '*.bak' -exec rm {} +; \
	echo 'the module is $(PATH) now'
