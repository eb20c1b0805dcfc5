/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * usocketd runs in the foreground, under a supervisor or a terminal. It
 * starts, serves until SIGTERM or SIGINT, and ends with everything freed; a
 * daemon that cannot start says why in a sentence and exits with 1 (2: the
 * command line is wrong). SIGHUP reads the configuration again; a
 * configuration with errors is reported and the old one stays.
 */
#include "daemon/config.h"
#include "daemon/rights.h"
#include "daemon/supervisor.h"
#include "daemon/usocketd.h"
#include "netif/heap.h"
#include "netif/link.h"
#include "netif/log.h"

#include <errno.h>
#include <event2/event.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_CONFIG USOCKETD_SYSCONFDIR "/usocketd.conf"
#define EXIT_USAGE     2

enum option_id {
	OPTION_CONFIG = 'c',
	OPTION_HELP = 'h',
	OPTION_VERSION = 'V',
	OPTION_CHECK = 256,
	OPTION_LEVEL,
};

struct option_row {
	const char *name;
	const char *argument; /* NULL: takes none */
	enum option_id id;
	const char *help;
};

static const struct option_row option_rows[] = {
	{ "config", "FILE", OPTION_CONFIG,
		"read FILE, and FILE.d/*.conf (default " DEFAULT_CONFIG ")" },
	{ "check-config", NULL, OPTION_CHECK,
		"read the configuration, say what is wrong, and exit" },
	{ "log-level", "LEVEL", OPTION_LEVEL, "error, warning, notice, info or debug" },
	{ "version", NULL, OPTION_VERSION, "print the version and exit" },
	{ "help", NULL, OPTION_HELP, "print this and exit" },
};

#define N_OPTIONS (sizeof(option_rows) / sizeof(option_rows[0]))

struct app {
	const char *config_path;
	bool config_required;
	bool check_only;
	bool has_level; /* of the command line, which wins */
	enum log_level level;
	int listen_fd; /* handed over, or -1 */
	struct usocketd daemon;
	struct supervisor *supervisor;
	struct event *on_term, *on_int, *on_hup;
};

/* ---- command line ------------------------------------------------------------- */

static void print_help(void)
{
	printf("usage: usocketd [OPTION...]\n\n"
	       "Sockets for programs through one modem: runs an lwIP stack on the links of\n"
	       "its configuration and serves the clients of libusocket.\n\n");
	for (size_t i = 0; i < N_OPTIONS; i++) {
		const struct option_row *row = &option_rows[i];
		char text[40];

		snprintf(text, sizeof(text), "--%s %s", row->name,
			row->argument ? row->argument : "");
		printf("  %-20s %s\n", text, row->help);
	}
}

static void fill_options(struct option options[N_OPTIONS + 1])
{
	memset(options, 0, (N_OPTIONS + 1) * sizeof(*options));
	for (size_t i = 0; i < N_OPTIONS; i++) {
		options[i].name = option_rows[i].name;
		options[i].has_arg = option_rows[i].argument ? required_argument : no_argument;
		options[i].val = (int)option_rows[i].id;
	}
}

/* Returns -1 to go on, else the exit code. */
static int take_option(struct app *app, int id)
{
	switch (id) {
	case OPTION_CONFIG:
		app->config_path = optarg;
		app->config_required = true;
		return -1;
	case OPTION_CHECK:
		app->check_only = true;
		return -1;
	case OPTION_LEVEL:
		app->has_level = true;
		if (log_parse_level(optarg, &app->level) == 0)
			return -1;
		fprintf(stderr, "usocketd: --log-level is error, warning, notice, info or debug\n");
		return EXIT_USAGE;
	case OPTION_VERSION:
		printf("usocketd %s\n", PACKAGE_VERSION);
		return EXIT_SUCCESS;
	case OPTION_HELP:
		print_help();
		return EXIT_SUCCESS;
	}
	fprintf(stderr, "Try 'usocketd --help'.\n");
	return EXIT_USAGE;
}

static int parse_command_line(struct app *app, int argc, char **argv)
{
	struct option options[N_OPTIONS + 1];
	int id, code = -1;

	fill_options(options);
	while (code < 0 && (id = getopt_long(argc, argv, "c:hV", options, NULL)) != -1)
		code = take_option(app, id);
	if (code < 0 && optind < argc) {
		fprintf(stderr, "usocketd: unexpected argument '%s'\n", argv[optind]);
		code = EXIT_USAGE;
	}
	return code;
}

/* ---- configuration -------------------------------------------------------------- */

static int read_config(const struct app *app, struct config *config)
{
	int r = config_init(config);

	if (r < 0) {
		log_error("XDG_RUNTIME_DIR is too long for a socket's path");
		return r;
	}
	r = config_load(config, app->config_path, app->config_required);
	if (app->has_level)
		config->log_level = app->level;
	return r;
}

