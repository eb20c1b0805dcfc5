/* SPDX-License-Identifier: MIT */
#include "daemon/config.h"

#include "netif/link.h"
#include "tests/unit/run_suite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];
static char path[128];
static char log_text[65536];
static struct config config;

static void write_file(const char *name, const char *text)
{
	char full[256];
	FILE *f;

	snprintf(full, sizeof(full), "%s/%s", folder, name);
	f = fopen(full, "w");
	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
}

static void setup(void)
{
	strcpy(folder, "/tmp/test_config.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/usocketd.conf", folder);
	log_open("test");
	log_set_level(LOG_LEVEL_WARNING);
	ck_assert_int_eq(config_init(&config), 0);
}

static void teardown(void)
{
	char command[160];

	config_fini(&config);
	snprintf(command, sizeof(command), "rm -rf '%s'", folder);
	ck_assert_int_eq(system(command), 0);
}

/* Loads @path with stderr caught in log_text. */
static int load(void)
{
	char name[128];
	int saved = dup(STDERR_FILENO);
	int fd, r;
	ssize_t n;

	snprintf(name, sizeof(name), "%s/log", folder);
	fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
	dup2(fd, STDERR_FILENO);
	r = config_load(&config, path, true);
	dup2(saved, STDERR_FILENO);
	n = pread(fd, log_text, sizeof(log_text) - 1, 0);
	log_text[n > 0 ? n : 0] = '\0';
	close(fd);
	close(saved);
	return r;
}

static int load_text(const char *text)
{
	write_file("usocketd.conf", text);
	return load();
}

static void assert_logged(const char *text)
{
	ck_assert_msg(strstr(log_text, text) != NULL, "expected '%s' in: %s", text, log_text);
}

/* ---- defaults ---- */

START_TEST(init_gives_documented_defaults)
{
	ck_assert_uint_eq(config.socket_mode, 0666);
	ck_assert_uint_eq(config.sockets_max, 4096);
	ck_assert_uint_eq(config.sessions_max, 256);
	ck_assert_uint_eq(config.limits.session[RESOURCE_SOCKET], 1024);
	ck_assert_uint_eq(config.limits.user[RESOURCE_QUEUED], 256u << 20);
	ck_assert_uint_eq(config.connect_timeout_s, 75);
	ck_assert_uint_eq(config.linger_s, 20);
	ck_assert_uint_eq(config.receive_buffer, 65536);
	ck_assert_uint_eq(config.resolve_timeout_s, 15);
	ck_assert_uint_eq(config.cache_entries, 512);
	ck_assert_str_eq(config.hosts, "/etc/hosts");
	ck_assert(config.queues);
	ck_assert(config.low_ports);
	ck_assert_uint_eq(config.raw_group, (gid_t)-1);
	ck_assert_uint_eq(config.n_links, 0);
}
END_TEST

START_TEST(init_of_root_uses_system_path)
{
	struct config fresh;

	setenv("XDG_RUNTIME_DIR", "/tmp/run-user", 1);
	ck_assert_int_eq(config_init(&fresh), 0);
	if (geteuid() == 0)
		ck_assert_str_eq(fresh.socket, "/run/usocketd/usocketd.sock");
	else
		ck_assert_str_eq(fresh.socket, "/tmp/run-user/usocketd/usocketd.sock");
}
END_TEST

START_TEST(init_of_ordinary_user_uses_runtime_folder)
{
	struct config fresh;

	if (geteuid() == 0 && seteuid(65534) < 0)
		return;
	setenv("XDG_RUNTIME_DIR", "/tmp/run-user", 1);
	ck_assert_int_eq(config_init(&fresh), 0);
	ck_assert_str_eq(fresh.socket, "/tmp/run-user/usocketd/usocketd.sock");
	unsetenv("XDG_RUNTIME_DIR");
	ck_assert_int_eq(config_init(&fresh), 0);
	ck_assert_str_eq(fresh.socket, "/run/usocketd/usocketd.sock");
	if (geteuid() != getuid())
		ck_assert_int_eq(seteuid(getuid()), 0);
}
END_TEST

START_TEST(init_with_runtime_folder_too_long_fails)
{
	struct config fresh;
	char long_name[200] = "/";

	memset(long_name + 1, 'x', sizeof(long_name) - 2);
	setenv("XDG_RUNTIME_DIR", long_name, 1);
	if (geteuid() == 0 && seteuid(65534) < 0)
		return;
	ck_assert_int_eq(config_init(&fresh), -ENAMETOOLONG);
	if (geteuid() != getuid())
		ck_assert_int_eq(seteuid(getuid()), 0);
}
END_TEST

