/* SPDX-License-Identifier: MIT */
/*
 * The messages of SOCKS version 5 (RFC 1928) and of its authentication by
 * name and password (RFC 1929), as a server reads and writes them.
 *
 * The parsers of what a client sends over its connection return 0 if @bytes is
 * one whole message, how many bytes are missing at least if it is the beginning
 * of one, or -EPROTO if it cannot become one. So whoever reads just what is
 * missing never reads what follows the message.
 */
#ifndef DAEMON_SOCKS_MESSAGE_H
#define DAEMON_SOCKS_MESSAGE_H

#include "proto/address.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Bytes of the longest message: name and password of 255 bytes each. */
#define SOCKS_MESSAGE_MAX 513

/* RFC 1928 section 3. */
enum socks_method {
	SOCKS_METHOD_NONE = 0,
	SOCKS_METHOD_PASSWORD = 2,
	SOCKS_METHOD_REFUSED = 0xff,
};

/* RFC 1928 section 4. */
enum socks_command {
	SOCKS_CONNECT = 1,
	SOCKS_BIND = 2,
	SOCKS_UDP_ASSOCIATE = 3,
};

/* RFC 1928 section 6. */
enum socks_reply {
	SOCKS_REPLY_OK = 0,
	SOCKS_REPLY_FAILURE = 1,
	SOCKS_REPLY_NOT_ALLOWED = 2,
	SOCKS_REPLY_NETWORK_UNREACHABLE = 3,
	SOCKS_REPLY_HOST_UNREACHABLE = 4,
	SOCKS_REPLY_REFUSED = 5,
	SOCKS_REPLY_EXPIRED = 6,
	SOCKS_REPLY_COMMAND_UNKNOWN = 7,
	SOCKS_REPLY_ADDRESS_UNKNOWN = 8,
};

struct socks_greeting {
	bool offers_none;     /* no authentication */
	bool offers_password; /* RFC 1929 */
};

struct socks_login {
	char name[256];	    /* ends with NUL; may hold others, see name_len */
	char password[256]; /* likewise */
	size_t name_len, password_len;
};

/* Where to: an address, or a name with a port. */
struct socks_target {
	char name[256];		/* "": it is an address */
	struct address address; /* with its port; of a name, the port alone */
};

struct socks_request {
	uint8_t command; /* enum socks_command, or another */
	struct socks_target target;
};

int socks_parse_greeting(struct socks_greeting *out, const uint8_t *bytes, size_t len);
int socks_parse_login(struct socks_login *out, const uint8_t *bytes, size_t len);
/* An unknown type of address leaves out->target without family and name. */
int socks_parse_request(struct socks_request *out, const uint8_t *bytes, size_t len);

/*
 * Reads the header of a datagram (RFC 1928 section 7). Returns its length, the
 * payload follows; -EPROTO if it is none or belongs to a fragment.
 */
ssize_t socks_parse_datagram(struct socks_target *out, const uint8_t *bytes, size_t len);

/* Room for a reply, or for the header of a datagram, with an address. */
#define SOCKS_HEADER_MAX 22

/* These return the length. An address without family is written as 0.0.0.0:0. */
size_t socks_write_reply(uint8_t out[SOCKS_HEADER_MAX], enum socks_reply reply,
	const struct address *bound);
size_t socks_write_datagram(uint8_t out[SOCKS_HEADER_MAX], const struct address *source);

/* What to answer when a connect has ended with @error, an errno. */
enum socks_reply socks_reply_of(int error);

#endif
