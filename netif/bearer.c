/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Both formats are lines of a key, a separator and a value; a table per format
 * says what to do with a key. mmcli's keys are many and most say nothing here,
 * so unknown ones are passed over; a script's are few, so an unknown one is a
 * mistake that its author wants to hear of.
 *
 * mmcli gives addresses and prefix lengths apart, in whatever order, so they
 * are put together at the end.
 */
#include "netif/bearer.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BEARER_KEY "modem.generic.bearers.value["
#define DNS_KEY	   ".dns.value["
#define UNSET	   "--"

/* ---- lines -------------------------------------------------------------------------- */

static char *trim(char *text)
{
	char *end;

	while (isspace((unsigned char)*text))
		text++;
	end = text + strlen(text);
	while (end > text && isspace((unsigned char)end[-1]))
		end--;
	*end = '\0';
	return text;
}

/* The next line with a separator in it, taken apart; false: there is none. */
static bool next_pair(char **rest, char separator, char **key, char **value)
{
	char *line, *at;

	while ((line = strsep(rest, "\n"))) {
		at = strchr(line, separator);
		if (!at || *trim(line) == '#')
			continue;
		*at = '\0';
		*key = trim(line);
		*value = trim(at + 1);
		return true;
	}
	return false;
}

static bool parse_ip(struct address *out, const char *text, enum address_family family)
{
	struct address a;

	if (address_parse_ip(&a, text) != 0 || a.family != family || address_is_any(&a) ||
		address_is_multicast(&a))
		return false;
	*out = a;
	out->port = 0;
	return true;
}

static bool add_dns(struct link_parameters *p, const char *text)
{
	struct address a;

	if (address_parse_ip(&a, text) != 0 || address_is_any(&a) || address_is_multicast(&a))
		return false;
	if (p->n_dns < TABLE_LINK_DNS)
		p->dns[p->n_dns++] = a;
	return true;
}

static bool parse_mtu(struct link_parameters *p, const char *text)
{
	long mtu;

	if (link_parse_number(text, 0, UINT16_MAX, &mtu) != 0)
		return false;
	/* Less than IPv6 needs, 0 among it, is taken for not said. */
	if (mtu >= LINK_MTU_MIN && (p->mtu == 0 || (uint32_t)mtu < p->mtu))
		p->mtu = (uint32_t)mtu;
	return true;
}

/* ---- mmcli ---------------------------------------------------------------------------- */

/* What it says of one family. */
struct half {
	enum address_family family;
	char method[16];
	struct address ip, gateway;
	long prefix;
};

struct mmcli {
	struct bearer *bearer;
	struct half halves[2]; /* IPv4, IPv6 */
};

static bool take_connected(struct mmcli *m, struct half *half, const char *value)
{
	(void)half;
	m->bearer->is_connected = strcmp(value, "yes") == 0;
	return true;
}

static bool take_interface(struct mmcli *m, struct half *half, const char *value)
{
	(void)half;
	snprintf(m->bearer->interface, sizeof(m->bearer->interface), "%s", value);
	return true;
}

static bool take_method(struct mmcli *m, struct half *half, const char *value)
{
	(void)m;
	snprintf(half->method, sizeof(half->method), "%s", value);
	return true;
}

static bool take_address(struct mmcli *m, struct half *half, const char *value)
{
	(void)m;
	return parse_ip(&half->ip, value, half->family);
}

static bool take_prefix(struct mmcli *m, struct half *half, const char *value)
{
	(void)m;
	return link_parse_number(value, 1, half->family == ADDRESS_IPV4 ? 32 : 128,
		       &half->prefix) == 0;
}

static bool take_gateway(struct mmcli *m, struct half *half, const char *value)
{
	(void)m;
	/* A point-to-point bearer may have "::" or 0.0.0.0 here. */
	parse_ip(&half->gateway, value, half->family);
	return true;
}

static bool take_mtu(struct mmcli *m, struct half *half, const char *value)
{
	(void)half;
	return parse_mtu(&m->bearer->parameters, value);
}

static bool take_dns(struct mmcli *m, struct half *half, const char *value)
{
	(void)half;
	return add_dns(&m->bearer->parameters, value);
}

static const struct mmcli_key {
	const char *name;
	bool (*take)(struct mmcli *m, struct half *half, const char *value);
} bearer_keys[] = {
	{ "bearer.status.connected", take_connected },
	{ "bearer.status.interface", take_interface },
},
  half_keys[] = {
	  { ".method", take_method },
	  { ".address", take_address },
	  { ".prefix", take_prefix },
	  { ".gateway", take_gateway },
	  { ".mtu", take_mtu },
  };

#define N_KEYS(keys) (sizeof(keys) / sizeof((keys)[0]))

static const struct mmcli_key *find_mmcli(const struct mmcli_key *keys, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(keys[i].name, name) == 0)
			return &keys[i];
	}
	return NULL;
}

static bool take_pair(struct mmcli *m, const char *key, const char *value)
{
	static const char *const prefixes[] = { "bearer.ipv4-config", "bearer.ipv6-config" };
	const struct mmcli_key *k = find_mmcli(bearer_keys, N_KEYS(bearer_keys), key);
	struct half *half = NULL;

	for (size_t i = 0; i < 2 && !k; i++) {
		size_t len = strlen(prefixes[i]);

		if (strncmp(key, prefixes[i], len) != 0)
			continue;
		half = &m->halves[i];
		if (strncmp(key + len, DNS_KEY, strlen(DNS_KEY)) == 0)
			return take_dns(m, half, value);
		k = find_mmcli(half_keys, N_KEYS(half_keys), key + len);
	}
	return k ? k->take(m, half, value) : true;
}