/* ---- good files ---- */

START_TEST(load_reads_every_key)
{
	ck_assert_int_eq(load_text("[daemon]\n"
				   "socket = /tmp/x.sock\n"
				   "socket_mode = 0600\n"
				   "socket_group = 12\n"
				   "log_level = debug\n"
				   "queues = no\n"
				   "sockets_max = 16\n"
				   "[limits]\n"
				   "sessions = 7\n"
				   "sessions_per_user = 6\n"
				   "sockets_per_session = 5\n"
				   "sockets_per_user = 4\n"
				   "lookups_per_session = 3\n"
				   "lookups_per_user = 2\n"
				   "watches_per_session = 1\n"
				   "watches_per_user = 0\n"
				   "queued_per_session = 64K\n"
				   "queued_per_user = 2M\n"
				   "raw_group = root\n"
				   "low_ports = no\n"
				   "[tcp]\n"
				   "connect_timeout = 600\n"
				   "linger = 1\n"
				   "embryonic_max = 9\n"
				   "[udp]\n"
				   "receive_buffer = 2048\n"
				   "[resolver]\n"
				   "servers = 192.0.2.1, 192.0.2.2:5353 [2001:db8::1]:54,"
				   "2001:db8::2\n"
				   "timeout = 3\n"
				   "cache_entries = 0\n"
				   "hosts = none\n"),
		0);
	ck_assert_str_eq(log_text, "");
	ck_assert_str_eq(config.socket, "/tmp/x.sock");
	ck_assert_uint_eq(config.socket_mode, 0600);
	ck_assert_uint_eq(config.socket_group, 12);
	ck_assert_int_eq(config.log_level, LOG_LEVEL_DEBUG);
	ck_assert(!config.queues);
	ck_assert_uint_eq(config.sockets_max, 16);
	ck_assert_uint_eq(config.sessions_max, 7);
	ck_assert_uint_eq(config.limits.user[RESOURCE_SESSION], 6);
	ck_assert_uint_eq(config.limits.session[RESOURCE_SOCKET], 5);
	ck_assert_uint_eq(config.limits.user[RESOURCE_SOCKET], 4);
	ck_assert_uint_eq(config.limits.session[RESOURCE_LOOKUP], 3);
	ck_assert_uint_eq(config.limits.user[RESOURCE_LOOKUP], 2);
	ck_assert_uint_eq(config.limits.session[RESOURCE_WATCH], 1);
	ck_assert_uint_eq(config.limits.user[RESOURCE_WATCH], 0);
	ck_assert_uint_eq(config.limits.session[RESOURCE_QUEUED], 65536);
	ck_assert_uint_eq(config.limits.user[RESOURCE_QUEUED], 2097152);
	ck_assert_uint_eq(config.raw_group, 0);
	ck_assert(!config.low_ports);
	ck_assert_uint_eq(config.connect_timeout_s, 600);
	ck_assert_uint_eq(config.linger_s, 1);
	ck_assert_uint_eq(config.embryonic_max, 9);
	ck_assert_uint_eq(config.receive_buffer, 2048);
	ck_assert_uint_eq(config.n_servers, 4);
	ck_assert_int_eq(config.servers[0].port, 0);
	ck_assert_int_eq(config.servers[1].port, 5353);
	ck_assert_int_eq(config.servers[2].port, 54);
	ck_assert_int_eq(config.servers[2].family, ADDRESS_IPV6);
	ck_assert_int_eq(config.servers[3].port, 0);
	ck_assert_uint_eq(config.resolve_timeout_s, 3);
	ck_assert_uint_eq(config.cache_entries, 0);
	ck_assert_str_eq(config.hosts, "");
}
END_TEST

START_TEST(load_takes_comments_indentation_and_carriage_returns)
{
	ck_assert_int_eq(load_text("\xef\xbb\xbf# first\r\n; second\r\n\r\n[tcp]\r\n"
				   "\tlinger = 5 ; why\r\n  connect_timeout=6\r\n"),
		0);
	ck_assert_str_eq(log_text, "");
	ck_assert_uint_eq(config.linger_s, 5);
	ck_assert_uint_eq(config.connect_timeout_s, 6);
}
END_TEST

