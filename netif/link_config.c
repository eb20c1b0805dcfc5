/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * A link's configuration section, one key at a time. "driver" is first; the
 * other keys are looked up among the driver's, then among those that every
 * driver has. A key that fails leaves the link as it was.
 */
#include "netif/link_private.h"

#include "proto/nat64.h"

#include <ctype.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ITEM_MAX	   128
#define IDLE_TIMEOUT_MIN_S 5
#define IDLE_TIMEOUT_MAX_S 86400

static const struct link_driver *const drivers[] = {
	&modem_driver,
	&packet_driver,
	&slirp_driver,
	&tun_driver,
};

int link_parse_number(const char *text, long min, long max, long *number)
{
	char *end;
	long n;

	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	errno = 0;
	n = strtol(text, &end, 10);
	if (errno || *end || n < min || n > max)
		return -EINVAL;
	*number = n;
	return 0;
}

int link_parse_prefix(struct address *a, const char *text)
{
	char ip[ADDRESS_TEXT_MAX];
	const char *slash = strchr(text, '/');
	size_t len = slash ? (size_t)(slash - text) : strlen(text);
	long prefix, max;

	if (len >= sizeof(ip))
		return -EINVAL;
	memcpy(ip, text, len);
	ip[len] = '\0';
	if (address_parse_ip(a, ip) != 0)
		return -EINVAL;
	max = a->family == ADDRESS_IPV4 ? 32 : 128;
	prefix = max;
	if (slash && link_parse_number(slash + 1, 1, max, &prefix) != 0)
		return -EINVAL;
	a->port = (uint16_t)prefix;
	return 0;
}

/* Copies an item without the white space around it. */
static int trim(char *out, size_t size, const char *from, const char *to)
{
	while (from < to && isspace((unsigned char)*from))
		from++;
	while (to > from && isspace((unsigned char)to[-1]))
		to--;
	if (from == to || (size_t)(to - from) >= size)
		return -EINVAL;
	memcpy(out, from, (size_t)(to - from));
	out[to - from] = '\0';
	return 0;
}

int link_parse_list(const char *list, int (*item)(const char *text, void *arg), void *arg)
{
	char text[ITEM_MAX];
	const char *end;
	int error;

	for (;; list = end + 1) {
		end = list + strcspn(list, ",");
		error = trim(text, sizeof(text), list, end);
		if (!error)
			error = item(text, arg);
		if (error || !*end)
			return error;
	}
}

bool link_is_interface_name(const char *text)
{
	return *text && strlen(text) < IFNAMSIZ && !strpbrk(text, "/% \t:");
}

static int set_mtu(struct link *link, const char *value, char *error, size_t size)
{
	long mtu;

	if (link_parse_number(value, LINK_MTU_MIN, UINT16_MAX, &mtu) != 0) {
		snprintf(error, size, "mtu is a number of bytes from %d to 65535", LINK_MTU_MIN);
		return -EINVAL;
	}
	link->configured.mtu = (uint32_t)mtu;
	return 0;
}

static int set_metric(struct link *link, const char *value, char *error, size_t size)
{
	long metric;

	if (link_parse_number(value, 0, LINK_METRIC_MAX, &metric) != 0) {
		snprintf(error, size, "metric is a number from 0 to %d, the lowest goes first",
			LINK_METRIC_MAX);
		return -EINVAL;
	}
	link->metric = (uint32_t)metric;
	return 0;
}

static int set_nat64(struct link *link, const char *value, char *error, size_t size)
{
	struct address prefix;

	if (strcmp(value, "auto") == 0) {
		link->nat64 = LINK_NAT64_AUTO;
	} else if (strcmp(value, "none") == 0) {
		link->nat64 = LINK_NAT64_NONE;
	} else if (link_parse_prefix(&prefix, value) == 0 && nat64_is_prefix(&prefix)) {
		link->nat64 = LINK_NAT64_FIXED;
		link->nat64_prefix = prefix;
	} else {
		snprintf(error, size,
			"nat64 is auto, none or a prefix of 32, 40, 48, 56, 64 or 96 bits, "
			"such as 64:ff9b::/96");
		return -EINVAL;
	}
	return 0;
}

static int add_dns(const char *text, void *arg)
{
	struct link_parameters *p = arg;

	if (p->n_dns == TABLE_LINK_DNS || address_parse_ip(&p->dns[p->n_dns], text) != 0)
		return -EINVAL;
	p->n_dns++;
	return 0;
}

static int set_dns(struct link *link, const char *value, char *error, size_t size)
{
	struct link_parameters parsed = { 0 };

	if (link_parse_list(value, add_dns, &parsed) != 0) {
		snprintf(error, size, "dns is a list of up to %d IP addresses", TABLE_LINK_DNS);
		return -EINVAL;
	}
	memcpy(link->configured.dns, parsed.dns, sizeof(parsed.dns));
	link->configured.n_dns = parsed.n_dns;
	return 0;
}

