# SPDX-License-Identifier: BSD-2-Clause
# The words people know; what they do is in meson.build and tools/.

FUZZ_SECONDS ?= 30

all:
	@tools/setup build -Dtests=disabled
	@ninja -C build --quiet

# One file that runs on any Linux of this architecture: build-static/minato.
static:
	@tools/deps.sh build
	@tools/setup build-static -Dstatic=true -Dtests=disabled -Dexamples=false \
		--buildtype=release --prefer-static
	@ninja -C build-static --quiet minato
	@echo "build-static/minato: $$(wc -c <build-static/minato) bytes, needs no library"

deps:
	@tools/deps.sh build demo test

demo:
	@tools/deps.sh build demo
	@$(MAKE) --no-print-directory all
	@tools/demo.sh

test:
	@tools/deps.sh build test
	@tools/setup build-test -Db_sanitize=address,undefined -Db_lundef=false
	@tools/run-tests build-test

bench:
	@tools/deps.sh build bench
	@$(MAKE) --no-print-directory all
	@bench/run

bench-ports:
	@tools/deps.sh build
	@tools/deps.sh ports || echo "going on without rte_hash" >&2
	@$(MAKE) --no-print-directory all
	@ninja -C build --quiet bench/ports/bench-ports
	@build/bench/ports/bench-ports $(GROUPS)

# Its group `net` needs root. BENCH_ROUNDS=5, BENCH_PARTS="pps tcp rtt setup fill".
bench-gateway:
	@tools/deps.sh build bench
	@$(MAKE) --no-print-directory all
	@ninja -C build --quiet bench/gateway/bench-gateway bench/gateway/bench-gateway-memory
	@build/bench/gateway/bench-gateway $(GROUPS)

# The guard: what floods and scans cost, and what is seen of them; what runs between
# namespaces needs root.
bench-guard:
	@tools/deps.sh build bench
	@$(MAKE) --no-print-directory all
	@ninja -C build --quiet bench/guard/bench-guard
	@build/bench/guard/bench-guard $(GROUPS)
	@case ' $(GROUPS) ' in *' scans '*|'  ') \
		MINATO=$(CURDIR)/build/minato bash bench/guard/matrix.sh ;; esac

fuzz:
	@tools/deps.sh build fuzz
	@CC=clang tools/setup build-fuzz -Dfuzz=true -Db_lundef=false \
		-Db_sanitize=address,undefined
	@ninja -C build-fuzz --quiet fuzzers
	@tools/run-fuzz build-fuzz $(FUZZ_SECONDS)

install: all
	@meson install -C build --no-rebuild

check-format:
	@tools/deps.sh format
	@git ls-files '*.c' '*.h' | xargs clang-format --dry-run -Werror

format:
	@tools/deps.sh format
	@git ls-files '*.c' '*.h' | xargs clang-format -i

tidy:
	@tools/deps.sh format build
	@CC=clang tools/setup build-clang
	@git ls-files 'lib/*.c' 'drive/*.c' 'kernel/*.c' 'inspect/*.c' 'relay/*.c' 'view/*.c' \
		'measure/*.c' 'conf/*.c' 'verify/*.c' 'cmd/*.c' | \
		xargs clang-tidy --quiet -p build-clang

clean:
	@rm -rf build build-static build-test build-fuzz build-clang

.PHONY: all static deps demo test bench bench-ports bench-gateway bench-guard fuzz \
	install check-format format tidy clean