START_TEST(load_without_final_newline_reads_last_line)
{
	ck_assert_int_eq(load_text("[tcp]\nlinger = 5"), 0);
	ck_assert_uint_eq(config.linger_s, 5);
}
END_TEST

START_TEST(load_of_empty_file_changes_nothing)
{
	ck_assert_int_eq(load_text(""), 0);
	ck_assert_uint_eq(config.linger_s, 20);
}
END_TEST

START_TEST(load_of_missing_file_fails_only_if_required)
{
	ck_assert_int_eq(load(), -ENOENT);
	assert_logged("usocketd.conf");
	ck_assert_int_eq(config_load(&config, path, false), 0);
}
END_TEST

/* ---- warnings ---- */

START_TEST(load_with_unknown_key_warns_with_line)
{
	ck_assert_int_eq(load_text("[tcp]\n\nlingre = 5\nlinger = 6\n"), 0);
	assert_logged("usocketd.conf:3: ");
	assert_logged("lingre");
	ck_assert_uint_eq(config.linger_s, 6);
}
END_TEST

START_TEST(load_with_unknown_section_warns_once_with_line)
{
	ck_assert_int_eq(load_text("# x\n[tpc]\nlinger = 5\nother = 6\n[tcp]\nlinger = 7\n"), 0);
	assert_logged("usocketd.conf:2: ");
	ck_assert_ptr_null(strstr(log_text, ":3:"));
	ck_assert_uint_eq(config.linger_s, 7);
}
END_TEST

/* ---- errors ---- */

static const struct {
	const char *text;
	const char *logged;
} wrong[] = {
	{ "[tcp]\nlinger = 0\n", ":2: linger = 0: expected a number from 1 to 600" },
	{ "[tcp]\nlinger = 601\n", "from 1 to 600" },
	{ "[tcp]\nlinger = five\n", "linger = five: expected a number" },
	{ "[tcp]\nlinger = 5 s\n", "expected a number" },
	{ "[tcp]\nlinger = -5\n", "expected a number" },
	{ "[tcp]\nlinger =\n", "expected a number" },
	{ "[tcp]\nlinger = 99999999999999999999999\n", "expected a number" },
	{ "[daemon]\nsockets_max = 15\n", "from 16 to 65536" },
	{ "[daemon]\nsocket = usocketd.sock\n", "an absolute path of at most 107 bytes" },
	{ "[daemon]\nsocket_mode = 888\n", "an octal file mode" },
	{ "[daemon]\nsocket_mode = 1777\n", "an octal file mode" },
	{ "[daemon]\nlog_level = loud\n", "error, warning, notice, info or debug" },
	{ "[daemon]\nqueues = maybe\n", "yes or no" },
	{ "[daemon]\nsocket_group = no-such-group\n", "a group of this system" },
	{ "[limits]\nqueued_per_user = 64Q\n", "K, M or G" },
	{ "[limits]\nqueued_per_user = 1K\n", "bytes from 65536 to" },
	{ "[limits]\nqueued_per_user = 99999999999G\n", "bytes from" },
	{ "[udp]\nreceive_buffer = 5M\n", "from 2048 to 4194304" },
	{ "[resolver]\nservers = example.org\n", "addresses, separated by commas" },
	{ "[resolver]\nservers = 1.2.3.4:0\n", "addresses, separated by commas" },
	{ "[resolver]\nservers = 1.2.3.4:65536\n", "addresses, separated by commas" },
	{ "[resolver]\nservers = 0.0.0.0\n", "addresses, separated by commas" },
	{ "[resolver]\nservers = 224.0.0.1\n", "addresses, separated by commas" },
	{ "[resolver]\nservers = [::1\n", "addresses, separated by commas" },
	{ "[resolver]\nservers = [::1]x\n", "addresses, separated by commas" },
	{ "[resolver]\nservers = 1.1.1.1 2.2.2.2 3.3.3.3 4.4.4.4 5.5.5.5\n", "up to 4" },
	{ "[resolver]\nhosts = hosts\n", "an absolute path" },
	{ "[tcp]\nlinger 5\n", ":2: expected 'key = value'" },
	{ "\n[tcp\nlinger = 5\n", ":2: expected '[section]'" },
	{ "linger = 5\n", ":1: 'linger' is in no section" },
	{ "[tcp]\nlinger = 5\nlinger = 6\n", ":3: 'linger' is given twice, first in line 2" },
	{ "[tcp]\nlinger = 5\n[udp]\n[tcp]\n", ":4: section [tcp] appears twice, first in line 1" },
	{ "[link Net0]\n", ":1: a link's name is" },
	{ "[link ]\ndriver = slirp\n", ":1: a link's name is" },
	{ "[link abcdefghijklmnop]\n", ":1: a link's name is 1 to 15" },
	{ "[link a]\n[link a]\n", ":2: section [link a] appears twice" },
	{ "[link a]\ndriver = pigeon\n", ":2: driver = pigeon: " },
	{ "[link a]\n", ":1: [link a]: " },
};

