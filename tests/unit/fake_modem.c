/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Nothing here calls back into the call at once: what the modem says waits in
 * the line until fake_run() moves it, as it does from a loop. When the line is
 * empty the clock jumps to the earliest timer.
 *
 * The modem has three inputs, the plain port and the multiplexer's two
 * channels, each with a line that is being received. The second port, where
 * there is one, is another plain one.
 */
#include "tests/unit/fake_modem.h"

#include "netif/log.h"
#include "netif/modem/cmux.h"
#include "netif/modem/serial.h"

#include <check.h>
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIMERS_MAX  16
#define PENDING_MAX 65536
#define ESCAPE_MS   1000
/* A loop that goes round without time passing. */
#define TURNS_MAX 200000

enum input {
	INPUT_PORT,
	INPUT_MUX_DATA,
	INPUT_MUX_CONTROL,
	INPUT_SECOND_PORT,
	INPUT_COUNT,
};

struct event {
	event_callback_fn callback;
	void *arg;
	bool is_used, is_pending;
	uint64_t due_ms;
};

struct serial {
	struct serial_handlers handlers;
	uint8_t out[PENDING_MAX]; /* from the modem, not taken yet */
	size_t out_len;
	uint8_t in[PENDING_MAX]; /* from the host */
	size_t in_len;
};

struct pppline {
	struct pppline_handlers handlers;
};

struct rule {
	const char *command, *answer;
};

struct fake_modem fake;

static struct {
	struct event timers[TIMERS_MAX];
	struct serial line, second;
	struct pppline ppp;
	struct rule rules[FAKE_RULES];
	unsigned int n_rules;
	char lines[INPUT_COUNT][512];
	size_t line_lens[INPUT_COUNT];
	bool is_data[INPUT_COUNT]; /* CONNECT has been said on it */
	struct cmux *mux;
	struct event *mux_timer, *line_ready, *answer_ready;
	struct call *call;
	uint64_t heard_ms;
} m;

static const struct rule defaults[] = {
	{ "AT+CGMI", "Some Maker|OK" },
	{ "AT+CGMM", "+CGMM: \"M1\"|OK" },
	{ "AT+CGMR", "1.0|OK" },
	{ "AT+CGSN", "490154203237518|OK" },
	{ "AT+CMUX", "ERROR" },
	{ "AT+CFUN?", "+CFUN: 1|OK" },
	{ "AT+CPIN?", "+CPIN: READY|OK" },
	{ "AT+CPINR", "+CPINR: SIM PIN,3|OK" },
	{ "AT+CIMI", "262011234567890|OK" },
	{ "AT+CCID", "+CCID: 89490200001234567890|OK" },
	{ "AT+CREG?", "+CREG: 2,1|OK" },
	{ "AT+CGREG?", "+CGREG: 2,1,\"1A2B\",\"01C3D4E5\",7|OK" },
	{ "AT+CEREG?", "+CEREG: 2,1,\"1A2B\",\"01C3D4E5\",7|OK" },
	{ "AT+C5GREG", "ERROR" },
	{ "AT+COPS?", "+COPS: 0,0,\"Some Net\",7|OK" },
	{ "AT+CSQ", "+CSQ: 20,99|OK" },
	{ "AT+CESQ", "+CESQ: 99,99,255,255,20,61|OK" },
	{ "AT+CEER", "+CEER: 33|OK" },
	{ "ATD", "CONNECT" },
	{ "AT", "OK" },
};

/* ---- libevent's timers ------------------------------------------------------------ */

struct event *event_new(struct event_base *base, evutil_socket_t fd, short what,
	event_callback_fn callback, void *arg)
{
	(void)base;
	(void)fd;
	(void)what;
	for (int i = 0; i < TIMERS_MAX; i++) {
		struct event *e = &m.timers[i];

		if (e->is_used)
			continue;
		*e = (struct event){ .callback = callback, .arg = arg, .is_used = true };
		return e;
	}
	return NULL;
}

int event_add(struct event *event, const struct timeval *t)
{
	event->is_pending = true;
	event->due_ms = fake.now_ms + (uint64_t)t->tv_sec * 1000 + (uint64_t)t->tv_usec / 1000;
	return 0;
}

int event_del(struct event *event)
{
	event->is_pending = false;
	return 0;
}

void event_free(struct event *event)
{
	event->is_used = event->is_pending = false;
}

static struct event *find_due(uint64_t end_ms)
{
	struct event *first = NULL;

