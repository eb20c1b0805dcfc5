# SPDX-License-Identifier: MIT
#
# The user C module: MicroPython's build includes this with USER_C_MODULES set
# to the folder above. USOCKET_CFLAGS and USOCKET_LIBS say where libusocket is;
# without them pkg-config is asked.

USOCKET_MOD_DIR := $(USERMOD_DIR)
USOCKET_CFLAGS ?= $(shell pkg-config --cflags libusocket)
USOCKET_LIBS ?= $(shell pkg-config --libs libusocket)

SRC_USERMOD_C += $(addprefix $(USOCKET_MOD_DIR)/, \
	address.c \
	call.c \
	connect.c \
	constants.c \
	data.c \
	links.c \
	module.c \
	options.c \
	poll.c \
	resolve.c \
	socket.c \
	watch.c \
	)
CFLAGS_USERMOD += -I$(USOCKET_MOD_DIR) $(USOCKET_CFLAGS)
LDFLAGS_USERMOD += $(USOCKET_LIBS)
