# SPDX-License-Identifier: MIT
#
# The modem simulator: the other side of everything netif/modem/ speaks.

if SLIRP
check_LTLIBRARIES += liblwippppd.la
liblwippppd_la_SOURCES =
nodist_liblwippppd_la_SOURCES = $(modem_lwip_sources)
liblwippppd_la_CPPFLAGS = $(base_cppflags) $(modem_lwip_cppflags) -DPPP_SERVER=1
liblwippppd_la_CFLAGS = $(base_cflags) -w

check_PROGRAMS += modem-sim
modem_sim_SOURCES = \
	netif/helper.c \
	netif/log.c \
	netif/modem/ppp_port.c \
	netif/modem/ppp_port.h \
	netif/modem/pppline.c \
	netif/modem/pppline.h \
	tests/modem-sim/call.c \
	tests/modem-sim/call.h \
	tests/modem-sim/channel.c \
	tests/modem-sim/channel.h \
	tests/modem-sim/command.c \
	tests/modem-sim/command.h \
	tests/modem-sim/contexts.c \
	tests/modem-sim/contexts.h \
	tests/modem-sim/control.c \
	tests/modem-sim/control.h \
	tests/modem-sim/device.c \
	tests/modem-sim/device.h \
	tests/modem-sim/dice.c \
	tests/modem-sim/dice.h \
	tests/modem-sim/family.c \
	tests/modem-sim/family.h \
	tests/modem-sim/family_quectel.c \
	tests/modem-sim/family_simcom.c \
	tests/modem-sim/family_telit.c \
	tests/modem-sim/family_ublox.c \
	tests/modem-sim/faults.c \
	tests/modem-sim/faults.h \
	tests/modem-sim/help.c \
	tests/modem-sim/help.h \
	tests/modem-sim/icmp6.c \
	tests/modem-sim/icmp6.h \
	tests/modem-sim/line.c \
	tests/modem-sim/line.h \
	tests/modem-sim/main.c \
	tests/modem-sim/modem.c \
	tests/modem-sim/modem.h \
	tests/modem-sim/mux.c \
	tests/modem-sim/mux.h \
	tests/modem-sim/network.c \
	tests/modem-sim/network.h \
	tests/modem-sim/options.c \
	tests/modem-sim/options.h \
	tests/modem-sim/path.c \
	tests/modem-sim/path.h \
	tests/modem-sim/peer.c \
	tests/modem-sim/peer.h \
	tests/modem-sim/port.c \
	tests/modem-sim/port.h \
	tests/modem-sim/radio.c \
	tests/modem-sim/radio.h \
	tests/modem-sim/simcard.c \
	tests/modem-sim/simcard.h \
	tests/modem-sim/tell.c \
	tests/modem-sim/terminal.c \
	tests/modem-sim/terminal.h
modem_sim_CPPFLAGS = $(base_cppflags) $(modem_lwip_cppflags) $(LIBEVENT_CFLAGS) -DPPP_SERVER=1
modem_sim_LDFLAGS = $(program_ldflags)
modem_sim_LDADD = libmodem.la liblwippppd.la libhelperproto.la libproto.la $(LIBEVENT_LIBS)
endif
