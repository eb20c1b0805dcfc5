# SPDX-License-Identifier: MIT
#
# The launcher. It shares with the library how prefixes and settings are written.

bin_PROGRAMS += usocket-run
usocket_run_SOURCES = \
	client/preload/places.h \
	client/preload/prefix.c \
	client/preload/prefix.h \
	client/usocket-run/main.c \
	client/usocket-run/program.c \
	client/usocket-run/program.h \
	client/usocket-run/trial.c \
	client/usocket-run/trial.h \
	client/usocket-run/watch.c \
	client/usocket-run/watch.h
usocket_run_CPPFLAGS = $(base_cppflags) -DUSOCKET_PRELOAD_DIR='"$(pkglibdir)"'
usocket_run_LDFLAGS = $(program_ldflags)
