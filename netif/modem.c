/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The link over a serial modem, by usocket-modem: a helper that owns the port
 * and speaks AT and PPP. Every try is one process, from the opening of the port
 * to the end of the call, so that a crash, a hang and a lost carrier are mended
 * in the same way: by the next try, which finds the modem in whatever state.
 *
 * What must outlive a try is kept here: that the PIN has been sent (it is sent
 * once, and not again before the modem has accepted it).
 *
 * A port that is not there is looked for without starting the helper.
 */
#include "netif/helper.h"
#include "netif/link_private.h"
#include "netif/log.h"
#include "netif/modem/family.h"
#include "netif/pdp_type.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROGRAM		   "usocket-modem"
#define PING_INTERVAL_MS   5000
#define BAUD_DEFAULT	   115200
#define SIGNAL_INTERVAL_MS 30000
#define INITS_MAX	   8

struct modem {
	struct helper helper;
	ush_HelperModem modem;
	ush_HelperBearer bearer; /* its type is filled in for each try */
	struct pdp_type type;
	ush_HelperInit inits[INITS_MAX];
	unsigned int n_inits;
	int packets;   /* until the link is ready; -1: none */
	bool has_auth; /* the key was given */
	bool has_signal_interval;
	bool is_pin_tried;
	uint32_t at_sequence; /* of the user's command */
};

static struct modem *modem_of(const struct link *link)
{
	return link->driver_state;
}

/* ---- configuration -------------------------------------------------------------- */

/* Text that goes into an AT command between quotation marks. */
static int set_text(char *out, size_t out_size, const char *value, const char *what, char *error,
	size_t size)
{
	size_t len = strlen(value);

	for (size_t i = 0; i < len; i++) {
		if (!isprint((unsigned char)value[i]) || value[i] == '"')
			len = out_size;
	}
	if (len >= out_size) {
		snprintf(error, size, "%s is up to %zu printable characters without \"", what,
			out_size - 1);
		return -EINVAL;
	}
	snprintf(out, out_size, "%s", value);
	return 0;
}

static int set_port(char *out, size_t out_size, const char *value, const char *what, char *error,
	size_t size)
{
	if (value[0] == '/' && strlen(value) < out_size) {
		snprintf(out, out_size, "%s", value);
		return 0;
	}
	snprintf(error, size, "%s is the path of a serial port, such as /dev/ttyUSB2", what);
	return -EINVAL;
}

static int set_device(struct link *link, const char *value, char *error, size_t size)
{
	ush_HelperModem *m = &modem_of(link)->modem;

	return set_port(m->device, sizeof(m->device), value, "device", error, size);
}

static int set_at_device(struct link *link, const char *value, char *error, size_t size)
{
	ush_HelperModem *m = &modem_of(link)->modem;

	return set_port(m->at_device, sizeof(m->at_device), value, "at_device", error, size);
}

static int set_cmux(struct link *link, const char *value, char *error, size_t size)
{
	static const struct {
		const char *name;
		ush_HelperCmux cmux;
	} kinds[] = {
		{ "auto", ush_HelperCmux_CMUX_AUTO },
		{ "yes", ush_HelperCmux_CMUX_ON },
		{ "no", ush_HelperCmux_CMUX_OFF },
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(value, kinds[i].name) == 0) {
			modem_of(link)->modem.cmux = kinds[i].cmux;
			return 0;
		}
	}
	snprintf(error, size, "cmux is auto, yes or no");
	return -EINVAL;
}

static int set_family(struct link *link, const char *value, char *error, size_t size)
{
	ush_HelperModem *m = &modem_of(link)->modem;
	char names[96];

	if (strcmp(value, "auto") == 0) {
		m->family[0] = '\0';
		return 0;
	}
	if (!family_find(value)) {
		family_list(names, sizeof(names));
		snprintf(error, size, "family is auto, %s", names);
		return -EINVAL;
	}
	snprintf(m->family, sizeof(m->family), "%s", value);
	return 0;
}

static int set_signal_interval(struct link *link, const char *value, char *error, size_t size)
{
	struct modem *modem = modem_of(link);
	long seconds;

	if (link_parse_number(value, 0, 86400, &seconds) != 0) {
		snprintf(error, size, "signal_interval is 0 (never) to 86400 seconds");
		return -EINVAL;
	}
	modem->modem.signal_interval_ms = (uint32_t)seconds * 1000;
	modem->has_signal_interval = true;
	return 0;
}

static int set_baud(struct link *link, const char *value, char *error, size_t size)
{
	long baud;

	if (link_parse_number(value, 1200, 4000000, &baud) != 0) {
		snprintf(error, size, "baud is a number of bits a second from 1200 to 4000000");
		return -EINVAL;
	}
	modem_of(link)->modem.baud = (uint32_t)baud;
	return 0;
}

