/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * A look-up has three steps, so that it can be made with and without waiting:
 * the question is checked (and answered at once, if it is a literal), the
 * daemon is asked and hands over a channel, and one result arrives there. The
 * daemon's resolver does the rest: hosts file, cache, DNS, its own time limit.
 * Closing the channel withdraws the question.
 *
 * The service is looked up here, in this system's list.
 */
#include "client/links.h"
#include "client/session.h"
#include "client/usocket.h"
#include "client/waiting.h"
#include "proto/codec.h"
#include "proto/status.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* For a daemon that never answers; its own limit is far below. */
#define ANSWER_MS 120000

#define KNOWN_FLAGS                                                                           \
	(AI_PASSIVE | AI_CANONNAME | AI_NUMERICHOST | AI_NUMERICSERV | AI_V4MAPPED | AI_ALL | \
		AI_ADDRCONFIG)

/* What the answer may have at most: the daemon's, or two for no name. */
#define ADDRESSES_MAX  16

#define SERVICE_BUFFER 1024

/* A kind of socket an entry is for. */
struct kind {
	int type;
	int protocol;
	const char *name; /* in the list of services; NULL: has none */
};

static const struct kind kinds[] = {
	{ SOCK_STREAM, IPPROTO_TCP, "tcp" },
	{ SOCK_DGRAM, IPPROTO_UDP, "udp" },
	{ SOCK_RAW, 0, NULL },
};
#define N_KINDS (sizeof(kinds) / sizeof(kinds[0]))

struct usocket_lookup {
	int flags;  /* AI_ */
	int family; /* AF_, of the hints */
	bool wanted[N_KINDS];
	uint16_t port[N_KINDS];
	int raw_protocol;
	char name[256]; /* empty: none was given */
	int channel;	/* of the daemon, -1: none */
	int ready;	/* readable at once if there is no channel; -1 */
	bool done;
	int error; /* EAI_, when done */
	struct address addresses[ADDRESSES_MAX];
	size_t n_addresses;
	char canonical[256];
};

/* One block of the list; the address is part of it. */
struct entry {
	struct addrinfo info;
	struct sockaddr_storage address;
};

static int system_error(int r)
{
	errno = -r;
	return EAI_SYSTEM;
}

static int parse_hints(struct usocket_lookup *lookup, const struct addrinfo *hints)
{
	static const struct addrinfo none = { .ai_flags = 0 };
	bool any = false;

	if (!hints)
		hints = &none;
	if (hints->ai_flags & ~KNOWN_FLAGS)
		return EAI_BADFLAGS;
	if (hints->ai_family != AF_UNSPEC && hints->ai_family != AF_INET &&
		hints->ai_family != AF_INET6)
		return EAI_FAMILY;
	lookup->flags = hints->ai_flags;
	lookup->family = hints->ai_family;
	for (size_t i = 0; i < N_KINDS; i++) {
		lookup->wanted[i] = (!hints->ai_socktype || hints->ai_socktype == kinds[i].type) &&
			(!hints->ai_protocol || !kinds[i].protocol ||
				hints->ai_protocol == kinds[i].protocol);
		/* A number alone does not ask for a raw socket. */
		if (kinds[i].type == SOCK_RAW && hints->ai_protocol && !hints->ai_socktype)
			lookup->wanted[i] = false;
		any |= lookup->wanted[i];
	}
	lookup->raw_protocol = hints->ai_protocol;
	return any ? 0 : EAI_SOCKTYPE;
}

/* Returns the port, -1 if @service is no number, -2 if it is none of a port. */
static long parse_port(const char *service)
{
	unsigned long port;
	char *end;

	if (*service < '0' || *service > '9')
		return -1;
	errno = 0;
	port = strtoul(service, &end, 10);
	if (*end)
		return -1;
	return errno || port > UINT16_MAX ? -2 : (long)port;
}

static bool find_service(const char *service, const char *protocol, uint16_t *port)
{
	char buffer[SERVICE_BUFFER];
	struct servent entry, *found = NULL;

	if (getservbyname_r(service, protocol, &entry, buffer, sizeof(buffer), &found) || !found)
		return false;
	*port = ntohs((uint16_t)found->s_port);
	return true;
}