static int set_power_script(struct link *link, const char *value, char *error, size_t size)
{
	if (link->driver->highest_step < TABLE_STEP_POWER) {
		snprintf(error, size, "the driver %s has no use for a power_script",
			link->driver->name);
		return -EINVAL;
	}
	if (strlen(value) >= sizeof(link->power_script)) {
		snprintf(error, size, "power_script is a path of up to %zu characters",
			sizeof(link->power_script) - 1);
		return -EINVAL;
	}
	if (power_check(value, error, size) != 0)
		return -EINVAL;
	snprintf(link->power_script, sizeof(link->power_script), "%s", value);
	return 0;
}

int link_set_address(struct link *link, const char *value, char *error, size_t size)
{
	struct address a;

	if (link_parse_prefix(&a, value) != 0 || a.family != ADDRESS_IPV4 || address_is_any(&a)) {
		snprintf(error, size, "address is IPv4 with prefix, such as 192.0.2.2/24");
		return -EINVAL;
	}
	link->configured.address4 = a;
	return 0;
}

static int add_address6(const char *text, void *arg)
{
	struct link_parameters *p = arg;
	struct address a;

	if (p->n_addresses6 == TABLE_LINK_ADDRESSES6)
		return -EINVAL;
	if (link_parse_prefix(&a, text) != 0 || a.family != ADDRESS_IPV6 || address_is_any(&a) ||
		address_is_multicast(&a) || address_is_link_local(&a))
		return -EINVAL;
	p->addresses6[p->n_addresses6++] = a;
	return 0;
}

int link_set_address6(struct link *link, const char *value, char *error, size_t size)
{
	struct link_parameters parsed = { 0 };

	if (link_parse_list(value, add_address6, &parsed) != 0) {
		snprintf(error, size,
			"address6 is a list of up to %d IPv6 addresses with prefix, such as "
			"2001:db8::2/64",
			TABLE_LINK_ADDRESSES6);
		return -EINVAL;
	}
	memcpy(link->configured.addresses6, parsed.addresses6, sizeof(parsed.addresses6));
	link->configured.n_addresses6 = parsed.n_addresses6;
	return 0;
}

int link_set_gateway(struct link *link, const char *value, char *error, size_t size)
{
	struct address a;

	if (address_parse_ip(&a, value) != 0) {
		snprintf(error, size, "gateway is an IP address");
		return -EINVAL;
	}
	if (a.family == ADDRESS_IPV4)
		link->configured.gateway4 = a;
	else
		link->configured.gateway6 = a;
	return 0;
}

int link_set_offload(bool *is_off, const char *value, char *error, size_t size)
{
	if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0) {
		snprintf(error, size, "offload is yes or no");
		return -EINVAL;
	}
	*is_off = value[0] == 'n';
	return 0;
}

static int set_health(struct link *link, const char *value, char *error, size_t size)
{
	if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0) {
		snprintf(error, size, "health is yes or no");
		return -EINVAL;
	}
	link->health.is_set = true;
	link->health.is_enabled = value[0] == 'y';
	return 0;
}

/* "1.2.3.4", "1.2.3.4:80", "2001:db8::1" or "[2001:db8::1]:80" */
static int parse_target(struct address *a, const char *text)
{
	char ip[ADDRESS_TEXT_MAX];
	const char *colon = strrchr(text, ':');
	bool has_brackets = text[0] == '[' && colon && colon[-1] == ']';
	long port = 0;

	if (strlen(text) >= sizeof(ip))
		return -EINVAL;
	if (!has_brackets && colon && strchr(text, ':') != colon)
		colon = NULL;
	if (colon && link_parse_number(colon + 1, 1, UINT16_MAX, &port) != 0)
		return -EINVAL;
	snprintf(ip, sizeof(ip), "%s", text + has_brackets);
	if (colon)
		ip[colon - text - 2 * has_brackets] = '\0';
	if (address_parse_ip(a, ip) != 0 || address_is_any(a) || address_is_multicast(a))
		return -EINVAL;
	a->port = (uint16_t)port;
	return 0;
}

static int set_probe(struct link *link, const char *value, char *error, size_t size)
{
	struct address a;

	if (strcmp(value, "dns") == 0) {
		link->health.target = LINK_PROBE_DNS;
		return 0;
	}
	if (strcmp(value, "none") == 0) {
		link->health.target = LINK_PROBE_NONE;
		return 0;
	}
	if (parse_target(&a, value) != 0) {
		snprintf(error, size, "probe is dns, none or ADDRESS[:PORT], no name");
		return -EINVAL;
	}
	link->health.target = LINK_PROBE_ADDRESS;
	link->health.address = a;
	return 0;
}

