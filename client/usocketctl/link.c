/* SPDX-License-Identifier: MIT */
/*
 * usocketctl link
 *
 * Theory of operation
 *
 * A line that says how the link is, then what is known of it, a line each; what
 * a link does not have (a signal, a second address) has no line. In JSON it is
 * null or an empty list.
 */
#include "client/usocketctl/ctl.h"
#include "client/usocketctl/json.h"
#include "client/usocketctl/link_modem.h"
#include "client/usocketctl/link_name.h"
#include "client/usocketctl/report.h"
#include "client/usocketctl/text.h"

#include "usocket.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#define LINE "    %-10s "

/* What the modem measures; the names' order is that of signal_values(). */
#define N_SIGNALS 4
static const struct {
	const char *name, *unit, *key;
} signals[N_SIGNALS] = {
	{ "RSSI", "dBm", "rssi_dbm" },
	{ "RSRP", "dBm", "rsrp_dbm" },
	{ "RSRQ", "dB", "rsrq_db" },
	{ "SINR", "dB", "sinr_db" },
};

static void signal_values(const struct usocket_link_info *link, int16_t values[N_SIGNALS])
{
	values[0] = link->rssi_dbm;
	values[1] = link->rsrp_dbm;
	values[2] = link->rsrq_db;
	values[3] = link->sinr_db;
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static uint64_t between_ms(uint64_t from_ns, uint64_t to_ns)
{
	return to_ns > from_ns ? (to_ns - from_ns) / 1000000 : 0;
}

static uint64_t since_ms(const struct usocket_link_info *link)
{
	return between_ms(link->since_ns, now_ns());
}

static uint64_t retry_ms(const struct usocket_link_info *link)
{
	return between_ms(now_ns(), link->retry_ns);
}

static uint64_t sum_drops(const struct usocket_link_info *link)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < USOCKET_LINK_DROPS; i++)
		sum += link->drops[i];
	return sum;
}

static void print_text_line(FILE *out, const char *title, const char *text, size_t size)
{
	char shown[TEXT_ESCAPED_MAX(128)];

	text_escape(shown, sizeof(shown), text, size);
	if (shown[0])
		fprintf(out, LINE "%s\n", title, shown);
}

static void print_address(FILE *out, const struct usocket_address *address,
	const struct usocket_address *gateway)
{
	char text[TEXT_ADDRESS_MAX];

	if (address->family == AF_UNSPEC)
		return;
	fprintf(out, LINE "%s/%u", "address", text_ip(text, address), address->prefix);
	if (gateway->family != AF_UNSPEC)
		fprintf(out, ", gateway %s", text_ip(text, gateway));
	putc('\n', out);
}

static void print_addresses(FILE *out, const struct usocket_link_info *link)
{
	char text[TEXT_ADDRESS_MAX];
	size_t i;

	print_address(out, &link->address4, &link->gateway4);
	for (i = 0; i < link->n_addresses6 && i < USOCKET_LINK_ADDRESSES6; i++)
		print_address(out, &link->addresses6[i], &link->gateway6);
	if (link->nat64.family != AF_UNSPEC)
		fprintf(out, LINE "%s/%u\n", "nat64", text_ip(text, &link->nat64),
			link->nat64.prefix);
	for (i = 0; i < link->n_dns && i < USOCKET_LINK_DNS; i++)
		fprintf(out, LINE "%s\n", "dns", text_ip(text, &link->dns[i]));
}

static void print_signal(FILE *out, const struct usocket_link_info *link)
{
	const char *separator = "";
	int16_t values[N_SIGNALS];
	size_t i;

	signal_values(link, values);
	for (i = 0; i < N_SIGNALS; i++) {
		if (values[i] == USOCKET_SIGNAL_UNKNOWN)
			continue;
		if (separator[0] == '\0')
			fprintf(out, LINE, "signal");
		fprintf(out, "%s%s %d %s", separator, signals[i].name, values[i],
			signals[i].unit);
		separator = ", ";
	}
	if (separator[0] != '\0')
		putc('\n', out);
}

static void print_drops(FILE *out, const struct usocket_link_info *link)
{
	const char *separator = " (";
	size_t i;

	fprintf(out, LINE "%" PRIu64 " of received", "dropped", sum_drops(link));
	for (i = 0; i < USOCKET_LINK_DROPS; i++) {
		if (link->drops[i] == 0)
			continue;
		fprintf(out, "%s%s %" PRIu64, separator, usocket_drop_name((int)i),
			link->drops[i]);
		separator = ", ";
	}
	fprintf(out, "%s, %" PRIu64 " of sent\n", separator[0] == ',' ? ")" : "",
		link->send_drops);
}