static int parse_service(struct usocket_lookup *lookup, const char *service)
{
	long port = service ? parse_port(service) : 0;
	bool any = false;

	if (port == -2)
		return EAI_SERVICE;
	if (port == -1 && lookup->flags & AI_NUMERICSERV)
		return EAI_NONAME;
	for (size_t i = 0; i < N_KINDS; i++) {
		if (port >= 0)
			lookup->port[i] = (uint16_t)port;
		else if (lookup->wanted[i])
			lookup->wanted[i] = kinds[i].name &&
				find_service(service, kinds[i].name, &lookup->port[i]);
		any |= lookup->wanted[i];
	}
	return any ? 0 : EAI_SERVICE;
}

/* Adds @a if its family is asked for. */
static void add_address(struct usocket_lookup *lookup, const struct address *a)
{
	struct address *to = &lookup->addresses[lookup->n_addresses];

	if (lookup->n_addresses == ADDRESSES_MAX)
		return;
	if (lookup->family == AF_INET && a->family != ADDRESS_IPV4)
		return;
	*to = *a;
	if (lookup->family == AF_INET6 && a->family == ADDRESS_IPV4) {
		if (!(lookup->flags & AI_V4MAPPED))
			return;
		*to = address_map_v4(a);
	}
	lookup->n_addresses++;
}

static void add_literal(struct usocket_lookup *lookup, const char *text)
{
	struct address a;

	if (address_parse_ip(&a, text) == 0)
		add_address(lookup, &a);
}

static void answer_no_name(struct usocket_lookup *lookup)
{
	bool passive = lookup->flags & AI_PASSIVE;

	lookup->flags &= ~AI_V4MAPPED;
	add_literal(lookup, passive ? "0.0.0.0" : "::1");
	add_literal(lookup, passive ? "::" : "127.0.0.1");
	lookup->done = true;
}

/* Answers what needs no question: no name, a literal. */
static int parse_name(struct usocket_lookup *lookup, const char *node)
{
	struct address literal;

	if (!node) {
		answer_no_name(lookup);
		return 0;
	}
	if (!*node || strlen(node) >= sizeof(lookup->name))
		return EAI_NONAME;
	strcpy(lookup->name, node);
	strcpy(lookup->canonical, node);
	if (address_parse_ip(&literal, node) == 0) {
		lookup->done = true;
		add_address(lookup, &literal);
		return lookup->n_addresses ? 0 : EAI_NONAME;
	}
	return lookup->flags & AI_NUMERICHOST ? EAI_NONAME : 0;
}

static int lookup_new(struct usocket_lookup **out, const char *node, const char *service,
	const struct addrinfo *hints)
{
	struct usocket_lookup *lookup;
	int r;

	if (!node && !service)
		return EAI_NONAME;
	lookup = calloc(1, sizeof(*lookup));
	if (!lookup)
		return EAI_MEMORY;
	lookup->channel = -1;
	lookup->ready = -1;
	r = parse_hints(lookup, hints);
	if (r == 0)
		r = parse_service(lookup, service);
	if (r == 0)
		r = parse_name(lookup, node);
	if (r != 0) {
		free(lookup);
		return r;
	}
	*out = lookup;
	return 0;
}

static void lookup_free(void *arg)
{
	struct usocket_lookup *lookup = arg;

	if (lookup->channel >= 0)
		close(lookup->channel);
	if (lookup->ready >= 0)
		close(lookup->ready);
	free(lookup);
}

/* Of which family to ask; IPv4 also for mapping. */
static usp_Family wire_family(const struct usocket_lookup *lookup)
{
	bool has4, has6;

	if (lookup->family == AF_INET)
		return usp_Family_FAMILY_IPV4;
	if (lookup->family == AF_INET6)
		return lookup->flags & AI_V4MAPPED ? usp_Family_FAMILY_ANY
						   : usp_Family_FAMILY_IPV6;
	if (!(lookup->flags & AI_ADDRCONFIG))
		return usp_Family_FAMILY_ANY;
	has4 = links_have_family(ADDRESS_IPV4);
	has6 = links_have_family(ADDRESS_IPV6);
	if (has4 == has6)
		return usp_Family_FAMILY_ANY;
	return has4 ? usp_Family_FAMILY_IPV4 : usp_Family_FAMILY_IPV6;
}

