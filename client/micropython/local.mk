# SPDX-License-Identifier: MIT
#
# MicroPython's user C module is built by whoever builds a MicroPython; its
# sources are installed for that. Here an interpreter with it is built for the
# tests, from the source that tools/get-micropython fetches.

micropython_sources = \
	client/micropython/address.c \
	client/micropython/call.c \
	client/micropython/connect.c \
	client/micropython/constants.c \
	client/micropython/data.c \
	client/micropython/links.c \
	client/micropython/micropython.mk \
	client/micropython/module.c \
	client/micropython/options.c \
	client/micropython/poll.c \
	client/micropython/resolve.c \
	client/micropython/socket.c \
	client/micropython/usocket_mp.h \
	client/micropython/watch.c

micropythonmoduledir = $(pkgdatadir)/usermod/usocket
dist_micropythonmodule_DATA = $(micropython_sources)

micropython_tree = $(abs_top_srcdir)/.fetched/micropython

# MicroPython's makefiles know what is up to date; without its source there is
# nothing to do, and the tests say so.
.PHONY: micropython
micropython: libusocket.la
	@if test -d '$(micropython_tree)'; then \
		SANITIZE='$(SANITIZE_CFLAGS)' $(top_srcdir)/tools/build-micropython \
			'$(micropython_tree)' micropython '$(abs_top_builddir)/.libs' CC='$(CC)'; \
	fi