	for (int i = 0; i < TIMERS_MAX; i++) {
		struct event *e = &m.timers[i];

		if (e->is_pending && e->due_ms <= end_ms && (!first || e->due_ms < first->due_ms))
			first = e;
	}
	return first;
}

/* ---- what the modem says ------------------------------------------------------------ */

static void put(struct serial *port, const void *bytes, size_t len)
{
	if (fake.is_cut)
		return;
	ck_assert_uint_le(port->out_len + len, PENDING_MAX);
	memcpy(port->out + port->out_len, bytes, len);
	port->out_len += len;
}

static void say(enum input input, const void *bytes, size_t len)
{
	if (input == INPUT_SECOND_PORT)
		put(&m.second, bytes, len);
	else if (input == INPUT_PORT)
		put(&m.line, bytes, len);
	else
		cmux_write(m.mux, (uint8_t)input, bytes, len);
}

static void say_lines(enum input input, const char *lines)
{
	char text[1024];

	while (*lines) {
		size_t n = strcspn(lines, "|");
		int len = snprintf(text, sizeof(text), "\r\n%.*s\r\n", (int)n, lines);

		say(input, text, (size_t)len);
		lines += n + (lines[n] == '|');
	}
}

/* ---- what it hears ------------------------------------------------------------------ */

static void start_mux(void);

static bool is_match(const struct rule *rule, const char *command)
{
	if (strcmp(rule->command, "AT") == 0)
		return strcmp(command, "AT") == 0;
	return strncmp(command, rule->command, strlen(rule->command)) == 0;
}

static const char *find_answer(const char *command)
{
	for (unsigned int i = m.n_rules; i-- > 0;) {
		if (is_match(&m.rules[i], command))
			return m.rules[i].answer;
	}
	for (size_t i = 0; i < sizeof(defaults) / sizeof(defaults[0]); i++) {
		if (is_match(&defaults[i], command))
			return defaults[i].answer;
	}
	return "OK";
}

static void append(char *out, size_t size, const char *text)
{
	size_t n = strlen(out);

	ck_assert_uint_lt(n + strlen(text) + 1, size);
	snprintf(out + n, size - n, "%s|", text);
}

static void take_command(enum input input, const char *command)
{
	const struct timeval latency = { .tv_usec = (suseconds_t)fake.latency_ms * 1000 };
	const char *answer = find_answer(command);

	append(fake.commands, sizeof(fake.commands), command);
	if (input == INPUT_MUX_CONTROL || input == INPUT_SECOND_PORT)
		append(fake.control_commands, sizeof(fake.control_commands), command);
	fake.n_commands++;
	if (fake.silent_after && fake.n_commands > fake.silent_after)
		return;
	if (fake.latency_ms && !m.answer_ready->is_pending)
		event_add(m.answer_ready, &latency);
	if (fake.has_echo) {
		say(input, command, strlen(command));
		say(input, "\r", 1);
	}
	say_lines(input, answer);
	if (strncmp(answer, "CONNECT", 7) == 0)
		m.is_data[input] = true;
	if (strncmp(command, "AT+IPR=", 7) == 0 && strcmp(answer, "OK") == 0)
		fake.baud = (uint32_t)atoi(command + 7);
	if (strncmp(command, "AT+CMUX", 7) == 0 && strcmp(answer, "OK") == 0)
		start_mux();
}

static void hear(enum input input, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		char *line = m.lines[input];

		if (bytes[i] != '\r') {
			/* What is no text is no beginning of a command. */
			if (bytes[i] < 0x80 && m.line_lens[input] < sizeof(m.lines[0]) - 1)
				line[m.line_lens[input]++] = (char)bytes[i];
			continue;
		}
		line[m.line_lens[input]] = '\0';
		m.line_lens[input] = 0;
		if (strncmp(line, "AT", 2) == 0)
			take_command(input, line);
	}
}

/* A call that nobody knows of: only the escape, after a second of silence, ends it. */
static void hear_in_call(const uint8_t *bytes, size_t len, uint64_t silence_ms)
{
	if (len == 3 && memcmp(bytes, "+++", 3) == 0 && silence_ms >= ESCAPE_MS) {
		fake.mode = FAKE_COMMAND;
		say_lines(INPUT_PORT, "OK");
	}
}

/* ---- the modem's multiplexer ---------------------------------------------------------- */

static void on_mux_write(const void *bytes, size_t len, void *arg)
{
	(void)arg;
	put(&m.line, bytes, len);
}