static int set_flow(struct link *link, const char *value, char *error, size_t size)
{
	if (strcmp(value, "hardware") != 0 && strcmp(value, "none") != 0) {
		snprintf(error, size, "flow is hardware or none");
		return -EINVAL;
	}
	modem_of(link)->modem.hardware_flow = value[0] == 'h';
	return 0;
}

static int set_roaming(struct link *link, const char *value, char *error, size_t size)
{
	if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0) {
		snprintf(error, size, "roaming is yes or no");
		return -EINVAL;
	}
	modem_of(link)->modem.roaming = value[0] == 'y';
	return 0;
}

static int set_pin(struct link *link, const char *value, char *error, size_t size)
{
	struct modem *modem = modem_of(link);
	size_t len = strlen(value);

	if (len < 4 || len > 8 || strspn(value, "0123456789") != len) {
		snprintf(error, size, "pin is 4 to 8 digits");
		return -EINVAL;
	}
	snprintf(modem->modem.pin, sizeof(modem->modem.pin), "%s", value);
	/* This one has not been. */
	modem->is_pin_tried = false;
	return 0;
}

/* The first line of a file; without a "/" it is one of systemd's credentials. */
static int read_secret(const char *name, char *out, size_t out_size, char *error, size_t size)
{
	const char *folder = getenv("CREDENTIALS_DIRECTORY");
	char path[512];
	FILE *f;

	if (strchr(name, '/') || !folder)
		snprintf(path, sizeof(path), "%s", name);
	else
		snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "re");
	if (!f) {
		snprintf(error, size, "%s: %s", path, strerror(errno));
		return -EINVAL;
	}
	if (!fgets(out, (int)out_size, f))
		out[0] = '\0';
	fclose(f);
	out[strcspn(out, "\r\n")] = '\0';
	return 0;
}

static int set_pin_file(struct link *link, const char *value, char *error, size_t size)
{
	char pin[80];

	if (read_secret(value, pin, sizeof(pin), error, size) != 0)
		return -EINVAL;
	return set_pin(link, pin, error, size);
}

static int set_apn(struct link *link, const char *value, char *error, size_t size)
{
	ush_HelperBearer *b = &modem_of(link)->bearer;

	return set_text(b->apn, sizeof(b->apn), value, "apn", error, size);
}

static int set_pdp_type(struct link *link, const char *value, char *error, size_t size)
{
	const char *type = pdp_type_find(value);

	if (type) {
		modem_of(link)->type.wanted = type;
		return 0;
	}
	snprintf(error, size, "pdp_type is ip, ipv6 or ipv4v6");
	return -EINVAL;
}

static int set_user(struct link *link, const char *value, char *error, size_t size)
{
	ush_HelperBearer *b = &modem_of(link)->bearer;

	return set_text(b->user, sizeof(b->user), value, "user", error, size);
}

static int set_password(struct link *link, const char *value, char *error, size_t size)
{
	ush_HelperBearer *b = &modem_of(link)->bearer;

	return set_text(b->password, sizeof(b->password), value, "password", error, size);
}

static int set_password_file(struct link *link, const char *value, char *error, size_t size)
{
	char password[80];

	if (read_secret(value, password, sizeof(password), error, size) != 0)
		return -EINVAL;
	return set_password(link, password, error, size);
}

static int set_auth(struct link *link, const char *value, char *error, size_t size)
{
	static const struct {
		const char *name;
		bool pap, chap;
	} kinds[] = {
		{ "none", false, false },
		{ "pap", true, false },
		{ "chap", false, true },
		{ "both", true, true },
	};
	ush_HelperBearer *b = &modem_of(link)->bearer;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(value, kinds[i].name) != 0)
			continue;
		b->pap = kinds[i].pap;
		b->chap = kinds[i].chap;
		modem_of(link)->has_auth = true;
		return 0;
	}
	snprintf(error, size, "auth is none, pap, chap or both");
	return -EINVAL;
}

static int set_init(struct link *link, const char *value, char *error, size_t size)
{
	struct modem *modem = modem_of(link);
	ush_HelperInit *init = &modem->inits[modem->n_inits];

	if (modem->n_inits == INITS_MAX || strncasecmp(value, "AT", 2) != 0 ||
		strlen(value) >= sizeof(init->command)) {
		snprintf(error, size, "init is an AT command of up to %zu characters, %d at most",
			sizeof(init->command) - 1, INITS_MAX);
		return -EINVAL;
	}
	snprintf(init->command, sizeof(init->command), "%s", value);
	modem->n_inits++;
	return 0;
}

