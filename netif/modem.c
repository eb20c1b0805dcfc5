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
 * once, and not again before the modem has accepted it), which type of PDP context
 * the network grants, and the interface identifier of IPv6.
 *
 * A port that is not there is looked for without starting the helper.
 */
#include "netif/modem_private.h"

#include "netif/link_helper.h"
#include "netif/log.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PROGRAM "usocket-modem"

/* ---- what the helper says --------------------------------------------------------- */

static void on_ready(struct link *link, const ush_HelperReady *ready)
{
	struct modem *modem = modem_of(link);
	/* The first time, or when the peer has negotiated anew. */
	bool is_first = modem->helper.packets >= 0;
	struct link_parameters p;

	if (!link_helper_take(&p, ready) ||
		(is_first && link->state != TABLE_LINK_NEGOTIATING)) {
		link_fail(link, TABLE_REASON_HELPER, "the helper reports impossible addresses");
		return;
	}
	pdp_type_granted(&modem->type);
	/* The same the next time, so that IPv6 addresses stay what they were. */
	if (ready->interface_id)
		modem->bearer.interface_id = ready->interface_id;
	link_ready(link, helper_take_packets(&modem->helper), &p);
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
		pdp_type_refused(&modem->type, failed->network_cause);
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

static const struct helper_handlers handlers = {
	.event = on_event,
	.log = link_helper_logged,
	.lost = link_helper_lost,
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
	return helper_send(&modem->helper, &command);
}

static void tell_bearer(struct link *link)
{
	const ush_HelperBearer *b = &modem_of(link)->bearer;
	const char *wanted = modem_of(link)->type.wanted;
	const char *type = wanted ? wanted : PDP_TYPE_BOTH;
	struct table_modem *m = &link->modem;

	/* QuecPython's numbers: 0 IPv4, 1 IPv6, 2 both. */
	m->ip_type = strcmp(type, PDP_TYPE_IP6) == 0;
	if (strcmp(type, PDP_TYPE_BOTH) == 0)
		m->ip_type = 2;
	m->authentication = (int8_t)(b->pap + 2 * b->chap);
	snprintf(m->apn, sizeof(m->apn), "%s", b->apn);
}

static void modem_changed(struct link *link)
{
	modem_set_defaults(modem_of(link));
	/* What was refused or granted before was asked for with another APN. */
	pdp_type_forget(&modem_of(link)->type);
	tell_bearer(link);
	link_modem_changed(link);
}

static void modem_init_(struct link *link)
{
	struct modem *modem = modem_of(link);

	modem_set_defaults(modem);
	tell_bearer(link);
	link_helper_init(link, &modem->helper, PROGRAM, &handlers);
	modem->is_pin_tried = false;
}

static void modem_open(struct link *link)
{
	struct modem *modem = modem_of(link);

	if (link->reason == TABLE_REASON_NO_DATA)
		pdp_type_forget(&modem->type);
	if (access(modem->modem.device, F_OK) != 0) {
		link_fail(link, TABLE_REASON_DEVICE, "%s is not there: is the modem plugged in?",
			modem->modem.device);
		return;
	}
	link_helper_open(link, &modem->helper, send_configuration, LINK_MTU_DEFAULT);
}

static void modem_close(struct link *link)
{
	helper_end(&modem_of(link)->helper);
}

static void modem_fini(struct link *link)
{
	helper_fini(&modem_of(link)->helper);
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

static struct helper *modem_helper(const struct link *link)
{
	return &modem_of(link)->helper;
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
	.keys = modem_keys,
	.live_keys = modem_live_keys,
	.changed = modem_changed,
	.state_size = sizeof(struct modem),
	.check = modem_check,
	.init = modem_init_,
	.open = modem_open,
	.close = modem_close,
	.fini = modem_fini,
	.at = modem_at,
	.helper = modem_helper,
};