static void on_mux_arm(uint32_t ms, void *arg)
{
	const struct timeval t = { .tv_usec = (suseconds_t)ms * 1000 };

	(void)arg;
	if (ms)
		event_add(m.mux_timer, &t);
	else
		event_del(m.mux_timer);
}

static void on_mux_data(uint8_t dlci, const uint8_t *bytes, size_t len, void *arg)
{
	(void)arg;
	if (!m.is_data[dlci])
		hear((enum input)dlci, bytes, len);
}

static void on_mux_event(uint8_t dlci, enum cmux_event event, void *arg)
{
	(void)arg;
	if (event == CMUX_OPENED && dlci == 0)
		fake.mode = FAKE_MUX;
	if (event == CMUX_CLOSED && dlci == 0)
		fake.mode = FAKE_COMMAND;
}

static void on_mux_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	cmux_expire(m.mux);
}

static void start_mux(void)
{
	const struct cmux_config config = {
		.role = CMUX_RESPONDER,
		.n_dlcs = fake.refuses_dlci2 ? 1 : 2,
	};
	const struct cmux_handlers handlers = {
		.write = on_mux_write,
		.arm = on_mux_arm,
		.data = on_mux_data,
		.event = on_mux_event,
	};

	if (!m.mux) {
		m.mux_timer = evtimer_new(NULL, on_mux_timer, NULL);
		m.mux = cmux_new(&config, &handlers);
	}
	cmux_start(m.mux);
	fake.mode = FAKE_MUX;
}

/* ---- netif/modem/serial.h -------------------------------------------------------------- */

int serial_start(struct serial *serial, struct event_base *base,
	const struct serial_handlers *handlers)
{
	(void)base;
	serial->handlers = *handlers;
	return 0;
}

int serial_set_baud(struct serial *serial, uint32_t baud)
{
	if (serial == &m.line)
		fake.host_baud = baud;
	return 0;
}

void serial_write(struct serial *serial, const void *bytes, size_t len)
{
	ck_assert_uint_le(serial->in_len + len, PENDING_MAX);
	memcpy(serial->in + serial->in_len, bytes, len);
	serial->in_len += len;
}

size_t serial_pending(const struct serial *serial)
{
	return serial->in_len;
}

void serial_set_dtr(struct serial *serial, bool is_on)
{
	if (serial != &m.line)
		return;
	fake.dtr = is_on;
	if (!is_on && fake.mode == FAKE_DATA && !fake.is_deaf_to_dtr)
		fake.mode = FAKE_COMMAND;
}

/* ---- netif/modem/pppline.h --------------------------------------------------------------- */

struct pppline *pppline_new(const struct pppline_config *config,
	const struct pppline_handlers *handlers)
{
	fake.ppp_config = *config;
	fake.has_ppp = true;
	m.ppp.handlers = *handlers;
	return &m.ppp;
}

void pppline_free(struct pppline *ppp)
{
	fake.has_ppp &= ppp == NULL;
}

void pppline_stop(struct pppline *ppp)
{
	(void)ppp;
	fake.is_ppp_stopped = true;
}

void pppline_carrier_lost(struct pppline *ppp)
{
	fake.has_lost_carrier = true;
	ppp->handlers.down(fake.refuses_account ? PPPLINE_END_REFUSED : PPPLINE_END_CARRIER,
		ppp->handlers.arg);
}

bool pppline_is_refused(const struct pppline *ppp)
{
	(void)ppp;
	return fake.refuses_account;
}

void pppline_input(struct pppline *ppp, const void *bytes, size_t len)
{
	size_t n = strlen(fake.ppp_input);

	(void)ppp;
	snprintf(fake.ppp_input + n, sizeof(fake.ppp_input) - n, "%.*s", (int)len,
		(const char *)bytes);
}

void pppline_send(struct pppline *ppp, const void *packet, size_t len)
{
	ppp->handlers.output(packet, len, ppp->handlers.arg);
}

void fake_ppp_up(uint32_t ip4, uint64_t interface_id)
{
	const struct pppline_addresses addresses = {
		.ip4 = ip4,
		.peer4 = ip4 ? 1 : 0,
		.dns4 = { ip4 ? 2 : 0 },
		.interface_id = interface_id,
	};

	m.ppp.handlers.up(&addresses, m.ppp.handlers.arg);
}

void fake_ppp_down(enum pppline_end end)
{
	m.ppp.handlers.down(end, m.ppp.handlers.arg);
}

