# SPDX-License-Identifier: MIT
#
# The CPython package usocket: an extension, _core, and Python files. In the
# build tree client/python/usocket has links to both, so that with
# client/python on PYTHONPATH the package is as installed.

python_package = \
	client/python/usocket/__init__.py \
	client/python/usocket/_watch.py \
	client/python/usocket/aio.py \
	client/python/usocket/stdsocket.py
# What type checkers and editors read.
python_types = \
	client/python/usocket/__init__.pyi \
	client/python/usocket/_core.pyi \
	client/python/usocket/py.typed

EXTRA_DIST += $(python_package) $(python_types) doc/python.md

if PYTHON_MODULE
usocketpydir = $(pyexecdir)/usocket
usocketpy_PYTHON = $(python_package)
usocketpy_DATA = $(python_types)
usocketpy_LTLIBRARIES = client/python/_core.la
client_python__core_la_SOURCES = \
	client/python/call.c \
	client/python/call.h \
	client/python/constants.c \
	client/python/constants.h \
	client/python/coremodule.c \
	client/python/links.c \
	client/python/links.h \
	client/python/module_state.h \
	client/python/poll.c \
	client/python/poll.h \
	client/python/resolve.c \
	client/python/resolve.h \
	client/python/sockaddr.c \
	client/python/sockaddr.h \
	client/python/socket_connect.c \
	client/python/socket_connect.h \
	client/python/socket_object.c \
	client/python/socket_object.h \
	client/python/socket_options.c \
	client/python/socket_options.h \
	client/python/socket_receive.c \
	client/python/socket_receive.h \
	client/python/socket_send.c \
	client/python/socket_send.h
client_python__core_la_CPPFLAGS = $(base_cppflags) -I$(srcdir)/client \
	-DPy_LIMITED_API=0x030b0000 $(PYTHON_CFLAGS)
# PyInit__core has no prototype anywhere: it is the module's entry.
client_python__core_la_CFLAGS = $(AM_CFLAGS) -Wno-missing-prototypes
client_python__core_la_LIBADD = libusocket.la
client_python__core_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared \
	-shrext .abi3.so -export-symbols-regex '^PyInit__core$$'

python_stamp = client/python/usocket/.stamp
noinst_DATA = $(python_stamp)
CLEANFILES += $(python_stamp)

$(python_stamp): client/python/_core.la $(python_package)
	$(AM_V_GEN)$(MKDIR_P) $(@D) && \
		ln -sf ../.libs/_core.abi3.so $(@D)/_core.abi3.so && \
		for file in $(python_package); do \
			test $(abs_top_srcdir)/$$file -ef $$file || \
				ln -sf $(abs_top_srcdir)/$$file $$file; \
		done && touch $@

clean-python:
	rm -f client/python/usocket/_core.abi3.so
	test $(srcdir) -ef . || rm -rf client/python/usocket

# libtool's own file beside the module would only confuse.
install-data-hook:
	rm -f '$(DESTDIR)$(usocketpydir)/_core.la'
uninstall-hook:
	rm -f '$(DESTDIR)$(usocketpydir)/_core.abi3.so'
else
clean-python:
endif
.PHONY: clean-python