static const struct link_key keys[] = {
	{ "apn", set_apn },
	{ "at_device", set_at_device },
	{ "auth", set_auth },
	{ "baud", set_baud },
	{ "cmux", set_cmux },
	{ "device", set_device },
	{ "family", set_family },
	{ "flow", set_flow },
	{ "init", set_init },
	{ "password", set_password },
	{ "password_file", set_password_file },
	{ "pdp_type", set_pdp_type },
	{ "pin", set_pin },
	{ "pin_file", set_pin_file },
	{ "roaming", set_roaming },
	{ "signal_interval", set_signal_interval },
	{ "user", set_user },
	{ NULL, NULL },
};

static const char *const live_keys[] = {
	"apn",
	"auth",
	"password",
	"pdp_type",
	"pin",
	"roaming",
	"signal_interval",
	"user",
	NULL,
};

static int check(const struct link *link, char *error, size_t size)
{
	if (modem_of(link)->modem.device[0])
		return 0;
	snprintf(error, size, "the driver modem needs device");
	return -EINVAL;
}

/* ---- what the helper says --------------------------------------------------------- */

static void take_address(struct address *a, const ush_HelperAddress *from)
{
	if (from->ip.size != 4)
		return;
	a->family = ADDRESS_IPV4;
	memcpy(a->ip, from->ip.bytes, 4);
	a->port = 32;
}

/* The first time, or when the peer has negotiated anew. */
static bool is_sensible(const struct link *link, const struct link_parameters *p)
{
	bool is_first = modem_of(link)->packets >= 0;

	if (p->address4.family != ADDRESS_IPV4 && !p->asks_routers)
		return false;
	return !is_first || link->state == TABLE_LINK_NEGOTIATING;
}

static void on_ready(struct link *link, const ush_HelperReady *ready)
{
	struct modem *modem = modem_of(link);
	struct link_parameters p = { .mtu = ready->mtu };
	int fd = modem->packets;

	take_address(&p.address4, &ready->address4);
	take_address(&p.gateway4, &ready->gateway4);
	for (pb_size_t i = 0; i < ready->dns_count && i < TABLE_LINK_DNS; i++) {
		take_address(&p.dns[i], &ready->dns[i]);
		p.dns[i].port = 0;
		p.n_dns++;
	}
	p.asks_routers = ready->router_advertisements;
	memcpy(p.interface_id, &ready->interface_id, sizeof(p.interface_id));
	if (p.mtu < LINK_MTU_MIN || p.mtu > UINT16_MAX || !is_sensible(link, &p)) {
		link_fail(link, TABLE_REASON_HELPER, "the helper reports impossible addresses");
		return;
	}
	pdp_type_granted(&modem->type);
	/* The same the next time, so that IPv6 addresses stay what they were. */
	if (ready->interface_id)
		modem->bearer.interface_id = ready->interface_id;
	modem->packets = -1;
	link_ready(link, fd, &p);
}

static void on_state(struct link *link, const ush_HelperState *state)
{
	struct modem *modem = modem_of(link);

	if (state->pin_tried)
		modem->is_pin_tried = true;
	if (state->pin_accepted)
		modem->is_pin_tried = false;
	if (state->state >= TABLE_LINK_STATE_COUNT ||
		link_progress(link, (enum table_link_state)state->state, state->cause) != 0)
		link_fail(link, TABLE_REASON_HELPER, "the helper reports an impossible state");
}

static int16_t take_level(int32_t level)
{
	return level < -200 || level > 200 ? TABLE_SIGNAL_UNKNOWN : (int16_t)level;
}

static int8_t take_small(int32_t number)
{
	return number < 0 || number > INT8_MAX ? TABLE_MODEM_UNKNOWN : (int8_t)number;
}

static void on_signal(struct link *link, const ush_HelperSignal *from)
{
	struct link_signal signal = {
		.rssi_dbm = take_level(from->rssi),
		.rsrp_dbm = take_level(from->rsrp),
		.rsrq_db = take_level(from->rsrq),
		.sinr_db = take_level(from->sinr),
	};

	snprintf(signal.operator_name, sizeof(signal.operator_name), "%s", from->operator);
	snprintf(signal.radio, sizeof(signal.radio), "%s", from->radio);
	link_signal(link, &signal);
}

static void on_failed(struct link *link, const ush_HelperFailed *failed)
{
	struct modem *modem = modem_of(link);
	enum table_link_reason reason = helper_reason(failed);

	if (reason == TABLE_REASON_DIAL || reason == TABLE_REASON_ADDRESS)
		pdp_type_refused(&modem->type);
	if (failed->is_final)
		link_refuse(link, reason, failed->cause);
	else
		link_fail(link, reason, "%s", failed->cause);
}

