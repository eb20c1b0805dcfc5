/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Numbers are those of 3GPP TS 27.007, of the SIM QuecPython's; people get words
 * for the common ones. In JSON they stay numbers, null where the modem has not
 * told.
 */
#include "client/usocketctl/link_modem.h"

#include "client/usocketctl/json.h"
#include "client/usocketctl/text.h"

#include "usocket.h"

#include <inttypes.h>
#include <string.h>

#define LINE "    %-10s "
#define NAME(names, number) \
	name((names), sizeof(names) / sizeof((names)[0]), (number))

static const char *const sim_names[] = { "missing", "ready", "needs its PIN", "needs its PUK" };

/* <stat>, TS 27.007 10.1.22 */
static const char *const registration_names[] = { "not registered", "home network", "searching",
	"denied", "unknown", "roaming" };

static const char *const ip_names[] = { "IPv4", "IPv6", "IPv4 and IPv6" };

static const char *const authentication_names[] = { "none", "PAP", "CHAP", "PAP or CHAP" };

static const char *name(const char *const *names, size_t n, int number)
{
	return number >= 0 && (size_t)number < n ? names[number] : NULL;
}

/* "title  a, b, c": as many parts as there are. */
struct list {
	FILE *out;
	const char *title;
	int n;
};

static void begin(struct list *list)
{
	if (list->n++ == 0)
		fprintf(list->out, LINE, list->title);
	else
		fputs(", ", list->out);
}

static void add_text(struct list *list, const char *prefix, const char *text, size_t size)
{
	char shown[TEXT_ESCAPED_MAX(128)];

	text_escape(shown, sizeof(shown), text, size);
	if (!shown[0])
		return;
	begin(list);
	fprintf(list->out, "%s%s", prefix, shown);
}

static void add_number(struct list *list, const char *prefix, int64_t number)
{
	if (number < 0)
		return;
	begin(list);
	fprintf(list->out, "%s%" PRId64, prefix, number);
}

static void add_name(struct list *list, const char *prefix, const char *text, int number)
{
	if (text)
		add_text(list, prefix, text, strlen(text));
	else
		add_number(list, prefix, number);
}

static void end(const struct list *list)
{
	if (list->n > 0)
		putc('\n', list->out);
}

#define ADD_TEXT(list, prefix, member) add_text((list), (prefix), (member), sizeof(member))

static void print_identity(FILE *out, const struct usocket_link_info *link)
{
	struct list modem = { .out = out, .title = "modem" };
	struct list sim = { .out = out, .title = "sim" };

	ADD_TEXT(&modem, "", link->manufacturer);
	ADD_TEXT(&modem, "", link->model);
	ADD_TEXT(&modem, "firmware ", link->firmware);
	ADD_TEXT(&modem, "IMEI ", link->imei);
	end(&modem);
	add_name(&sim, "", NAME(sim_names, link->sim_status), link->sim_status);
	ADD_TEXT(&sim, "IMSI ", link->imsi);
	ADD_TEXT(&sim, "ICCID ", link->iccid);
	end(&sim);
}

static void print_place(FILE *out, const struct usocket_link_info *link)
{
	struct list place = { .out = out, .title = "network" };
	struct list bearer = { .out = out, .title = "bearer" };

	add_name(&place, "", NAME(registration_names, link->registration), link->registration);
	add_number(&place, "reject cause ", link->reject_cause);
	ADD_TEXT(&place, "MCC and MNC ", link->operator_id);
	add_number(&place, "area ", link->area_code);
	add_number(&place, "cell ", link->cell_id);
	end(&place);
	ADD_TEXT(&bearer, "APN ", link->apn);
	add_name(&bearer, "", NAME(ip_names, link->ip_type), link->ip_type);
	add_name(&bearer, "authentication ", NAME(authentication_names, link->authentication),
		link->authentication);
	end(&bearer);
}

static bool has_modem(const struct usocket_link_info *link)
{
	return strcmp(link->driver, "modem") == 0 || link->sim_status != USOCKET_MODEM_UNKNOWN ||
		link->model[0];
}

void link_modem_print(FILE *out, const struct usocket_link_info *link)
{
	if (!has_modem(link))
		return;
	print_identity(out, link);
	print_place(out, link);
}

static void json_number(struct json_object *object, const char *key, int64_t number)
{
	json_object_object_add(object, key, number < 0 ? NULL : json_object_new_int64(number));
}

#define JSON_TEXT(object, key, member) \
	json_add_text_or_null((object), (key), (member), sizeof(member))

struct json_object *link_modem_new_json(const struct usocket_link_info *link)
{
	struct json_object *object;

	if (!has_modem(link))
		return NULL;
	object = json_object_new_object();
	JSON_TEXT(object, "manufacturer", link->manufacturer);
	JSON_TEXT(object, "model", link->model);
	JSON_TEXT(object, "firmware", link->firmware);
	JSON_TEXT(object, "imei", link->imei);
	JSON_TEXT(object, "imsi", link->imsi);
	JSON_TEXT(object, "iccid", link->iccid);
	json_number(object, "sim_status", link->sim_status);
	json_number(object, "functionality", link->functionality);
	json_number(object, "registration", link->registration);
	json_number(object, "voice_registration", link->voice_registration);
	json_number(object, "access_technology", link->access_technology);
	json_number(object, "reject_cause", link->reject_cause);
	json_number(object, "area_code", link->area_code);
	json_number(object, "cell_id", link->cell_id);
	JSON_TEXT(object, "operator_id", link->operator_id);
	JSON_TEXT(object, "apn", link->apn);
	json_number(object, "ip_type", link->ip_type);
	json_number(object, "authentication", link->authentication);
	return object;
}