static void print_traffic(FILE *out, const struct usocket_link_info *link)
{
	char bytes[TEXT_NUMBER_MAX];

	fprintf(out, LINE "%s in %" PRIu64 " packets\n", "received",
		text_bytes(bytes, link->bytes_received), link->packets_received);
	fprintf(out, LINE "%s in %" PRIu64 " packets\n", "sent",
		text_bytes(bytes, link->bytes_sent), link->packets_sent);
	print_drops(out, link);
}

/* Both families together is what is usual. */
static const char *default_text(const struct usocket_link_info *link)
{
	switch (link->is_default) {
	case 0:
		return "";
	case USOCKET_DEFAULT_IPV4:
		return ", default for IPv4";
	case USOCKET_DEFAULT_IPV6:
		return ", default for IPv6";
	default:
		return ", default";
	}
}

/* What is done about it, of a link that is down. */
static void print_next_try(FILE *out, const struct usocket_link_info *link)
{
	char left[TEXT_NUMBER_MAX];

	if (link->state != USOCKET_LINK_DOWN)
		return;
	if (link->is_refused)
		fprintf(out, LINE "not before something changes: refused\n", "next try");
	else if (link->reason == USOCKET_REASON_IDLE)
		fprintf(out, LINE "when a program needs it\n", "next try");
	else if (link->retry_ns)
		fprintf(out, LINE "in %s: %s\n", "next try", text_duration(left, retry_ms(link)),
			usocket_link_step_name(link->step));
	else
		fprintf(out, LINE "not before \"usocketctl link up\"\n", "next try");
}

static void print_link(FILE *out, const struct usocket_link_info *link)
{
	char name[TEXT_ESCAPED_MAX(sizeof(link->name))], since[TEXT_NUMBER_MAX];

	fprintf(out, "%s: %s for %s%s\n",
		text_escape(name, sizeof(name), link->name, sizeof(link->name)),
		usocket_link_state_name(link->state), text_duration(since, since_ms(link)),
		default_text(link));
	if (link->reason != USOCKET_REASON_NONE)
		fprintf(out, LINE "%s\n", "reason", usocket_link_reason_name(link->reason));
	print_text_line(out, "cause", link->cause, sizeof(link->cause));
	print_next_try(out, link);
	print_text_line(out, "driver", link->driver, sizeof(link->driver));
	print_text_line(out, "operator", link->operator_name, sizeof(link->operator_name));
	print_text_line(out, "radio", link->radio, sizeof(link->radio));
	print_signal(out, link);
	link_modem_print(out, link);
	print_addresses(out, link);
	if (link->mtu > 0)
		fprintf(out, LINE "%" PRIu32 "\n", "mtu", link->mtu);
	fprintf(out, LINE "%" PRIu32 "\n", "metric", link->metric);
	print_traffic(out, link);
	fprintf(out, LINE "%" PRIu32 "\n", "redials", link->redials);
	fprintf(out, LINE "%" PRIu32 "\n", "restarts", link->restarts);
}

static int print_text(FILE *out)
{
	struct usocket_link_info link;
	uint32_t cursor = 0;
	int rc, n = 0;

	while ((rc = usocket_next_link(&cursor, &link, sizeof(link))) == 1) {
		if (n++ > 0)
			putc('\n', out);
		print_link(out, &link);
	}
	if (rc < 0)
		return report_error(errno);
	if (n == 0)
		fputs("no links are configured\n", out);
	return CTL_EXIT_OK;
}

static void add_json_addresses(struct json_object *object, const struct usocket_link_info *link)
{
	struct json_object *addresses6 = json_object_new_array();
	struct json_object *dns = json_object_new_array();
	size_t i;

	for (i = 0; i < link->n_addresses6 && i < USOCKET_LINK_ADDRESSES6; i++)
		json_object_array_add(addresses6, json_new_network(&link->addresses6[i]));
	for (i = 0; i < link->n_dns && i < USOCKET_LINK_DNS; i++)
		json_object_array_add(dns, json_new_ip(&link->dns[i]));
	json_object_object_add(object, "address", json_new_network(&link->address4));
	json_object_object_add(object, "gateway", json_new_ip(&link->gateway4));
	json_object_object_add(object, "addresses6", addresses6);
	json_object_object_add(object, "gateway6", json_new_ip(&link->gateway6));
	json_object_object_add(object, "nat64", json_new_network(&link->nat64));
	json_object_object_add(object, "dns", dns);
}