static int lookup_ask(struct usocket_lookup *lookup)
{
	struct session_call call = session_call_make(SESSION_ANY_INSTANCE,
		usp_Request_resolve_tag);
	int r;

	strcpy(call.request.body.resolve.name, lookup->name);
	call.request.body.resolve.family = wire_family(lookup);
	call.wants_fd = true;
	r = session_call(&call);
	if (r < 0)
		return system_error(r);
	if (call.reply.status == usp_Status_STATUS_STARTED ||
		call.reply.status == usp_Status_STATUS_OK) {
		lookup->channel = call.fd_in;
		return 0;
	}
	if (call.reply.status >= usp_Status_STATUS_NAME_UNKNOWN)
		return status_to_resolve_error(call.reply.status);
	return system_error(-status_to_errno(call.reply.status));
}

/*
 * RFC 6724 6, shortened to what can be told here: rule 1 (what cannot be
 * reached comes last), rule 6 (IPv6 before IPv4); the rest stays as it came.
 */
static int rank(const struct address *a)
{
	const struct links_way way = { .to = a };

	return (links_reach(&way) ? 0 : 2) + (a->family == ADDRESS_IPV6 ? 0 : 1);
}

static void sort_addresses(struct usocket_lookup *lookup)
{
	struct address *a = lookup->addresses;

	for (size_t i = 1; i < lookup->n_addresses; i++)
		for (size_t j = i; j > 0 && rank(&a[j]) < rank(&a[j - 1]); j--) {
			struct address swap = a[j];

			a[j] = a[j - 1];
			a[j - 1] = swap;
		}
}

static bool is_family(const usp_Address *address, usp_Family family)
{
	return address->family == family;
}

static void take_result(struct usocket_lookup *lookup, const usp_ResolveResult *result)
{
	struct address a;
	bool has6 = false;

	lookup->done = true;
	lookup->error = status_to_resolve_error(result->status);
	if (lookup->error)
		return;
	for (size_t i = 0; i < result->address_count; i++)
		has6 |= is_family(&result->address[i], usp_Family_FAMILY_IPV6);
	/* Mapped addresses only where there are no others, or all are wanted. */
	if (has6 && !(lookup->flags & AI_ALL))
		lookup->flags &= ~AI_V4MAPPED;
	for (size_t i = 0; i < result->address_count; i++)
		if (address_from_proto(&a, &result->address[i]) == 0 && a.family != ADDRESS_NONE)
			add_address(lookup, &a);
	if (lookup->n_addresses == 0)
		lookup->error = EAI_NONAME;
	if (*result->canonical)
		strcpy(lookup->canonical, result->canonical);
	sort_addresses(lookup);
}

