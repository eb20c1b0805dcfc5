/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * A client is a c-ares channel for one set of servers; other servers need
 * another client. c-ares is told to leave the machine's resolv.conf, hosts
 * file, search domains and host aliases alone: all it does is ask these
 * servers, retry, fall back to TCP and parse.
 *
 * One timer follows what c-ares asks for. How long it tries is derived from
 * the configured bound of a whole look-up; the look-up's own deadline is
 * resolver.c's.
 *
 * A server that answers SERVFAIL or REFUSED makes c-ares ask the next one; at
 * the end of the list c-ares 1.18 reports only that it has reached nobody,
 * the same as for an unreachable server. The two are different outcomes here,
 * so the replies are looked at on their way in.
 */
#define CARES_NO_DEPRECATED
#include "daemon/resolver_dns.h"

#include "daemon/resolver_io.h"
#include "daemon/resolver_name.h"
#include "daemon/usocketd.h"
#include "netif/log.h"
#include "proto/status.h"

#include <ares.h>
#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>

#define DNS_PORT	   53
#define SERVERS_TEXT_MAX   (CONFIG_SERVERS_MAX * (ADDRESS_TEXT_MAX + 1))
#define ASK_TIMEOUT_MIN_MS 400
#define ASK_TIMEOUT_MAX_MS 5000
/*
 * RFC 2308 wants the SOA's minimum for negative answers, which c-ares does
 * not tell; a fixed time within what is common does.
 */
#define NEGATIVE_TTL_S 30
#define CNAMES_MAX     16
#define RCODE_SERVFAIL 2
#define RCODE_NOTIMP   4
#define RCODE_REFUSED  5

/* One question under way; owned by c-ares' callback. */
struct question {
	struct dns_client *client;
	char name[RESOLVER_NAME_SIZE];
	enum address_family family;
	dns_answer_fn answered;
	void *arg;
	bool asking;	       /* ares_getaddrinfo() has not returned yet */
	bool answered_at_once; /* it called back before it returned */
	bool refused;	       /* a server said that it will not answer */
	LIST_ENTRY(question) link;
};

LIST_HEAD(question_list, question);

struct dns_client {
	const struct usocketd *daemon;
	bool has_library;
	ares_channel channel;
	struct resolver_io *io;
	struct event *timer;
	struct address servers[CONFIG_SERVERS_MAX];
	size_t n_servers;
	struct question_list questions;
	bool ending;
};

/* ---- driving c-ares ----------------------------------------------------------- */

static void arm_timer(struct dns_client *client)
{
	struct timeval tv;

	if (ares_timeout(client->channel, NULL, &tv))
		event_add(client->timer, &tv);
	else
		event_del(client->timer);
}

static void process(struct dns_client *client, ares_socket_t read_fd, ares_socket_t write_fd)
{
	ares_process_fd(client->channel, read_fd, write_fd);
	arm_timer(client);
}

