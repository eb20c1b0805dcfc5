# SPDX-License-Identifier: MIT
#
# The benchmark: its traffic generator and forwarder, its scripts, make bench.

bench_programs = \
	tests/bench/control \
	tests/bench/forward \
	tests/bench/traffic
bench_scripts = \
	tests/bench/bench.py \
	tests/bench/bulk.py \
	tests/bench/bindings.py \
	tests/bench/bindings_client.lua \
	tests/bench/bindings_client.py \
	tests/bench/board.py \
	tests/bench/connections.py \
	tests/bench/control.py \
	tests/bench/frame.py \
	tests/bench/latency.py \
	tests/bench/line.py \
	tests/bench/must.py \
	tests/bench/paths.py \
	tests/bench/processes.py \
	tests/bench/scale.py \
	tests/bench/smoke.py \
	tests/bench/stats.py \
	tests/bench/stats_test.py

EXTRA_PROGRAMS += $(bench_programs)
CLEANFILES += $(bench_programs)
EXTRA_DIST += $(bench_scripts) doc/performance.md
bench_tests = tests/bench/smoke.py tests/bench/stats_test.py
if TESTS_ENABLED
check_PROGRAMS += $(bench_programs)
endif

tests_bench_control_SOURCES = tests/bench/control.c
tests_bench_control_CPPFLAGS = $(base_cppflags) -I$(srcdir)/client
tests_bench_control_LDADD = libusocket.la
tests_bench_control_LDFLAGS = $(program_ldflags)

tests_bench_forward_SOURCES = \
	tests/bench/forward.c \
	tests/bench/line.c \
	tests/bench/line.h
tests_unit_test_line_SOURCES = \
	tests/bench/line.c \
	tests/bench/line.h \
	tests/unit/test_line.c
tests_bench_forward_CPPFLAGS = $(base_cppflags)
tests_bench_forward_LDADD =
tests_bench_forward_LDFLAGS = $(program_ldflags)

tests_bench_traffic_SOURCES = \
	tests/bench/traffic.c \
	tests/bench/traffic.h \
	tests/bench/traffic_client.c \
	tests/bench/traffic_many.c \
	tests/bench/traffic_server.c \
	tests/bench/traffic_usocket.c
tests_bench_traffic_CPPFLAGS = $(base_cppflags) -I$(srcdir)/client
tests_bench_traffic_LDADD = libusocket.la
tests_bench_traffic_LDFLAGS = $(program_ldflags)

# lwIP's own sockets API on a TUN device: a reference. Built by make bench, where
# lwIP's tree has its port for Unix.
lwip_sockets_sources = \
	$(srcdir)/tests/bench/lwip_sockets.c \
	$(srcdir)/tests/bench/lwip_stack.c \
	$(srcdir)/tests/bench/lwip_stack.h \
	$(srcdir)/tests/bench/lwip/lwipopts.h \
	$(srcdir)/tests/bench/traffic.c \
	$(srcdir)/tests/bench/traffic.h \
	$(srcdir)/tests/bench/traffic_client.c \
	$(srcdir)/tests/bench/traffic_many.c \
	$(srcdir)/tests/bench/traffic_server.c
EXTRA_DIST += \
	tests/bench/lwip/lwipopts.h \
	tests/bench/lwip_sockets.c \
	tests/bench/lwip_stack.c \
	tests/bench/lwip_stack.h
CLEANFILES += tests/bench/lwip-sockets

lwip_port = $(LWIP_DIR)/contrib/ports/unix/port

# The headers of lwIP's sockets and of the system do not go together, so each
# source sees one of them; -w is for lwIP's.
tests/bench/lwip-sockets: $(lwip_sockets_sources)
	@if test -f '$(lwip_port)/sys_arch.c'; then \
		echo "  CCLD     $@"; \
		$(CC) $(CPPFLAGS) $(CFLAGS) -std=gnu11 -D_GNU_SOURCE -w -pthread -o $@ \
			-I'$(srcdir)/tests/bench/lwip' -I'$(LWIP_DIR)/src/include' \
			-I'$(lwip_port)/include' $(filter %.c,$(lwip_sockets_sources)) \
			'$(LWIP_DIR)'/src/core/*.c '$(LWIP_DIR)'/src/core/ipv4/*.c \
			'$(LWIP_DIR)'/src/api/*.c '$(lwip_port)/sys_arch.c'; \
	else \
		echo "bench: no port for Unix in $(LWIP_DIR): lwIP's sockets are left out"; \
	fi

# BENCH holds arguments: make bench BENCH='--quick --only bulk'
bench: $(bench_programs) tests/bench/lwip-sockets all
	@$(AM_TESTS_ENVIRONMENT) $(PYTHON) '$(srcdir)/tests/bench/bench.py' $(BENCH)

# Writes the tables of doc/performance.md.
bench-doc:
	@$(MAKE) $(AM_MAKEFLAGS) bench BENCH='--doc $(BENCH)'

.PHONY: bench bench-doc