START_TEST(load_with_mistake_fails_and_says_where_and_what)
{
	ck_assert_int_eq(load_text(wrong[_i].text), -EINVAL);
	assert_logged(wrong[_i].logged);
}
END_TEST

START_TEST(load_shows_all_mistakes)
{
	char text[4096] = "[tcp]\n";
	char logged[32];

	for (int i = 0; i < 50; i++)
		strcat(text, "nonsense\n");
	strcat(text, "linger = 0\n");
	ck_assert_int_eq(load_text(text), -EINVAL);
	for (int i = 2; i <= 52; i++) {
		snprintf(logged, sizeof(logged), "usocketd.conf:%d: ", i);
		assert_logged(logged);
	}
}
END_TEST

START_TEST(load_with_long_line_says_so_and_keeps_counting)
{
	char text[2048] = "[tcp]\nlinger = ";

	memset(text + strlen(text), '1', 1000);
	strcat(text, "\nconnect_timeout = 0\n");
	ck_assert_int_eq(load_text(text), -EINVAL);
	assert_logged(":2: the line is longer than");
	assert_logged(":3: connect_timeout = 0");
}
END_TEST

START_TEST(load_with_nul_byte_is_an_error)
{
	char name[160];
	FILE *f;

	snprintf(name, sizeof(name), "%s/usocketd.conf", folder);
	f = fopen(name, "w");
	fwrite("[tcp]\nlin\0ger = 5\n", 1, 18, f);
	fclose(f);
	ck_assert_int_eq(load(), -EINVAL);
	assert_logged(":2: the line holds a NUL byte");
}
END_TEST

START_TEST(load_of_folder_fails)
{
	ck_assert_int_eq(mkdir(path, 0700), 0);
	ck_assert_int_lt(load(), 0);
	assert_logged("usocketd.conf");
}
END_TEST

/* ---- drop-ins ---- */

START_TEST(drop_ins_override_in_order_of_name)
{
	char name[160];

	snprintf(name, sizeof(name), "%s.d", path);
	ck_assert_int_eq(mkdir(name, 0700), 0);
	write_file("usocketd.conf.d/20-b.conf", "[tcp]\nlinger = 22\n");
	write_file("usocketd.conf.d/10-a.conf", "[tcp]\nlinger = 11\nconnect_timeout = 11\n");
	write_file("usocketd.conf.d/30-c.conf~", "[tcp]\nlinger = 33\n");
	write_file("usocketd.conf.d/.hidden.conf", "[tcp]\nlinger = 44\n");
	ck_assert_int_eq(load_text("[tcp]\nlinger = 5\nconnect_timeout = 5\n"
				   "embryonic_max = 5\n"),
		0);
	ck_assert_uint_eq(config.linger_s, 22);
	ck_assert_uint_eq(config.connect_timeout_s, 11);
	ck_assert_uint_eq(config.embryonic_max, 5);
}
END_TEST

START_TEST(drop_in_alone_is_read)
{
	char name[160];

	snprintf(name, sizeof(name), "%s.d", path);
	ck_assert_int_eq(mkdir(name, 0700), 0);
	write_file("usocketd.conf.d/a.conf", "[tcp]\nlinger = 9\n");
	ck_assert_int_eq(config_load(&config, path, false), 0);
	ck_assert_uint_eq(config.linger_s, 9);
}
END_TEST

START_TEST(drop_in_with_mistake_names_its_file)
{
	char name[160];

	snprintf(name, sizeof(name), "%s.d", path);
	ck_assert_int_eq(mkdir(name, 0700), 0);
	write_file("usocketd.conf.d/a.conf", "[tcp]\nlinger = x\n");
	ck_assert_int_eq(load_text("[tcp]\nlinger = y\n"), -EINVAL);
	assert_logged("usocketd.conf:2: linger = y");
	assert_logged("usocketd.conf.d/a.conf:2: linger = x");
}
END_TEST

