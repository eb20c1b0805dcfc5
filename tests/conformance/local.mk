# SPDX-License-Identifier: MIT
#
# The conformance suite: one script, its cases, an agent for each runtime.

if TESTS_ENABLED
TESTS += tests/conformance/conformance.py
if CTL
check_PROGRAMS += tests/conformance/agent
endif
endif

# C's agent. It has json-c, as usocketctl has.
tests_conformance_agent_SOURCES = tests/conformance/agent.c
tests_conformance_agent_CPPFLAGS = $(base_cppflags) -I$(srcdir)/client $(JSONC_CFLAGS)
tests_conformance_agent_LDFLAGS = $(program_ldflags)
tests_conformance_agent_LDADD = libusocket.la $(JSONC_LIBS)

EXTRA_DIST += \
	doc/conformance.md \
	tests/conformance/agent.lua \
	tests/conformance/agent.py \
	tests/conformance/agents.py \
	tests/conformance/cases \
	tests/conformance/conformance.py \
	tests/conformance/language.py \
	tests/conformance/peers.py \
	tests/conformance/rows.txt \
	tests/conformance/runtimes.py \
	tests/conformance/stages.py \
	tests/conformance/table.py \
	tests/conformance/vocabulary.py

# Writes the table of doc/conformance.md.
conformance-doc: $(check_PROGRAMS) $(check_LTLIBRARIES) all
	@$(AM_TESTS_ENVIRONMENT) $(PYTHON) '$(srcdir)/tests/conformance/conformance.py' \
		--doc

.PHONY: conformance-doc
