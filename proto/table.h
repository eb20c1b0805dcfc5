/* SPDX-License-Identifier: MIT */
/*
 * The connection table: a sealed memfd that the daemon writes and every
 * process may map and read. One record a socket, then one record a link.
 *
 * Each record starts with a sequence counter: odd while the daemon writes it.
 * A reader copies the record between two equal even values (table_read_*), so
 * it never sees a torn record, and the writer never waits.
 */
#ifndef PROTO_TABLE_H
#define PROTO_TABLE_H

#include "proto/address.h"
#include "proto/protocol.h"

#include <stdatomic.h>
#include <stdint.h>

#define TABLE_MAGIC	  0x75734b54u /* "usKT" */
#define TABLE_VERSION	  1

#define TABLE_PROGRAM_MAX 32 /* bytes, with NUL */
#define TABLE_NAME_MAX	  16
#define TABLE_CAUSE_MAX	  96

/* Numbers of RFC 9293 states as getsocketsta() gives them. */
enum table_state {
	TABLE_STATE_CLOSED,
	TABLE_STATE_LISTEN,
	TABLE_STATE_SYN_SENT,
	TABLE_STATE_SYN_RCVD,
	TABLE_STATE_ESTABLISHED,
	TABLE_STATE_FIN_WAIT_1,
	TABLE_STATE_FIN_WAIT_2,
	TABLE_STATE_CLOSE_WAIT,
	TABLE_STATE_CLOSING,
	TABLE_STATE_LAST_ACK,
	TABLE_STATE_TIME_WAIT,
	TABLE_STATE_COUNT,
};

enum table_socket_flag {
	TABLE_SOCKET_CONNECTING = 1 << 0,    /* connect under way (also waiting for the link) */
	TABLE_SOCKET_BROADCAST = 1 << 1,     /* SO_BROADCAST is set */
	TABLE_SOCKET_ORPHAN = 1 << 2,	     /* no holder: only TCP is left */
	TABLE_SOCKET_BOUND = 1 << 3,	     /* bound explicitly */
	TABLE_SOCKET_WAS_CONNECTED = 1 << 4, /* has been established once */
	TABLE_SOCKET_FIN_RECEIVED = 1 << 5,
	TABLE_SOCKET_BOUND_TO_LINK = 1 << 6, /* datagrams: leave only by local's link */
};

/* enum values of SocketType in usocket.proto. */
enum table_type {
	TABLE_TYPE_STREAM = 1,
	TABLE_TYPE_DATAGRAM = 2,
	TABLE_TYPE_RAW = 3,
};

struct table_socket {
	_Atomic uint32_t sequence;
	uint32_t generation; /* 0: the record is free */
	uint8_t type;	     /* enum table_type */
	uint8_t family;	     /* ADDRESS_IPV4 or ADDRESS_IPV6 */
	uint8_t protocol;    /* IANA number: 6, 17, or the raw socket's */
	uint8_t state;	     /* enum table_state */
	uint16_t flags;	     /* enum table_socket_flag */
	uint16_t error;	     /* pending errno, 0: none */
	struct address local;
	struct address remote; /* family NONE: no peer */
	uint32_t pid;	       /* of the creator */
	uint32_t uid;
	char program[TABLE_PROGRAM_MAX];
	uint64_t bytes_received;  /* payload, from the network */
	uint64_t bytes_sent;	  /* payload, handed to the stack */
	uint64_t bytes_acked;	  /* payload the peer has acknowledged */
	uint32_t receive_queue;	  /* bytes: held for the client to take;
					 * listener: connections not accepted */
	uint32_t send_queue;	  /* bytes: not acknowledged yet;
					 * listener: backlog */
	uint32_t rtt_us;	  /* smoothed, 0: not measured */
	uint32_t retransmissions; /* segments */
	uint32_t drops;		  /* datagrams, or SYNs of a listener */
	uint32_t link;		  /* index of its link + 1, 0: none */
	uint64_t created_ns;	  /* CLOCK_MONOTONIC */
	uint64_t reserved[4];
};
_Static_assert(sizeof(struct table_socket) == 192, "socket record layout");

enum table_link_state {
	TABLE_LINK_DOWN,
	TABLE_LINK_OPENING,
	TABLE_LINK_SIM,
	TABLE_LINK_REGISTERING,
	TABLE_LINK_DIALING,
	TABLE_LINK_NEGOTIATING,
	TABLE_LINK_UP,
	TABLE_LINK_DEGRADED,
	TABLE_LINK_STATE_COUNT,
};