/* ---- the call's handlers ------------------------------------------------------------------ */

static void take_state(const ush_HelperState *state)
{
	size_t n = strlen(fake.states);
	char digit = (char)('0' + state->state);

	append(fake.causes, sizeof(fake.causes), state->cause);
	if (n > 0 && fake.states[n - 1] == digit)
		return;
	ck_assert_uint_lt(n + 1, sizeof(fake.states));
	fake.states[n] = digit;
	fake.states[n + 1] = '\0';
	fake.entered_ms[state->state] = fake.now_ms;
}

static void on_event(const ush_HelperEvent *event, void *arg)
{
	char text[512];

	(void)arg;
	ck_assert_uint_eq(fake.n_failed, 0);
	switch (event->which_body) {
	case ush_HelperEvent_state_tag:
		take_state(&event->body.state);
		break;
	case ush_HelperEvent_ready_tag:
		fake.ready = event->body.ready;
		fake.n_ready++;
		break;
	case ush_HelperEvent_failed_tag:
		fake.failed = event->body.failed;
		fake.n_failed++;
		break;
	case ush_HelperEvent_identity_tag:
		fake.identity = event->body.identity;
		break;
	case ush_HelperEvent_place_tag:
		fake.place = event->body.place;
		break;
	case ush_HelperEvent_signal_tag:
		fake.signal = event->body.signal;
		break;
	case ush_HelperEvent_at_answer_tag:
		snprintf(text, sizeof(text), "%u%s %s",
			(unsigned int)event->body.at_answer.sequence,
			event->body.at_answer.is_final ? "!" : "", event->body.at_answer.line);
		append(fake.answers, sizeof(fake.answers), text);
		break;
	default:
		ck_abort_msg("an unknown event");
	}
}

static void on_log(uint32_t level, const char *text, void *arg)
{
	(void)arg;
	if (level <= LOG_LEVEL_NOTICE)
		append(fake.log, sizeof(fake.log), text);
}

static void on_packet(const void *packet, size_t len, void *arg)
{
	(void)packet;
	(void)len;
	(void)arg;
}

static void on_writable(void *arg)
{
	(void)arg;
	fake.n_writable++;
}

/* ---- time -------------------------------------------------------------------------------- */

static void on_ready(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
}

/* A slow line takes a tenth of a second's bytes at a time. */
static size_t line_takes(void)
{
	static const struct timeval tenth = { .tv_usec = 100000 };
	size_t len = m.line.in_len;

	if (!fake.bytes_per_s)
		return len;
	if (m.line_ready->is_pending)
		return 0;
	event_add(m.line_ready, &tenth);
	return len < fake.bytes_per_s / 10 ? len : fake.bytes_per_s / 10;
}

static void move_from_host(size_t len)
{
	static uint8_t bytes[PENDING_MAX];
	uint64_t silence_ms = fake.now_ms - m.heard_ms;
	size_t n = 0;

	memcpy(bytes, m.line.in, len);
	m.line.in_len -= len;
	memmove(m.line.in, m.line.in + len, m.line.in_len);
	m.heard_ms = fake.now_ms;
	if (fake.is_cut || (fake.baud && fake.host_baud != fake.baud))
		return;
	if (fake.mode == FAKE_MUX)
		n = cmux_input(m.mux, bytes, len);
	if (fake.mode == FAKE_DATA)
		hear_in_call(bytes, len, silence_ms);
	else if (fake.mode == FAKE_COMMAND && n < len && !m.is_data[INPUT_PORT])
		hear(INPUT_PORT, bytes + n, len - n);
}

static void move_to_host(struct serial *port)
{
	static uint8_t bytes[PENDING_MAX];
	size_t len = fake.cut && fake.cut < port->out_len ? fake.cut : port->out_len;

	memcpy(bytes, port->out, len);
	port->out_len -= len;
	memmove(port->out, port->out + len, port->out_len);
	port->handlers.input(bytes, len, port->handlers.arg);
}

/* One thing that does not wait for time; false if there is none. */
static bool move(void)
{
	size_t len = m.line.in_len > 0 ? line_takes() : 0;

	if (len > 0) {
		move_from_host(len);
		m.line.handlers.drained(m.line.handlers.arg);
	} else if (m.second.in_len > 0) {
		len = m.second.in_len;
		m.second.in_len = 0;
		hear(INPUT_SECOND_PORT, m.second.in, len);
	} else if (m.line.out_len > 0 && !m.answer_ready->is_pending) {
		move_to_host(&m.line);
	} else if (m.second.out_len > 0 && !m.answer_ready->is_pending) {
		move_to_host(&m.second);
	} else if (fake.has_ppp && !fake.keeps_ppp_down && fake.n_ready == 0) {
		fake_ppp_up(0x0100000a, 0);
	} else {
		return false;
	}
	return true;
}