static void on_timer(evutil_socket_t fd, short events, void *arg)
{
	(void)fd;
	(void)events;
	process(arg, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

static void on_ready(ares_socket_t read_fd, ares_socket_t write_fd, void *arg)
{
	process(arg, read_fd, write_fd);
}

static void on_socket_state(void *arg, ares_socket_t fd, int readable, int writable)
{
	struct dns_client *client = arg;

	resolver_io_set_interest(client->io, fd, readable, writable);
}

static void on_reply(const uint8_t *data, size_t len, void *arg)
{
	struct dns_client *client = arg;
	char name[RESOLVER_NAME_SIZE];
	struct question *question;
	uint8_t rcode;

	if (resolver_name_parse_reply(data, len, &rcode, name) < 0)
		return;
	if (rcode != RCODE_SERVFAIL && rcode != RCODE_NOTIMP && rcode != RCODE_REFUSED)
		return;
	LIST_FOREACH(question, &client->questions, link) {
		if (strcmp(question->name, name) == 0)
			question->refused = true;
	}
}

/* ---- answers ------------------------------------------------------------------- */

static int outcome(const struct question *question, int status)
{
	switch (status) {
	case ARES_SUCCESS:
		return 0;
	case ARES_ENOTFOUND:
	case ARES_ENODATA:
	case ARES_EBADNAME: /* such as 01.2.3.4, which c-ares asks nobody for */
		return RESOLVE_UNKNOWN;
	case ARES_ESERVFAIL:
	case ARES_EREFUSED:
	case ARES_ENOTIMP:
	case ARES_EFORMERR:
	case ARES_EBADRESP:
		return RESOLVE_FAILED;
	}
	/* Nobody was reached, or answered, or there was no memory. */
	return question->refused ? RESOLVE_FAILED : RESOLVE_AGAIN;
}

static void lower_ttl(uint32_t *ttl_s, int ttl)
{
	if (ttl < 0)
		ttl = 0;
	if ((uint32_t)ttl < *ttl_s)
		*ttl_s = (uint32_t)ttl;
}

/* Follows the aliases from the name that was asked for to the last one. */
static void find_canonical(const struct question *question, const struct ares_addrinfo *ai,
	struct resolver_answer *answer, uint32_t *ttl_s)
{
	const struct ares_addrinfo_cname *cname = ai->cnames;
	const char *name = question->name;
	char normalized[RESOLVER_NAME_SIZE];

	for (int i = 0; i < CNAMES_MAX && cname; i++) {
		for (cname = ai->cnames; cname; cname = cname->next) {
			if (cname->alias && cname->name && strcasecmp(cname->alias, name) == 0)
				break;
		}
		if (!cname)
			break;
		lower_ttl(ttl_s, cname->ttl);
		name = cname->name;
	}
	if (resolver_name_normalize(name, normalized) == 0)
		strcpy(answer->canonical, normalized);
	else
		strcpy(answer->canonical, question->name);
}

static void copy_addresses(const struct question *question, const struct ares_addrinfo *ai,
	struct resolver_answer *answer, uint32_t *ttl_s)
{
	const struct ares_addrinfo_node *node;
	struct address address;

	for (node = ai->nodes; node; node = node->ai_next) {
		if (answer->n_addresses == RESOLVER_ADDRESSES_MAX)
			return;
		if (address_from_sockaddr(&address, node->ai_addr,
			    (socklen_t)node->ai_addrlen) < 0 ||
			address.family != question->family)
			continue;
		address.port = 0;
		answer->addresses[answer->n_addresses++] = address;
		lower_ttl(ttl_s, node->ai_ttl);
	}
}

static void on_addrinfo(void *arg, int status, int timeouts, struct ares_addrinfo *ai)
{
	struct question *question = arg;
	struct resolver_answer answer = { .error = outcome(question, status) };
	uint32_t ttl_s = UINT32_MAX;

	(void)timeouts;
	if (ai && answer.error == 0) {
		find_canonical(question, ai, &answer, &ttl_s);
		copy_addresses(question, ai, &answer, &ttl_s);
	}
	if (ai)
		ares_freeaddrinfo(ai);
	if (answer.error == 0 && answer.n_addresses == 0)
		answer.error = RESOLVE_UNKNOWN;
	if (answer.error != 0)
		ttl_s = answer.error == RESOLVE_UNKNOWN ? NEGATIVE_TTL_S : 0;
	if (question->asking) {
		question->answered_at_once = true;
		return;
	}
	LIST_REMOVE(question, link);
	if (!question->client->ending)
		question->answered(&answer, ttl_s, question->arg);
	free(question);
}

/* ---- life cycle ------------------------------------------------------------------ */

static void servers_text(const struct dns_client *client, char text[SERVERS_TEXT_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < client->n_servers; i++) {
		struct address server = client->servers[i];
		char one[ADDRESS_TEXT_MAX];

		server.scope = 0; /* resolver_io adds it again */
		address_text(&server, one);
		n += (size_t)snprintf(text + n, SERVERS_TEXT_MAX - n, "%s%s",
			i > 0 ? "," : "", one);
	}
}

/* Retries with growing patience, so that all of it fits the whole look-up. */
static void set_patience(const struct dns_client *client, struct ares_options *options)
{
	const unsigned int total_ms = client->daemon->config.resolve_timeout_s * 1000;
	/* c-ares doubles the time with each round: 1 + 2 + 4 or 1 + 2. */
	const unsigned int units = client->n_servers == 1 ? 7 : 3 * (unsigned int)client->n_servers;
	unsigned int timeout_ms = total_ms / units;

	if (timeout_ms < ASK_TIMEOUT_MIN_MS)
		timeout_ms = ASK_TIMEOUT_MIN_MS;
	if (timeout_ms > ASK_TIMEOUT_MAX_MS)
		timeout_ms = ASK_TIMEOUT_MAX_MS;
	options->timeout = (int)timeout_ms;
	options->tries = client->n_servers == 1 ? 3 : 2;
}

static int start_channel(struct dns_client *client)
{
	struct ares_options options = {
		.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES,
		.lookups = (char *)"b",
		.sock_state_cb = on_socket_state,
		.sock_state_cb_data = client,
	};
	int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS |
		ARES_OPT_DOMAINS | ARES_OPT_SOCK_STATE_CB | ARES_OPT_NOROTATE;
	char servers[SERVERS_TEXT_MAX];

	set_patience(client, &options);
#ifdef ARES_OPT_RESOLVCONF
	options.resolvconf_path = (char *)"/dev/null";
	mask |= ARES_OPT_RESOLVCONF;
#endif
#ifdef ARES_OPT_QUERY_CACHE
	options.qcache_max_ttl = 0;
	mask |= ARES_OPT_QUERY_CACHE;
#endif
	if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS)
		return -ENOMEM;
	client->has_library = true;
	if (ares_init_options(&client->channel, &options, mask) != ARES_SUCCESS)
		return -ENOMEM;
	servers_text(client, servers);
	if (ares_set_servers_ports_csv(client->channel, servers) != ARES_SUCCESS)
		return -EINVAL;
	ares_set_socket_functions(client->channel, resolver_io_functions(), client->io);
	return 0;
}

static int start(struct dns_client *client)
{
	const struct resolver_io_params params = {
		.daemon = client->daemon,
		.servers = client->servers,
		.n_servers = client->n_servers,
		.ready = on_ready,
		.reply = on_reply,
		.arg = client,
	};
	int r;

	client->timer = evtimer_new(client->daemon->base, on_timer, client);
	if (!client->timer)
		return -ENOMEM;
	r = resolver_io_new(&client->io, &params);
	if (r < 0)
		return r;
	return start_channel(client);
}

int dns_client_new(struct dns_client **out, const struct usocketd *daemon,
	const struct address *servers, size_t n_servers)
{
	struct dns_client *client;
	int r;

	if (n_servers == 0 || n_servers > CONFIG_SERVERS_MAX)
		return -EINVAL;
	client = calloc(1, sizeof(*client));
	if (!client)
		return -ENOMEM;
	client->daemon = daemon;
	LIST_INIT(&client->questions);
	client->n_servers = n_servers;
	for (size_t i = 0; i < n_servers; i++) {
		client->servers[i] = servers[i];
		if (servers[i].port == 0)
			client->servers[i].port = DNS_PORT;
	}
	r = start(client);
	if (r < 0) {
		dns_client_free(client);
		return r;
	}
	*out = client;
	return 0;
}

void dns_client_free(struct dns_client *client)
{
	if (!client)
		return;
	client->ending = true;
	if (client->channel)
		ares_destroy(client->channel);
	if (client->has_library)
		ares_library_cleanup();
	resolver_io_free(client->io);
	if (client->timer)
		event_free(client->timer);
	free(client);
}

int dns_client_ask(struct dns_client *client, const char *name, enum address_family family,
	dns_answer_fn answered, void *arg)
{
	const struct ares_addrinfo_hints hints = {
		.ai_flags = ARES_AI_NOSORT,
		.ai_family = family == ADDRESS_IPV6 ? AF_INET6 : AF_INET,
		.ai_socktype = SOCK_STREAM,
	};
	struct question *question = calloc(1, sizeof(*question));

	if (!question)
		return -ENOMEM;
	question->client = client;
	snprintf(question->name, sizeof(question->name), "%s", name);
	question->family = family;
	question->answered = answered;
	question->arg = arg;
	question->asking = true;
	ares_getaddrinfo(client->channel, question->name, NULL, &hints, on_addrinfo, question);
	question->asking = false;
	arm_timer(client);
	if (question->answered_at_once) {
		free(question);
		return -EHOSTUNREACH;
	}
	LIST_INSERT_HEAD(&client->questions, question, link);
	return 0;
}