/* The type for a try, which is sent again when the SIM has become known. */
static int send_bearer(struct modem *modem)
{
	ush_HelperCommand command = ush_HelperCommand_init_zero;

	snprintf(modem->bearer.type, sizeof(modem->bearer.type), "%s", pdp_type_now(&modem->type));
	command.which_body = ush_HelperCommand_bearer_tag;
	command.body.bearer = modem->bearer;
	return helper_send(&modem->helper, &command);
}

static void take_sim(struct link *link)
{
	struct modem *modem = modem_of(link);

	pdp_type_take_sim(&modem->type, link->modem.iccid);
	if (strcmp(modem->bearer.type, pdp_type_now(&modem->type)) != 0)
		send_bearer(modem);
}

static void on_identity(struct link *link, const ush_HelperIdentity *from)
{
	struct table_modem *m = &link->modem;

	snprintf(m->manufacturer, sizeof(m->manufacturer), "%s", from->manufacturer);
	snprintf(m->model, sizeof(m->model), "%s", from->model);
	snprintf(m->firmware, sizeof(m->firmware), "%s", from->firmware);
	snprintf(m->imei, sizeof(m->imei), "%s", from->imei);
	snprintf(m->imsi, sizeof(m->imsi), "%s", from->imsi);
	snprintf(m->iccid, sizeof(m->iccid), "%s", from->iccid);
	m->sim_status = take_small(from->sim_status);
	m->functionality = take_small(from->functionality);
	link_modem_changed(link);
	if (m->iccid[0])
		take_sim(link);
}

static void on_place(struct link *link, const ush_HelperPlace *from)
{
	struct table_modem *m = &link->modem;

	m->registration = take_small(from->registration);
	m->voice_registration = take_small(from->voice_registration);
	m->access_technology = take_small(from->access_technology);
	m->reject_cause = from->reject_cause;
	m->area_code = from->area_code;
	m->cell_id = from->cell_id;
	snprintf(m->operator_id, sizeof(m->operator_id), "%s", from->operator_id);
	link_modem_changed(link);
}

static void on_at_answer(struct link *link, const ush_HelperAtAnswer *answer)
{
	if (answer->sequence == modem_of(link)->at_sequence)
		link_at_answered(link, answer->line, answer->is_final);
}

static void on_event(struct helper *helper, const ush_HelperEvent *event, void *arg)
{
	struct link *link = arg;

	(void)helper;
	switch (event->which_body) {
	case ush_HelperEvent_ready_tag:
		on_ready(link, &event->body.ready);
		break;
	case ush_HelperEvent_state_tag:
		on_state(link, &event->body.state);
		break;
	case ush_HelperEvent_signal_tag:
		on_signal(link, &event->body.signal);
		break;
	case ush_HelperEvent_identity_tag:
		on_identity(link, &event->body.identity);
		break;
	case ush_HelperEvent_place_tag:
		on_place(link, &event->body.place);
		break;
	case ush_HelperEvent_at_answer_tag:
		on_at_answer(link, &event->body.at_answer);
		break;
	default:
		on_failed(link, &event->body.failed);
		break;
	}
}

static void on_helper_lost(struct helper *helper, const char *cause, void *arg)
{
	(void)helper;
	link_fail(arg, TABLE_REASON_HELPER, "%s", cause);
}

static void on_helper_log(enum log_level level, const char *text, void *arg)
{
	link_log_text(arg, level, text);
}

static const struct helper_handlers handlers = {
	.event = on_event,
	.log = on_helper_log,
	.lost = on_helper_lost,
};

/* ---- the helper ------------------------------------------------------------------- */

static int send_configuration(struct link *link)
{
	ush_HelperCommand command = ush_HelperCommand_init_zero;
	struct modem *modem = modem_of(link);
	ush_HelperModem *m = &command.body.modem;
	unsigned int i;
	int error = 0;

	command.which_body = ush_HelperCommand_init_tag;
	for (i = 0; i < modem->n_inits && !error; i++) {
		command.body.init = modem->inits[i];
		error = helper_send(&modem->helper, &command);
	}
	if (error)
		return error;
	error = send_bearer(modem);
	if (error)
		return error;
	command.which_body = ush_HelperCommand_modem_tag;
	*m = modem->modem;
	m->step = (uint32_t)link->step;
	if (modem->is_pin_tried)
		m->pin[0] = '\0';
	error = helper_send(&modem->helper, &command);
	if (error)
		return error;
	memset(&command, 0, sizeof(command));
	command.which_body = ush_HelperCommand_start_tag;
	snprintf(command.body.start.link, sizeof(command.body.start.link), "%s", link->name);
	command.body.start.mtu = link->configured.mtu ? link->configured.mtu : LINK_MTU_DEFAULT;
	return helper_send(&modem->helper, &command);
}

