# SPDX-License-Identifier: MIT
#
# The conformance suite: one script, its cases, an agent for each runtime.

conformance_tests = \
	tests/conformance/conformance.py \
	tests/conformance/on_modem.py \
	tests/conformance/on_packet.py \
	tests/conformance/on_slirp.py

if TESTS_ENABLED
if CTL
check_PROGRAMS += tests/conformance/agent tests/conformance/agent-plain
endif
endif

# C's agents. They have json-c, as usocketctl has; the plain one nothing of ours.
tests_conformance_agent_SOURCES = \
	tests/conformance/agent.c \
	tests/conformance/agent.h \
	tests/conformance/agent_usocket.c
tests_conformance_agent_CPPFLAGS = $(base_cppflags) -I$(srcdir)/client $(JSONC_CFLAGS)
tests_conformance_agent_LDFLAGS = $(program_ldflags)
tests_conformance_agent_LDADD = libusocket.la $(JSONC_LIBS)

tests_conformance_agent_plain_SOURCES = \
	tests/conformance/agent.c \
	tests/conformance/agent.h \
	tests/conformance/agent_plain.c
tests_conformance_agent_plain_CPPFLAGS = $(base_cppflags) $(JSONC_CFLAGS)
tests_conformance_agent_plain_LDFLAGS = $(program_ldflags)
tests_conformance_agent_plain_LDADD = $(JSONC_LIBS)

EXTRA_DIST += \
	$(conformance_tests) \
	doc/conformance.md \
	tests/conformance/agent.lua \
	tests/conformance/agent.py \
	tests/conformance/agents.py \
	tests/conformance/cases \
	tests/conformance/language.py \
	tests/conformance/networks.py \
	tests/conformance/peers.py \
	tests/conformance/rows.txt \
	tests/conformance/runtimes.py \
	tests/conformance/stages.py \
	tests/conformance/table.py \
	tests/conformance/vocabulary.py

# Writes the table of doc/conformance.md.
conformance-doc: $(check_PROGRAMS) $(check_LTLIBRARIES) all
	@$(AM_TESTS_ENVIRONMENT) for test in $(conformance_tests); do \
		$(PYTHON) '$(srcdir)'/$$test --doc || exit 1; \
	done

.PHONY: conformance-doc
