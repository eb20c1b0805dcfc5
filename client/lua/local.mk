# SPDX-License-Identifier: MIT
#
# The Lua module, built once for each version of Lua that configure found: 5.1
# (which LuaJIT loads too), 5.3, 5.4. What is in Lua is the same for all.

lua_sources = \
	client/lua/bytes.c \
	client/lua/bytes.h \
	client/lua/compat.h \
	client/lua/dns.c \
	client/lua/dns.h \
	client/lua/failure.c \
	client/lua/failure.h \
	client/lua/module.c \
	client/lua/object.c \
	client/lua/object.h \
	client/lua/options.c \
	client/lua/options.h \
	client/lua/resolve.c \
	client/lua/resolve.h \
	client/lua/select.c \
	client/lua/select.h \
	client/lua/stream.c \
	client/lua/stream.h \
	client/lua/tcp.c \
	client/lua/tcp.h \
	client/lua/text.c \
	client/lua/text.h \
	client/lua/timing.c \
	client/lua/timing.h \
	client/lua/udp.c \
	client/lua/udp.h
lua_modules = client/lua/usocket.lua
lua_submodules = client/lua/usocket/install.lua
EXTRA_DIST += $(lua_sources) $(lua_modules) $(lua_submodules) \
	client/lua/example.lua client/lua/usocket-lua.in doc/lua.md

lua_cppflags = $(base_cppflags) -I$(srcdir)/client
lua_ldflags = $(AM_LDFLAGS) -module -avoid-version -shared \
	-export-symbols-regex '^luaopen_usocket_core$$'

if LUA51
lua51execdir = $(libdir)/lua/5.1
lua51dir = $(datadir)/lua/5.1
lua51subdir = $(lua51dir)/usocket
lua51exec_LTLIBRARIES = client/lua/5.1/usocket.la
lua51_DATA = $(lua_modules)
lua51sub_DATA = $(lua_submodules)
client_lua_5_1_usocket_la_SOURCES = $(lua_sources)
client_lua_5_1_usocket_la_CPPFLAGS = $(lua_cppflags) $(LUA51_CFLAGS)
client_lua_5_1_usocket_la_LIBADD = libusocket.la
client_lua_5_1_usocket_la_LDFLAGS = $(lua_ldflags)
endif

if LUA53
lua53execdir = $(libdir)/lua/5.3
lua53dir = $(datadir)/lua/5.3
lua53subdir = $(lua53dir)/usocket
lua53exec_LTLIBRARIES = client/lua/5.3/usocket.la
lua53_DATA = $(lua_modules)
lua53sub_DATA = $(lua_submodules)
client_lua_5_3_usocket_la_SOURCES = $(lua_sources)
client_lua_5_3_usocket_la_CPPFLAGS = $(lua_cppflags) $(LUA53_CFLAGS)
client_lua_5_3_usocket_la_LIBADD = libusocket.la
client_lua_5_3_usocket_la_LDFLAGS = $(lua_ldflags)
endif

if LUA54
lua54execdir = $(libdir)/lua/5.4
lua54dir = $(datadir)/lua/5.4
lua54subdir = $(lua54dir)/usocket
lua54exec_LTLIBRARIES = client/lua/5.4/usocket.la
lua54_DATA = $(lua_modules)
lua54sub_DATA = $(lua_submodules)
client_lua_5_4_usocket_la_SOURCES = $(lua_sources)
client_lua_5_4_usocket_la_CPPFLAGS = $(lua_cppflags) $(LUA54_CFLAGS)
client_lua_5_4_usocket_la_LIBADD = libusocket.la
client_lua_5_4_usocket_la_LDFLAGS = $(lua_ldflags)
endif

if LUA
nodist_bin_SCRIPTS += client/lua/usocket-lua
CLEANFILES += client/lua/usocket-lua

# libtool's own files beside the modules would only confuse.
install-exec-hook: remove-lua-la
remove-lua-la:
	rm -f '$(DESTDIR)$(libdir)/lua/5.1/usocket.la' \
		'$(DESTDIR)$(libdir)/lua/5.3/usocket.la' \
		'$(DESTDIR)$(libdir)/lua/5.4/usocket.la'
uninstall-hook: remove-lua-so
remove-lua-so:
	rm -f '$(DESTDIR)$(libdir)/lua/5.1/usocket.so' \
		'$(DESTDIR)$(libdir)/lua/5.3/usocket.so' \
		'$(DESTDIR)$(libdir)/lua/5.4/usocket.so'
endif

client/lua/usocket-lua: $(srcdir)/client/lua/usocket-lua.in Makefile
	$(AM_V_GEN)$(MKDIR_P) $(@D) && $(SED) -e 's|@LUA[@]|$(LUA)|g' \
		-e 's|@libdir[@]|$(libdir)|g' -e 's|@datadir[@]|$(datadir)|g' \
		$(srcdir)/client/lua/usocket-lua.in >$@.tmp && \
		chmod +x $@.tmp && mv $@.tmp $@