static void take_ip4(struct bearer *b, const struct half *half)
{
	if (strcmp(half->method, "dhcp") == 0)
		b->uses_dhcp = true;
	if (strcmp(half->method, "static") != 0 || !half->ip.family)
		return;
	b->parameters.address4 = half->ip;
	b->parameters.address4.port = (uint16_t)(half->prefix ? half->prefix : 32);
	b->parameters.gateway4 = half->gateway;
}

static void take_ip6(struct bearer *b, const struct half *half)
{
	struct link_parameters *p = &b->parameters;
	bool is_global = half->ip.family && !address_is_link_local(&half->ip);

	/* ModemManager's word for whatever the network does: routers tell. */
	if (strcmp(half->method, "dhcp") == 0)
		p->asks_routers = true;
	else if (strcmp(half->method, "static") != 0)
		return;
	if (half->ip.family)
		memcpy(p->interface_id, half->ip.ip + 8, sizeof(p->interface_id));
	if (!is_global || p->asks_routers)
		return;
	p->addresses6[0] = half->ip;
	p->addresses6[0].port = (uint16_t)(half->prefix ? half->prefix : 64);
	p->n_addresses6 = 1;
	p->gateway6 = half->gateway;
}

int bearer_read_mmcli(struct bearer *out, char *text, char *error, size_t size)
{
	struct mmcli m = {
		.bearer = out,
		.halves = { { .family = ADDRESS_IPV4 }, { .family = ADDRESS_IPV6 } },
	};
	char *key, *value;

	memset(out, 0, sizeof(*out));
	while (next_pair(&text, ':', &key, &value)) {
		if (strcmp(value, UNSET) != 0 && !take_pair(&m, key, value)) {
			snprintf(error, size, "mmcli says %s: %s", key, value);
			return -EINVAL;
		}
	}
	take_ip4(out, &m.halves[0]);
	take_ip6(out, &m.halves[1]);
	return 0;
}

size_t bearer_list(char *text, char paths[BEARERS_MAX][BEARER_PATH_MAX])
{
	char *key, *value;
	size_t n = 0;

	while (n < BEARERS_MAX && next_pair(&text, ':', &key, &value)) {
		if (strncmp(key, BEARER_KEY, strlen(BEARER_KEY)) != 0 || value[0] != '/' ||
			strlen(value) >= BEARER_PATH_MAX)
			continue;
		strcpy(paths[n++], value);
	}
	return n;
}

/* ---- a script --------------------------------------------------------------------------- */

static bool script_address(struct bearer *b, const char *value)
{
	struct address a;

	if (link_parse_prefix(&a, value) != 0 || a.family != ADDRESS_IPV4 || address_is_any(&a) ||
		address_is_multicast(&a))
		return false;
	b->parameters.address4 = a;
	return true;
}

static bool script_address6(struct bearer *b, const char *value)
{
	struct link_parameters *p = &b->parameters;
	struct address a;

	if (p->n_addresses6 == TABLE_LINK_ADDRESSES6 || link_parse_prefix(&a, value) != 0 ||
		a.family != ADDRESS_IPV6 || address_is_any(&a) || address_is_multicast(&a) ||
		address_is_link_local(&a))
		return false;
	p->addresses6[p->n_addresses6++] = a;
	return true;
}

static bool script_gateway(struct bearer *b, const char *value)
{
	return parse_ip(&b->parameters.gateway4, value, ADDRESS_IPV4) ||
		parse_ip(&b->parameters.gateway6, value, ADDRESS_IPV6);
}

static bool script_dns(struct bearer *b, const char *value)
{
	return add_dns(&b->parameters, value);
}

static bool script_mtu(struct bearer *b, const char *value)
{
	return parse_mtu(&b->parameters, value);
}

static bool parse_yes(bool *out, const char *value)
{
	*out = strcmp(value, "yes") == 0;
	return *out || strcmp(value, "no") == 0;
}

static bool script_dhcp(struct bearer *b, const char *value)
{
	return parse_yes(&b->uses_dhcp, value);
}

static bool script_routers(struct bearer *b, const char *value)
{
	return parse_yes(&b->parameters.asks_routers, value);
}

static const struct script_key {
	const char *name;
	bool (*take)(struct bearer *b, const char *value);
} script_keys[] = {
	{ "address", script_address },
	{ "address6", script_address6 },
	{ "dhcp", script_dhcp },
	{ "dns", script_dns },
	{ "gateway", script_gateway },
	{ "mtu", script_mtu },
	{ "router_advertisements", script_routers },
};

static bool take_script_pair(struct bearer *out, const char *key, const char *value)
{
	for (size_t i = 0; i < N_KEYS(script_keys); i++) {
		if (strcmp(script_keys[i].name, key) == 0)
			return script_keys[i].take(out, value);
	}
	return false;
}

int bearer_read_script(struct bearer *out, char *text, char *error, size_t size)
{
	const struct link_parameters *p = &out->parameters;
	char *key, *value;

	memset(out, 0, sizeof(*out));
	out->is_connected = true;
	while (next_pair(&text, '=', &key, &value)) {
		if (take_script_pair(out, key, value))
			continue;
		snprintf(error, size, "the script says %s=%s", key, value);
		return -EINVAL;
	}
	if (p->address4.family || p->n_addresses6 > 0 || p->asks_routers || out->uses_dhcp)
		return 0;
	snprintf(error, size, "the script gives no address, dhcp or router_advertisements");
	return -EINVAL;
}