bool fake_run(uint64_t ms)
{
	uint64_t end_ms = fake.now_ms + ms;
	struct event *event;

	for (unsigned int i = 0; i < TURNS_MAX && fake.n_failed == 0; i++) {
		if (move())
			continue;
		event = find_due(end_ms);
		if (!event) {
			fake.now_ms = end_ms;
			return false;
		}
		if (event->due_ms > fake.now_ms)
			fake.now_ms = event->due_ms;
		event->is_pending = false;
		event->callback(-1, EV_TIMEOUT, event->arg);
	}
	ck_assert_msg(fake.n_failed == 1, "it goes round without end");
	return true;
}

/* ---- for the tests -------------------------------------------------------------------------- */

void fake_setup(struct call_config *config)
{
	memset(&fake, 0, sizeof(fake));
	memset(&m, 0, sizeof(m));
	fake.dtr = true;
	memset(config, 0, sizeof(*config));
	config->modem.baud = fake.host_baud = 115200;
	config->modem.step = TABLE_STEP_REDIAL;
	config->modem.cmux = ush_HelperCmux_CMUX_OFF;
	config->mtu = 1400;
	config->is_serial_line = true;
	strcpy(config->bearer.type, "IP");
	strcpy(config->bearer.apn, "internet");
}

void fake_teardown(void)
{
	call_free(m.call);
	ck_assert(!fake.has_ppp);
	cmux_free(m.mux);
	if (m.mux_timer)
		event_free(m.mux_timer);
	event_free(m.line_ready);
	event_free(m.answer_ready);
	for (int i = 0; i < TIMERS_MAX; i++)
		ck_assert(!m.timers[i].is_used);
}

void fake_answer(const char *command, const char *answer)
{
	ck_assert_uint_lt(m.n_rules, FAKE_RULES);
	m.rules[m.n_rules++] = (struct rule){ command, answer };
}

/* As somebody has left it: DLCIs 0 and 1 open, and in the middle of a frame. */
static void leave_multiplexing(void)
{
	static const uint8_t begun[] = { CMUX_FLAG, 0x07, CMUX_UIH, 0x3f, '~' };
	struct cmux_frame open = { .type = CMUX_SABM, .has_cr = true, .has_pf = true };
	uint8_t bytes[CMUX_FRAME_OVERHEAD];

	start_mux();
	for (; open.dlci <= 1; open.dlci++)
		cmux_input(m.mux, bytes, cmux_encode(bytes, &open));
	cmux_input(m.mux, begun, sizeof(begun));
	m.line.out_len = 0;
}

static struct call *make_call(const struct call_config *config, struct serial *control)
{
	const struct call_handlers handlers = { on_event, on_log, on_packet, on_writable, NULL };
	const struct call_ports ports = { .line = &m.line, .control = control };

	m.line_ready = evtimer_new(NULL, on_ready, NULL);
	m.answer_ready = evtimer_new(NULL, on_ready, NULL);
	if (fake.mode == FAKE_MUX)
		leave_multiplexing();
	m.call = call_new(NULL, &ports, config, &handlers);
	ck_assert_ptr_nonnull(m.call);
	return m.call;
}

struct call *fake_call(const struct call_config *config)
{
	return make_call(config, NULL);
}

struct call *fake_call_with_control(const struct call_config *config)
{
	return make_call(config, &m.second);
}

void fake_say(const char *lines)
{
	if (m.mux && fake.mode == FAKE_MUX)
		say_lines(INPUT_MUX_CONTROL, lines);
	else
		say_lines(m.second.handlers.input ? INPUT_SECOND_PORT : INPUT_PORT, lines);
}

void fake_say_data(const char *bytes)
{
	say(m.mux && fake.mode == FAKE_MUX ? INPUT_MUX_DATA : INPUT_PORT, bytes, strlen(bytes));
}

void fake_set_signals(uint8_t signals)
{
	cmux_set_signals(m.mux, INPUT_MUX_DATA, signals);
}

void fake_end_mux(void)
{
	cmux_shut_down(m.mux);
}

void fake_lose_port(int error)
{
	m.line.handlers.lost(error, m.line.handlers.arg);
}