static int set_dial(struct link *link, const char *value, char *error, size_t size)
{
	if (strcmp(value, "always") != 0 && strcmp(value, "demand") != 0) {
		snprintf(error, size, "dial is always or demand");
		return -EINVAL;
	}
	link->demand.is_on = value[0] == 'd';
	return 0;
}

static int set_idle_timeout(struct link *link, const char *value, char *error, size_t size)
{
	long seconds;

	if (link_parse_number(value, 0, IDLE_TIMEOUT_MAX_S, &seconds) != 0 ||
		(seconds > 0 && seconds < IDLE_TIMEOUT_MIN_S)) {
		snprintf(error, size, "idle_timeout is a number of seconds from %d to %d, or 0",
			IDLE_TIMEOUT_MIN_S, IDLE_TIMEOUT_MAX_S);
		return -EINVAL;
	}
	link->demand.timeout_s = (uint32_t)seconds;
	link->demand.is_timeout_set = true;
	return 0;
}

const struct link_key link_common_keys[] = {
	{ "dial", set_dial },
	{ "dns", set_dns },
	{ "health", set_health },
	{ "idle_timeout", set_idle_timeout },
	{ "metric", set_metric },
	{ "mtu", set_mtu },
	{ "nat64", set_nat64 },
	{ "power_script", set_power_script },
	{ "probe", set_probe },
	{ NULL, NULL },
};

static int set_driver(struct link *link, const char *value, char *error, size_t size)
{
	size_t i;

	for (i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++) {
		if (strcmp(value, drivers[i]->name) != 0)
			continue;
		if (link->driver == drivers[i])
			return 0;
		if (link->driver)
			break;
		link->driver_state = calloc(1, drivers[i]->state_size);
		if (!link->driver_state) {
			snprintf(error, size, "out of memory");
			return -EINVAL;
		}
		link->driver = drivers[i];
		return 0;
	}
	if (link->driver)
		snprintf(error, size, "the link's driver is %s already", link->driver->name);
	else
		snprintf(error, size, "driver is one of: modem, packet, slirp, tun");
	return -EINVAL;
}

static const struct link_key *find_key(const struct link_key *keys, const char *name)
{
	for (; keys->name; keys++) {
		if (strcmp(keys->name, name) == 0)
			return keys;
	}
	return NULL;
}

static const struct link_key *find_driver_key(const struct link *link, const char *name,
	char *error, size_t size)
{
	const struct link_key *k = find_key(link->driver->keys, name);

	if (!k)
		k = find_key(link_common_keys, name);
	if (!k)
		snprintf(error, size, "the driver %s has no key of this name", link->driver->name);
	return k;
}

int link_set(struct link *link, const char *key, const char *value, char *error, size_t size)
{
	const struct link_key *k;

	if (strcmp(key, "driver") == 0)
		return set_driver(link, value, error, size);
	if (!link->driver) {
		snprintf(error, size, "the link's section must begin with driver = ...");
		return -EINVAL;
	}
	k = find_driver_key(link, key, error, size);
	return k ? k->set(link, value, error, size) : -ENOENT;
}

/* Of those that are set while the link is there. */
static const char *const common_live_keys[] = { "dns", NULL };

static void list_names(const char *const *names, char *out, size_t size)
{
	size_t len = strlen(out);

	for (; names && *names && len < size; names++)
		len += (size_t)snprintf(out + len, size - len, " %s", *names);
}

static bool has_name(const char *const *names, const char *name)
{
	for (; names && *names; names++) {
		if (strcmp(*names, name) == 0)
			return true;
	}
	return false;
}

static bool is_live(const struct link *link, const char *key)
{
	return has_name(common_live_keys, key) || has_name(link->driver->live_keys, key);
}

int link_change(struct link *link, const char *key, const char *value, char *error, size_t size)
{
	const struct link_key *k = find_driver_key(link, key, error, size);
	int r;

	if (!k) {
		snprintf(error + strlen(error), size - strlen(error), "; what can be set is");
		list_names(common_live_keys, error, size);
		list_names(link->driver->live_keys, error, size);
		return -ENOENT;
	}
	if (!is_live(link, key)) {
		snprintf(error, size, "%s is set in the configuration only", key);
		return -EPERM;
	}
	r = k->set(link, value, error, size);
	if (r == 0 && link->base && link->driver->changed)
		link->driver->changed(link);
	return r;
}

int link_check(const struct link *link, char *error, size_t size)
{
	if (!link->driver) {
		snprintf(error, size, "the link has no driver = modem, packet, slirp or tun");
		return -EINVAL;
	}
	if (link->demand.is_timeout_set && !link->demand.is_on) {
		snprintf(error, size, "idle_timeout needs dial = demand");
		return -EINVAL;
	}
	return link->driver->check ? link->driver->check(link, error, size) : 0;
}

uint32_t link_capabilities(const struct link *link)
{
	return link->driver ? link->driver->capabilities : 0;
}