static void set_defaults(struct modem *modem)
{
	if (!modem->modem.baud)
		modem->modem.baud = BAUD_DEFAULT;
	if (!modem->has_signal_interval)
		modem->modem.signal_interval_ms = SIGNAL_INTERVAL_MS;
	if (!modem->has_auth)
		modem->bearer.pap = modem->bearer.chap = modem->bearer.user[0] != '\0';
}

/* What the record says of the bearer: it is known before any modem is. */
static void tell_bearer(struct link *link)
{
	const ush_HelperBearer *b = &modem_of(link)->bearer;
	const char *wanted = modem_of(link)->type.wanted;
	const char *type = wanted ? wanted : PDP_TYPE_BOTH;
	struct table_modem *m = &link->modem;

	m->ip_type = (int8_t)(strcmp(type, PDP_TYPE_BOTH) == 0 ? 2 : strcmp(type, PDP_TYPE_IP6) == 0);
	m->authentication = (int8_t)(b->pap + 2 * b->chap);
	snprintf(m->apn, sizeof(m->apn), "%s", b->apn);
}

static void modem_changed(struct link *link)
{
	set_defaults(modem_of(link));
	tell_bearer(link);
	link_modem_changed(link);
}

static void modem_init_(struct link *link)
{
	struct modem *modem = modem_of(link);
	const struct helper_params params = {
		.base = link->base,
		.program = PROGRAM,
		.handlers = &handlers,
		.arg = link,
		.ping_interval_ms = PING_INTERVAL_MS,
	};

	set_defaults(modem);
	tell_bearer(link);
	helper_init(&modem->helper, &params);
	modem->packets = -1;
	modem->is_pin_tried = false;
}

static void modem_open(struct link *link)
{
	struct modem *modem = modem_of(link);
	char path[512];
	int error;

	if (access(modem->modem.device, F_OK) != 0) {
		link_fail(link, TABLE_REASON_DEVICE, "%s is not there: is the modem plugged in?", modem->modem.device);
		return;
	}
	error = helper_start(&modem->helper, &modem->packets);
	if (error) {
		helper_path(&modem->helper, path, sizeof(path));
		link_fail(link, TABLE_REASON_SYSTEM, "%s: %s", path, strerror(-error));
		return;
	}
	error = send_configuration(link);
	if (error)
		link_fail(link, TABLE_REASON_HELPER, "%s takes no commands: %s", PROGRAM, strerror(-error));
}

static void close_packets(struct modem *modem)
{
	if (modem->packets >= 0)
		close(modem->packets);
	modem->packets = -1;
}

static void modem_close(struct link *link)
{
	struct modem *modem = modem_of(link);

	close_packets(modem);
	helper_kill(&modem->helper);
}

static void modem_fini(struct link *link)
{
	struct modem *modem = modem_of(link);

	close_packets(modem);
	helper_fini(&modem->helper);
}

static int modem_at(struct link *link, const char *command)
{
	ush_HelperCommand message = ush_HelperCommand_init_zero;
	struct modem *modem = modem_of(link);
	ush_HelperAt *at = &message.body.at;

	if (strncasecmp(command, "AT", 2) != 0 || strlen(command) >= sizeof(at->command))
		return -EINVAL;
	for (const char *c = command; *c; c++) {
		if (!isprint((unsigned char)*c))
			return -EINVAL;
	}
	message.which_body = ush_HelperCommand_at_tag;
	at->sequence = ++modem->at_sequence;
	snprintf(at->command, sizeof(at->command), "%s", command);
	return helper_send(&modem->helper, &message);
}

static int modem_pid(const struct link *link)
{
	return (int)modem_of(link)->helper.pid;
}

static const char *modem_device(const struct link *link)
{
	return modem_of(link)->modem.device;
}

const struct link_driver modem_driver = {
	.name = "modem",
	.highest_step = TABLE_STEP_POWER,
	.checks_health = true,
	.device = modem_device,
	.framing = IPIF_FRAMING_RAW,
	.keys = keys,
	.live_keys = live_keys,
	.changed = modem_changed,
	.state_size = sizeof(struct modem),
	.check = check,
	.init = modem_init_,
	.open = modem_open,
	.close = modem_close,
	.fini = modem_fini,
	.at = modem_at,
	.pid = modem_pid,
};