/* Why a link is in its state: the reason of the latest change. */
enum table_link_reason {
	TABLE_REASON_NONE,	    /* nothing has happened yet, or all is as it should be */
	TABLE_REASON_COMMAND,	    /* asked for by a person or program */
	TABLE_REASON_CONFIGURATION, /* what was configured cannot work here */
	TABLE_REASON_SYSTEM,	    /* the host: memory, rights, helper not installed */
	TABLE_REASON_DEVICE,	    /* port or interface is not there, or has gone */
	TABLE_REASON_DEVICE_BUSY,   /* another program, or the kernel, uses it */
	TABLE_REASON_HELPER,	    /* the helper crashed, hung or broke its protocol */
	TABLE_REASON_SILENT,	    /* the modem does not answer */
	TABLE_REASON_MODEM,	    /* the modem refuses a command */
	TABLE_REASON_SIM_MISSING,
	TABLE_REASON_SIM_PIN, /* PIN needed, wrong, or too few tries left */
	TABLE_REASON_SIM_PUK,
	TABLE_REASON_SIM,	     /* the SIM fails, is busy or asks for another code */
	TABLE_REASON_REGISTRATION,   /* no network in time */
	TABLE_REASON_ROAMING,	     /* only foreign networks, and roaming is off */
	TABLE_REASON_BARRED,	     /* the network denies registration */
	TABLE_REASON_DIAL,	     /* the call or the bearer was refused: APN, subscription */
	TABLE_REASON_AUTHENTICATION, /* user or password refused */
	TABLE_REASON_ADDRESS,	     /* no address was given (IPCP, DHCP, router) */
	TABLE_REASON_CARRIER,	     /* NO CARRIER, or the cable is out */
	TABLE_REASON_PEER,	     /* the network ended the connection */
	TABLE_REASON_PEER_SILENT,    /* no answer to echo requests */
	TABLE_REASON_TIMEOUT,	     /* a state's deadline has passed */
	TABLE_REASON_NO_DATA,	     /* connected, but nothing comes back: see health */
	TABLE_REASON_IDLE,	     /* hung up, or not dialed: nobody uses it */
	TABLE_REASON_COUNT,
};

/* How a try begins; each includes what is above it. */
enum table_link_step {
	TABLE_STEP_REDIAL,
	TABLE_STEP_PDP,	  /* PDP context deactivated and activated */
	TABLE_STEP_RADIO, /* radio off and on: AT+CFUN=4, =1 */
	TABLE_STEP_RESET, /* modem restarted: AT+CFUN=1,1 */
	TABLE_STEP_POWER, /* the configured power script */
	TABLE_STEP_COUNT,
};

/* Why the ingress stage dropped packets; index into table_link.drops. */
enum table_drop {
	TABLE_DROP_SHORT,     /* shorter than its headers */
	TABLE_DROP_VERSION,   /* neither IPv4 nor IPv6 */
	TABLE_DROP_LENGTH,    /* lengths contradict each other */
	TABLE_DROP_OPTIONS,   /* malformed IPv4 options */
	TABLE_DROP_EXTENSION, /* malformed IPv6 extension headers */
	TABLE_DROP_TRANSPORT, /* malformed TCP, UDP or ICMP header */
	TABLE_DROP_MARTIAN,   /* source or destination impossible here */
	TABLE_DROP_MEMORY,    /* no buffer */
	TABLE_DROP_FRAME,     /* malformed Ethernet frame */
	TABLE_DROP_COUNT,
};

#define TABLE_LINK_ADDRESSES6 3
#define TABLE_LINK_DNS	      4
#define TABLE_SIGNAL_UNKNOWN  INT16_MIN

#define TABLE_MODEM_UNKNOWN   (-1)

/* What a modem says of itself, its SIM and its place; empty texts: unknown. */
struct table_modem {
	int8_t sim_status;	   /* as QuecPython's sim.getStatus(): 0 to 21 */
	int8_t registration;	   /* <stat> of +CEREG, +C5GREG or +CGREG, TS 27.007 */
	int8_t voice_registration; /* <stat> of +CREG */
	int8_t access_technology;  /* <AcT> of +COPS */
	int8_t functionality;	   /* <fun> of +CFUN */
	int8_t ip_type;		   /* that is asked for: 0 IPv4, 1 IPv6, 2 both */
	int8_t authentication;	   /* that is offered: 0 none, 1 PAP, 2 CHAP, 3 both */
	uint8_t reserved;
	int32_t reject_cause; /* <reject_cause> of the registration */
	int32_t area_code;    /* <lac> or <tac> */
	int64_t cell_id;      /* <ci> */
	char operator_id[8];  /* MCC and MNC, digits */
	char manufacturer[32];
	char model[32];
	char firmware[48];
	char imei[20];
	char imsi[16];
	char iccid[24];
	char apn[104]; /* that is asked for */
};

