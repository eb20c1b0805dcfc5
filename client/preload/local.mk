# SPDX-License-Identifier: MIT
#
# The library that usocket-run preloads, with a libusocket of its own inside.

pkglib_LTLIBRARIES += libusocket-preload.la
libusocket_preload_la_SOURCES = \
	client/preload/async_names.c \
	client/preload/calls.h \
	client/preload/control.c \
	client/preload/data.c \
	client/preload/descriptors.c \
	client/preload/dns.c \
	client/preload/dns.h \
	client/preload/environment.c \
	client/preload/environment.h \
	client/preload/epoll.c \
	client/preload/exec.c \
	client/preload/exports.c \
	client/preload/exports.h \
	client/preload/host_entry.c \
	client/preload/kernel_calls.c \
	client/preload/kernel_calls.h \
	client/preload/kind.c \
	client/preload/kind.h \
	client/preload/linux_errno.c \
	client/preload/linux_errno.h \
	client/preload/load.c \
	client/preload/move.c \
	client/preload/move.h \
	client/preload/names.c \
	client/preload/options.c \
	client/preload/options.h \
	client/preload/places.c \
	client/preload/places.h \
	client/preload/prefix.c \
	client/preload/prefix.h \
	client/preload/ready.c \
	client/preload/res.c \
	client/preload/reverse.c \
	client/preload/reverse.h \
	client/usocket-run/program.c \
	client/usocket-run/program.h
libusocket_preload_la_CPPFLAGS = $(base_cppflags)
libusocket_preload_la_CFLAGS = $(AM_CFLAGS) -fvisibility=hidden -fexceptions
libusocket_preload_la_LIBADD = libclient.la libproto.la
# What programs call is exported by exports.c alone.
libusocket_preload_la_LDFLAGS = $(AM_LDFLAGS) $(NO_UNDEFINED_LDFLAGS) -module \
	-avoid-version -shared -Wl,-z,nodelete -Wl,--exclude-libs,ALL \
	-Wl,@client/preload/wrapped.options
EXTRA_libusocket_preload_la_DEPENDENCIES = client/preload/wrapped.options

# --wrap=NAME for each row of the table (client/preload/kernel_calls.c).
client/preload/wrapped.options: $(srcdir)/client/preload/calls.h
	$(AM_V_GEN)$(MKDIR_P) $(@D) && $(SED) -n \
		-e 's/^	X([^,(]*, \([a-z0-9_]*\),.*/--wrap=\1/p' \
		$(srcdir)/client/preload/calls.h >$@.tmp && mv $@.tmp $@
CLEANFILES += client/preload/wrapped.options

EXTRA_DIST += doc/preload.md