START_TEST(drop_in_adds_to_a_link)
{
	char name[160];

	snprintf(name, sizeof(name), "%s.d", path);
	ck_assert_int_eq(mkdir(name, 0700), 0);
	write_file("usocketd.conf.d/a.conf",
		"[link wan]\nmtu = 1400\n[link two]\ndriver = slirp\n");
	ck_assert_int_eq(load_text("[link wan]\ndriver = slirp\n"), 0);
	ck_assert_uint_eq(config.n_links, 2);
	ck_assert_str_eq(link_name(config.links[0]), "wan");
	ck_assert_str_eq(link_name(config.links[1]), "two");
}
END_TEST

/* ---- links ---- */

START_TEST(links_beyond_the_most_are_an_error)
{
	char text[1024] = "";

	for (int i = 0; i <= CONFIG_LINKS_MAX; i++)
		sprintf(text + strlen(text), "[link l%d]\ndriver = slirp\n", i);
	ck_assert_int_eq(load_text(text), -EINVAL);
	assert_logged(":17: more than 8 links");
}
END_TEST

START_TEST(link_with_unknown_key_warns)
{
	ck_assert_int_eq(load_text("[link a]\ndriver = slirp\nwings = 2\n"), 0);
	assert_logged(":3: unknown key 'wings'");
}
END_TEST

START_TEST(default_link_is_added_only_if_there_is_none)
{
	ck_assert_int_eq(config_add_default_link(&config), 0);
	ck_assert_uint_eq(config.n_links, 1);
	ck_assert_str_eq(link_name(config.links[0]), CONFIG_DEFAULT_LINK);
	ck_assert_int_eq(config_add_default_link(&config), 0);
	ck_assert_uint_eq(config.n_links, 1);
}
END_TEST

/* ---- reload ---- */

START_TEST(reload_takes_over_what_may_change)
{
	struct config running;

	ck_assert_int_eq(config_init(&running), 0);
	ck_assert_int_eq(load_text("[daemon]\nsocket = /tmp/other\nsockets_max = 99\n"
				   "log_level = debug\n[limits]\nsockets_per_user = 3\n"
				   "[tcp]\nlinger = 9\n[resolver]\nservers = 1.1.1.1\n"),
		0);
	config_reload(&running, &config);
	ck_assert_int_eq(running.log_level, LOG_LEVEL_DEBUG);
	ck_assert_uint_eq(running.limits.user[RESOURCE_SOCKET], 3);
	ck_assert_uint_eq(running.linger_s, 9);
	ck_assert_uint_eq(running.n_servers, 1);
	ck_assert_str_ne(running.socket, "/tmp/other");
	ck_assert_uint_eq(running.sockets_max, 4096);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("config");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, init_gives_documented_defaults);
	tcase_add_test(tc, init_of_root_uses_system_path);
	tcase_add_test(tc, init_of_ordinary_user_uses_runtime_folder);
	tcase_add_test(tc, init_with_runtime_folder_too_long_fails);
	tcase_add_test(tc, load_reads_every_key);
	tcase_add_test(tc, load_takes_comments_indentation_and_carriage_returns);
	tcase_add_test(tc, load_without_final_newline_reads_last_line);
	tcase_add_test(tc, load_of_empty_file_changes_nothing);
	tcase_add_test(tc, load_of_missing_file_fails_only_if_required);
	tcase_add_test(tc, load_with_unknown_key_warns_with_line);
	tcase_add_test(tc, load_with_unknown_section_warns_once_with_line);
	tcase_add_loop_test(tc, load_with_mistake_fails_and_says_where_and_what, 0,
		(int)(sizeof(wrong) / sizeof(wrong[0])));
	tcase_add_test(tc, load_shows_all_mistakes);
	tcase_add_test(tc, load_with_long_line_says_so_and_keeps_counting);
	tcase_add_test(tc, load_with_nul_byte_is_an_error);
	tcase_add_test(tc, load_of_folder_fails);
	tcase_add_test(tc, drop_ins_override_in_order_of_name);
	tcase_add_test(tc, drop_in_alone_is_read);
	tcase_add_test(tc, drop_in_with_mistake_names_its_file);
	tcase_add_test(tc, drop_in_adds_to_a_link);
	tcase_add_test(tc, links_beyond_the_most_are_an_error);
	tcase_add_test(tc, link_with_unknown_key_warns);
	tcase_add_test(tc, default_link_is_added_only_if_there_is_none);
	tcase_add_test(tc, reload_takes_over_what_may_change);
	return run_suite("config", tc);
}