static void choose_link(struct config *config)
{
	if (config->n_links > 0)
		return;
	if (config_add_default_link(config) == 0)
		log_notice("no link is configured: %s with driver slirp is used",
			CONFIG_DEFAULT_LINK);
	else
		log_warning("no link is configured, and the slirp driver is not there: "
			    "only 127.0.0.1 and ::1 can be reached");
}

static void reload(struct app *app)
{
	struct config fresh;

	supervisor_tell_reloading();
	if (read_config(app, &fresh) < 0) {
		log_error("the configuration is not taken over; the old one stays");
	} else {
		config_reload(&app->daemon.config, &fresh);
		usocketd_reconfigure(&app->daemon);
		log_notice("limits and log level are read again");
	}
	config_fini(&fresh);
	supervisor_tell_ready();
}

/* ---- signals ----------------------------------------------------------------------- */

static void on_end(evutil_socket_t signal_number, short events, void *arg)
{
	struct app *app = arg;

	(void)events;
	log_notice("%s: ending", strsignal((int)signal_number));
	event_base_loopbreak(app->daemon.base);
}

static void on_reload(evutil_socket_t signal_number, short events, void *arg)
{
	(void)signal_number;
	(void)events;
	reload(arg);
}

static int add_signal(struct app *app, struct event **event, int number, event_callback_fn handler)
{
	*event = evsignal_new(app->daemon.base, number, handler, app);
	return *event && event_add(*event, NULL) == 0 ? 0 : -ENOMEM;
}

static int catch_signals(struct app *app)
{
	if (add_signal(app, &app->on_term, SIGTERM, on_end) < 0 ||
		add_signal(app, &app->on_int, SIGINT, on_end) < 0 ||
		add_signal(app, &app->on_hup, SIGHUP, on_reload) < 0)
		return -ENOMEM;
	return 0;
}

static void free_event(struct event *event)
{
	if (event)
		event_free(event);
}

/* ---- running ------------------------------------------------------------------------ */

static int start(struct app *app)
{
	int r = usocketd_start(&app->daemon, app->listen_fd);

	if (r < 0)
		return r;
	app->listen_fd = -1;
	r = catch_signals(app);
	if (r == 0) {
		app->supervisor = supervisor_new(app->daemon.base);
		r = app->supervisor ? 0 : -ENOMEM;
	}
	if (r < 0)
		log_error("cannot start: %s", strerror(-r));
	return r;
}

static uint32_t link_rights(const struct usocketd *daemon)
{
	uint32_t rights = 0;

	for (uint32_t i = 0; i < daemon->n_links; i++)
		rights |= link_capabilities(daemon->links[i]);
	return rights;
}

static int serve(struct app *app)
{
	const char *place =
		app->listen_fd < 0 ? app->daemon.config.socket : "the socket it was given";
	int r = start(app);

	if (r == 0) {
		rights_drop(link_rights(&app->daemon));
		supervisor_tell_ready();
		log_notice("usocketd %s is ready at %s", PACKAGE_VERSION, place);
		r = event_base_dispatch(app->daemon.base) < 0 ? -EIO : 0;
		supervisor_tell_stopping();
	}
	supervisor_free(app->supervisor);
	free_event(app->on_term);
	free_event(app->on_int);
	free_event(app->on_hup);
	usocketd_stop(&app->daemon);
	if (app->listen_fd >= 0)
		close(app->listen_fd);
	return r;
}

static void tell_checked(const struct config *config)
{
	if (config->n_ignored == 0)
		printf("The configuration is right.\n");
	else
		printf("The configuration can be used; %u of its lines would be ignored.\n",
			config->n_ignored);
}

static int run(struct app *app)
{
	struct config *config = &app->daemon.config;
	int r = read_config(app, config);

	if (r < 0 || app->check_only) {
		if (r == 0)
			tell_checked(config);
		else
			log_error("the configuration has errors");
		config_fini(config);
		return r;
	}
	log_set_level(config->log_level);
	choose_link(config);
	rights_raise_limits(config);
	rights_keep_from_helpers();
	app->listen_fd = supervisor_take_socket();
	if (app->listen_fd < 0 && app->listen_fd != -ENOENT) {
		config_fini(config);
		return app->listen_fd;
	}
	if (app->listen_fd < 0)
		app->listen_fd = -1;
	return serve(app);
}

int main(int argc, char **argv)
{
	struct app *app = calloc(1, sizeof(*app));
	int code;

	if (!app)
		return EXIT_FAILURE;
	app->config_path = DEFAULT_CONFIG;
	app->listen_fd = -1;
	heap_init();
	log_open("usocketd");
	signal(SIGPIPE, SIG_IGN);
	code = parse_command_line(app, argc, argv);
	if (code < 0)
		code = run(app) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
	free(app);
	return code;
}
