# SPDX-License-Identifier: MIT
#
# usocket-modem, the modem driver's helper. Its lwIP is PPP and what that
# needs, with options of its own; the simulator's has PPP's server side as well.

modem_lwip_cppflags = -I$(srcdir)/netif/modem/lwip -isystem $(LWIP_DIR)/src/include

modem_lwip_sources = \
	liblwip/src/core/def.c \
	liblwip/src/core/ip.c \
	liblwip/src/core/ipv4/ip4.c \
	liblwip/src/core/ipv4/ip4_addr.c \
	liblwip/src/core/ipv6/ip6_addr.c \
	liblwip/src/core/inet_chksum.c \
	liblwip/src/core/mem.c \
	liblwip/src/core/memp.c \
	liblwip/src/core/netif.c \
	liblwip/src/core/pbuf.c \
	liblwip/src/netif/ppp/auth.c \
	liblwip/src/netif/ppp/chap-md5.c \
	liblwip/src/netif/ppp/chap-new.c \
	liblwip/src/netif/ppp/eui64.c \
	liblwip/src/netif/ppp/fsm.c \
	liblwip/src/netif/ppp/ipcp.c \
	liblwip/src/netif/ppp/ipv6cp.c \
	liblwip/src/netif/ppp/lcp.c \
	liblwip/src/netif/ppp/magic.c \
	liblwip/src/netif/ppp/polarssl/md5.c \
	liblwip/src/netif/ppp/ppp.c \
	liblwip/src/netif/ppp/pppos.c \
	liblwip/src/netif/ppp/upap.c \
	liblwip/src/netif/ppp/utils.c

noinst_LTLIBRARIES += liblwipppp.la
liblwipppp_la_SOURCES =
nodist_liblwipppp_la_SOURCES = $(modem_lwip_sources)
liblwipppp_la_CPPFLAGS = $(base_cppflags) $(modem_lwip_cppflags)
liblwipppp_la_CFLAGS = $(base_cflags) -w

# The parts that know no lwIP: of the helper, the simulator and the tests.
noinst_LTLIBRARIES += libmodem.la
libmodem_la_SOURCES = \
	netif/modem/at.c \
	netif/modem/at.h \
	netif/modem/cmux.c \
	netif/modem/cmux.h \
	netif/modem/cmux_control.c \
	netif/modem/cmux_frame.c \
	netif/modem/cmux_frame.h \
	netif/modem/cmux_private.h \
	netif/modem/family.c \
	netif/modem/family.h \
	netif/modem/fields.c \
	netif/modem/fields.h \
	netif/modem/flows.c \
	netif/modem/flows.h \
	netif/modem/guard.c \
	netif/modem/guard.h \
	netif/modem/hdlc.c \
	netif/modem/hdlc.h \
	netif/modem/mask.c \
	netif/modem/mask.h \
	netif/modem/ppp_trace.c \
	netif/modem/ppp_trace.h \
	netif/modem/registration.c \
	netif/modem/registration.h \
	netif/modem/signal.c \
	netif/modem/signal.h
libmodem_la_CPPFLAGS = $(base_cppflags)

# A call; its unit tests put another port, PPP and clock below it.
modem_call_sources = \
	netif/modem/call.c \
	netif/modem/call.h \
	netif/modem/call_data.c \
	netif/modem/call_find.c \
	netif/modem/call_mux.c \
	netif/modem/call_network.c \
	netif/modem/call_private.h \
	netif/modem/call_setup.c \
	netif/modem/call_sim.c \
	netif/modem/dialogue.c \
	netif/modem/dialogue.h

pkglibexec_PROGRAMS += usocket-modem
usocket_modem_SOURCES = \
	$(modem_call_sources) \
	netif/modem/lwip/arch/cc.h \
	netif/modem/lwip/lwipopts.h \
	netif/modem/main.c \
	netif/modem/ppp_port.c \
	netif/modem/ppp_port.h \
	netif/modem/pppline.c \
	netif/modem/pppline.h \
	netif/modem/serial.c \
	netif/modem/serial.h \
	netif/helper_process.c \
	netif/helper_process.h \
	netif/slirp/rights.c \
	netif/slirp/rights.h
usocket_modem_CPPFLAGS = $(base_cppflags) $(modem_lwip_cppflags) $(LIBEVENT_CFLAGS)
usocket_modem_CFLAGS = $(AM_CFLAGS) $(LIBCAPNG_CFLAGS)
usocket_modem_LDFLAGS = $(program_ldflags)
usocket_modem_LDADD = libmodem.la liblwipppp.la libhelperproto.la libproto.la \
	$(LIBEVENT_LIBS) $(LIBCAPNG_LIBS)