/* What leaves by a link unless its source or destination says otherwise. */
enum table_default {
	TABLE_DEFAULT_IPV4 = 1 << 0,
	TABLE_DEFAULT_IPV6 = 1 << 1,
};

struct table_link {
	_Atomic uint32_t sequence;
	uint8_t used;
	uint8_t state;	    /* enum table_link_state */
	uint8_t is_default; /* enum table_default, 0: neither */
	uint8_t n_addresses6;
	char name[TABLE_NAME_MAX];
	char driver[TABLE_NAME_MAX];
	char cause[TABLE_CAUSE_MAX]; /* of the latest change of state */
	uint64_t since_ns;	     /* CLOCK_MONOTONIC of that change */
	uint32_t mtu;		     /* bytes */
	uint32_t restarts;	     /* of the helper or device since start */
	struct address address4;     /* port: prefix length */
	struct address gateway4;
	struct address addresses6[TABLE_LINK_ADDRESSES6]; /* port: prefix length */
	struct address gateway6;
	struct address dns[TABLE_LINK_DNS]; /* family NONE ends the list */
	uint64_t packets_received, bytes_received;
	uint64_t packets_sent, bytes_sent;
	uint64_t send_drops; /* packets the device did not take */
	uint64_t drops[TABLE_DROP_COUNT];
	char operator_name[32];			      /* TS 27.007 +COPS, UTF-8; empty: unknown */
	char radio[16];				      /* radio access technology; empty: unknown */
	int16_t rssi_dbm, rsrp_dbm, rsrq_db, sinr_db; /* TABLE_SIGNAL_UNKNOWN */

	uint8_t reason;	    /* enum table_link_reason, of the latest change */
	uint8_t step;	    /* enum table_link_step, of the latest try */
	uint8_t is_refused; /* not tried again before something changes */
	uint8_t rank;	    /* among the links that can send, from 1; 0: it cannot */
	uint32_t metric;    /* as configured */
	uint64_t retry_ns;  /* CLOCK_MONOTONIC of the next try, 0: none is due */
	uint32_t redials;   /* tries since the start, but for the first */
	uint8_t dials_on_demand;
	uint8_t reserved[3];
	struct address nat64; /* the prefix, port its length; family NONE: none */
	struct table_modem modem;
};

/* First bytes of the memfd. */
struct table_header {
	uint32_t magic;
	uint16_t version; /* differs: layout unknown, do not read on */
	uint16_t header_size;
	uint32_t socket_size; /* bytes from record to record */
	uint32_t n_sockets;
	uint32_t link_size;
	uint32_t n_links;
	uint64_t sockets_offset;
	uint64_t links_offset;
	uint64_t instance; /* random, one daemon process */
	uint32_t daemon_pid;
	_Atomic uint32_t gone;	     /* 1: the daemon has ended */
	_Atomic uint32_t high_water; /* socket records ever used: [0, high_water) */
	uint32_t reserved;
};

struct table {
	const struct table_header *header;
	size_t size; /* bytes mapped */
};

/*
 * Maps the table of descriptor @fd read-only. The caller keeps @fd.
 * Returns 0; -EPROTO if it is not a table, sealed against shrinking;
 * -EPROTONOSUPPORT for a version or size this source does not know; or what
 * mmap gave.
 */
int table_map(struct table *t, int fd);
void table_unmap(struct table *t);

/*
 * Copies one record without tearing.
 * Returns 0; -ENOENT if @index is out of range or the record is free;
 * -EAGAIN if a dead writer left it half written.
 */
int table_read_socket(const struct table *t, uint32_t index, struct table_socket *out);
int table_read_link(const struct table *t, uint32_t index, struct table_link *out);

/* The record of exactly this socket; -ENOENT also if it was used again. */
int table_find_socket(const struct table *t, socket_id id, struct table_socket *out);

/* What getsocketsta() needs of a record. */
struct table_glance {
	uint8_t type;  /* enum table_type */
	uint8_t state; /* enum table_state */
};

/* Only that, a handful of loads. Same errors as table_find_socket(). */
int table_glance(const struct table *t, socket_id id, struct table_glance *out);

/* "ESTABLISHED" and so on; "?" out of range. */
const char *table_state_name(enum table_state state);
const char *table_link_state_name(enum table_link_state state);
/* "sim-missing", "redial" and so on. */
const char *table_link_reason_name(enum table_link_reason reason);
const char *table_link_step_name(enum table_link_step step);
const char *table_drop_name(enum table_drop drop);

#endif
