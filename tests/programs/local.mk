# SPDX-License-Identifier: MIT
#
# Unmodified programs under usocket-run: a list of them, and what runs it.

programs_tests = \
	tests/programs/workers.py \
	tests/programs/programs.py \
	tests/programs/proofs.py

EXTRA_DIST += \
	$(programs_tests) \
	tests/programs/fetch.py \
	tests/programs/mosquitto.conf \
	tests/programs/nginx.conf \
	tests/programs/nginx-tls.conf \
	tests/programs/programs.list \
	tests/programs/programs_support.py \
	tests/programs/rsyncd.conf \
	tests/programs/serve.py