static void add_json_traffic(struct json_object *object, const struct usocket_link_info *link)
{
	struct json_object *drops = json_object_new_object();
	size_t i;

	json_add_number(object, "packets_received", link->packets_received);
	json_add_number(object, "bytes_received", link->bytes_received);
	json_add_number(object, "packets_sent", link->packets_sent);
	json_add_number(object, "bytes_sent", link->bytes_sent);
	json_add_number(object, "send_drops", link->send_drops);
	for (i = 0; i < USOCKET_LINK_DROPS; i++)
		json_add_number(drops, usocket_drop_name((int)i), link->drops[i]);
	json_object_object_add(object, "drops", drops);
}

static void add_json_signal(struct json_object *object, const struct usocket_link_info *link)
{
	int16_t values[N_SIGNALS];
	size_t i;

	signal_values(link, values);
	for (i = 0; i < N_SIGNALS; i++) {
		bool known = values[i] != USOCKET_SIGNAL_UNKNOWN;

		json_object_object_add(object, signals[i].key,
			known ? json_object_new_int(values[i]) : NULL);
	}
}

static struct json_object *new_json(const struct usocket_link_info *link)
{
	struct json_object *object = json_object_new_object();
	const char *state = usocket_link_state_name(link->state);
	const char *reason = usocket_link_reason_name(link->reason);
	const char *step = usocket_link_step_name(link->step);

	json_add_text(object, "name", link->name, sizeof(link->name));
	json_add_number(object, "index", link->index);
	json_add_text(object, "driver", link->driver, sizeof(link->driver));
	json_add_text(object, "state", state, strlen(state));
	json_add_boolean(object, "default", link->is_default);
	json_add_boolean(object, "default4", link->is_default & USOCKET_DEFAULT_IPV4);
	json_add_boolean(object, "default6", link->is_default & USOCKET_DEFAULT_IPV6);
	json_add_number(object, "metric", link->metric);
	json_add_number(object, "rank", link->rank);
	json_add_text_or_null(object, "cause", link->cause, sizeof(link->cause));
	json_add_text(object, "reason", reason, strlen(reason));
	json_add_text(object, "step", step, strlen(step));
	json_add_boolean(object, "refused", link->is_refused);
	if (link->retry_ns)
		json_add_number(object, "retry_ms", retry_ms(link));
	else
		json_add_null(object, "retry_ms");
	json_add_number(object, "redials", link->redials);
	json_add_number(object, "since_ms", since_ms(link));
	json_add_number(object, "mtu", link->mtu);
	json_add_number(object, "restarts", link->restarts);
	add_json_addresses(object, link);
	add_json_traffic(object, link);
	json_add_text_or_null(object, "operator", link->operator_name, sizeof(link->operator_name));
	json_add_text_or_null(object, "radio", link->radio, sizeof(link->radio));
	add_json_signal(object, link);
	json_object_object_add(object, "modem", link_modem_new_json(link));
	return object;
}

static int print_json(FILE *out)
{
	struct json_object *object = json_object_new_object();
	struct json_object *list = json_object_new_array();
	struct usocket_link_info link;
	uint32_t cursor = 0;
	int rc;

	json_object_object_add(object, "links", list);
	while ((rc = usocket_next_link(&cursor, &link, sizeof(link))) == 1)
		json_object_array_add(list, new_json(&link));
	if (rc == 0)
		return json_print(object, out);
	rc = report_error(errno);
	json_object_put(object);
	return rc;
}

static int run_one(const struct ctl_options *options, FILE *out)
{
	struct usocket_link_info link;
	int rc = link_name_find(options->operands[0], &link);

	if (rc != CTL_EXIT_OK)
		return rc;
	if (options->flags & CTL_JSON)
		return json_print(new_json(&link), out);
	print_link(out, &link);
	return CTL_EXIT_OK;
}

int ctl_run_link(const struct ctl_options *options, FILE *out)
{
	if (options->n_operands > 0)
		return run_one(options, out);
	return options->flags & CTL_JSON ? print_json(out) : print_text(out);
}