/* Returns 0 when the result is there, or -EAGAIN. */
static ssize_t receive_attempt(void *arg)
{
	struct usocket_lookup *lookup = arg;
	usp_ResolveResult result = usp_ResolveResult_init_zero;
	uint8_t bytes[PROTOCOL_EVENT_MAX];
	ssize_t n = recv(lookup->channel, bytes, sizeof(bytes), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return -EAGAIN;
	if (n > 0 && codec_decode_result(&result, bytes, (size_t)n) == 0) {
		take_result(lookup, &result);
		return 0;
	}
	/* The daemon ended, or made no sense: another try may do. */
	lookup->done = true;
	lookup->error = n > 0 ? EAI_FAIL : EAI_AGAIN;
	return 0;
}

static struct entry *entry_new(const struct usocket_lookup *lookup, const struct address *address,
	size_t kind)
{
	struct entry *entry = calloc(1, sizeof(*entry));
	struct address a = *address;
	socklen_t len = sizeof(entry->address);

	if (!entry)
		return NULL;
	a.port = lookup->port[kind];
	address_to_sockaddr(&a, (struct sockaddr *)&entry->address, &len);
	entry->info.ai_flags = lookup->flags;
	entry->info.ai_family = entry->address.ss_family;
	entry->info.ai_socktype = kinds[kind].type;
	entry->info.ai_protocol = kinds[kind].type == SOCK_RAW ? lookup->raw_protocol
							       : kinds[kind].protocol;
	entry->info.ai_addr = (struct sockaddr *)&entry->address;
	entry->info.ai_addrlen = len;
	return entry;
}

static int build_list(const struct usocket_lookup *lookup, struct addrinfo **result)
{
	struct addrinfo *first = NULL, **tail = &first;

	for (size_t i = 0; i < lookup->n_addresses; i++)
		for (size_t kind = 0; kind < N_KINDS; kind++) {
			struct entry *entry;

			if (!lookup->wanted[kind])
				continue;
			entry = entry_new(lookup, &lookup->addresses[i], kind);
			if (!entry)
				goto no_memory;
			*tail = &entry->info;
			tail = &entry->info.ai_next;
		}
	if (!first)
		return EAI_NONAME;
	if (lookup->flags & AI_CANONNAME) {
		first->ai_canonname = strdup(lookup->canonical);
		if (!first->ai_canonname)
			goto no_memory;
	}
	*result = first;
	return 0;

no_memory:
	usocket_freeaddrinfo(first);
	return EAI_MEMORY;
}

static int wait_result(struct usocket_lookup *lookup, const struct deadline *deadline)
{
	struct waiting waiting = {
		.poll_fd = lookup->channel,
		.events = POLLIN,
		.deadline = *deadline,
	};
	ssize_t r;

	pthread_cleanup_push(lookup_free, lookup);
	do {
		r = waiting_run(&waiting, receive_attempt, lookup);
	} while (r == -EINTR && deadline->restarts);
	pthread_cleanup_pop(0);
	return (int)r;
}

static int look_up(const char *node, const char *service, const struct addrinfo *hints,
	struct addrinfo **result, const struct deadline *deadline)
{
	struct usocket_lookup *lookup;
	int r = lookup_new(&lookup, node, service, hints);
	int error = 0;

	if (r != 0)
		return r;
	if (!lookup->done && deadline_is_now(deadline))
		r = system_error(-EAGAIN);
	if (r == 0 && !lookup->done)
		r = lookup_ask(lookup);
	if (r == 0 && !lookup->done)
		error = wait_result(lookup, deadline);
	if (error < 0)
		r = error == -EAGAIN ? EAI_AGAIN : system_error(error);
	if (r == 0)
		r = lookup->error ? lookup->error : build_list(lookup, result);
	error = errno;
	lookup_free(lookup);
	errno = error;
	return r;
}

int usocket_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
	struct addrinfo **result)
{
	struct deadline deadline = {
		.until_ns = time_after_ms(ANSWER_MS),
		.error = -EAGAIN,
		.restarts = true,
	};

	return look_up(node, service, hints, result, &deadline);
}

int usocket_getaddrinfo_timeout(const char *node, const char *service,
	const struct addrinfo *hints, struct addrinfo **result,
	int timeout_ms)
{
	struct deadline deadline = deadline_in(timeout_ms);

	return look_up(node, service, hints, result, &deadline);
}

void usocket_freeaddrinfo(struct addrinfo *result)
{
	struct addrinfo *next;

	for (; result; result = next) {
		next = result->ai_next;
		free(result->ai_canonname);
		/* The entry it is the first member of. */
		free(result);
	}
}

const char *usocket_gai_strerror(int error)
{
	return gai_strerror(error);
}

int usocket_lookup_start(const char *node, const char *service, const struct addrinfo *hints,
	struct usocket_lookup **lookup)
{
	int r;

	*lookup = NULL;
	r = lookup_new(lookup, node, service, hints);
	if (r != 0)
		return r;
	if ((*lookup)->done) {
		(*lookup)->ready = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
		if ((*lookup)->ready < 0)
			r = EAI_SYSTEM;
	} else {
		r = lookup_ask(*lookup);
	}
	if (r != 0) {
		int error = errno;

		lookup_free(*lookup);
		*lookup = NULL;
		errno = error;
	}
	return r;
}

int usocket_lookup_fd(const struct usocket_lookup *lookup)
{
	return lookup->channel >= 0 ? lookup->channel : lookup->ready;
}

int usocket_lookup_finish(struct usocket_lookup *lookup, struct addrinfo **result)
{
	int r;

	if (!lookup->done && receive_attempt(lookup) == -EAGAIN)
		return system_error(-EAGAIN);
	r = lookup->error ? lookup->error : build_list(lookup, result);
	lookup_free(lookup);
	return r;
}

void usocket_lookup_cancel(struct usocket_lookup *lookup)
{
	if (lookup)
		lookup_free(lookup);
}
