# SPDX-License-Identifier: MIT
#
# QuecPython's companion modules, for CPython and MicroPython, and the launcher
# that puts them on CPython's path.

quecpythondir = $(pkgdatadir)/quecpython
dist_quecpython_DATA = \
	client/quecpython/_quecpython.py \
	client/quecpython/_quecpython_mbedtls.py \
	client/quecpython/_quecpython_openssl.py \
	client/quecpython/_quecpython_run.py \
	client/quecpython/checkNet.py \
	client/quecpython/dataCall.py \
	client/quecpython/example.py \
	client/quecpython/log.py \
	client/quecpython/misc.py \
	client/quecpython/modem.py \
	client/quecpython/net.py \
	client/quecpython/request.py \
	client/quecpython/sim.py \
	client/quecpython/ubinascii.py \
	client/quecpython/ucollections.py \
	client/quecpython/uerrno.py \
	client/quecpython/uhashlib.py \
	client/quecpython/uio.py \
	client/quecpython/ujson.py \
	client/quecpython/umqtt.py \
	client/quecpython/uos.py \
	client/quecpython/urandom.py \
	client/quecpython/ure.py \
	client/quecpython/ussl.py \
	client/quecpython/ustruct.py \
	client/quecpython/usys.py \
	client/quecpython/utime.py

EXTRA_DIST += \
	client/quecpython/usocket-python.in \
	doc/quecpython.md

if PYTHON_MODULE
nodist_bin_SCRIPTS += client/quecpython/usocket-python
CLEANFILES += client/quecpython/usocket-python
endif

client/quecpython/usocket-python: $(srcdir)/client/quecpython/usocket-python.in Makefile
	$(AM_V_GEN)$(MKDIR_P) $(@D) && $(SED) -e 's|@quecpythondir[@]|$(quecpythondir)|g' \
		$(srcdir)/client/quecpython/usocket-python.in >$@.tmp && \
		chmod +x $@.tmp && mv $@.tmp $@
