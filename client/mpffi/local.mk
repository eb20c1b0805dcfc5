# SPDX-License-Identifier: MIT
#
# The modules usocket and socket for MicroPython's ffi, and the launcher that
# puts them in front of the interpreter's own.

micropythondir = $(pkgdatadir)/micropython
dist_micropython_DATA = \
	client/mpffi/socket.py \
	client/mpffi/usocket_boot.py

micropythonffidir = $(micropythondir)/usocket_ffi
dist_micropythonffi_DATA = \
	client/mpffi/usocket_ffi/__init__.py \
	client/mpffi/usocket_ffi/base.py \
	client/mpffi/usocket_ffi/callback.py \
	client/mpffi/usocket_ffi/info.py \
	client/mpffi/usocket_ffi/lib.py \
	client/mpffi/usocket_ffi/names.py \
	client/mpffi/usocket_ffi/polling.py \
	client/mpffi/usocket_ffi/usocket.py

EXTRA_DIST += \
	client/mpffi/usocket-micropython.in \
	doc/micropython.md

bin_SCRIPTS = client/mpffi/usocket-micropython
CLEANFILES += client/mpffi/usocket-micropython

client/mpffi/usocket-micropython: $(srcdir)/client/mpffi/usocket-micropython.in Makefile
	$(AM_V_GEN)$(MKDIR_P) $(@D) && $(SED) -e 's|@micropythondir[@]|$(micropythondir)|g' \
		-e 's|@quecpythondir[@]|$(quecpythondir)|g' \
		$(srcdir)/client/mpffi/usocket-micropython.in >$@.tmp && \
		chmod +x $@.tmp && mv $@.tmp $@
