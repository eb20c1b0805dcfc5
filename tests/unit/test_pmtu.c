/* SPDX-License-Identifier: MIT */
/*
 * A connection over loopback, whose segments are as long as segments get: the
 * path becomes narrower while they are on their way.
 */
#include "netif/pmtu.h"

#include "tests/unit/netif_test.h"

#include "lwip/nd6.h"
#include "lwip/priv/tcp_priv.h"

#define PORT 8080
#define SENT 60000

static struct tcp_pcb *listener, *accepted, *client;
static uint8_t data[SENT], received[SENT];
static size_t n_received;

static err_t on_receive(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t error)
{
	(void)arg;
	(void)error;
	if (!p)
		return ERR_OK;
	ck_assert_uint_le(n_received + p->tot_len, SENT);
	pbuf_copy_partial(p, received + n_received, p->tot_len, 0);
	n_received += p->tot_len;
	tcp_recved(pcb, p->tot_len);
	pbuf_free(p);
	return ERR_OK;
}

static err_t on_accept(void *arg, struct tcp_pcb *pcb, err_t error)
{
	(void)arg;
	ck_assert_int_eq(error, ERR_OK);
	accepted = pcb;
	tcp_recv(pcb, on_receive);
	return ERR_OK;
}

static bool is_connected(void *arg)
{
	(void)arg;
	return accepted && client->state == ESTABLISHED;
}

static bool has_all(void *arg)
{
	(void)arg;
	return n_received == SENT;
}

static void connect_to(const char *ip)
{
	struct tcp_pcb *pcb = tcp_new_ip_type(IPADDR_TYPE_ANY);
	ip_addr_t to;

	ck_assert(ipaddr_aton(ip, &to));
	n_received = 0;
	accepted = NULL;
	ck_assert_int_eq(tcp_bind(pcb, IP_ANY_TYPE, PORT), ERR_OK);
	listener = tcp_listen(pcb);
	tcp_accept(listener, on_accept);
	client = tcp_new_ip_type(IP_GET_TYPE(&to));
	ck_assert_int_eq(tcp_connect(client, &to, PORT, NULL), ERR_OK);
	ck_assert(run_until(is_connected, NULL, 5000));
}

static void send_all(void)
{
	ck_assert_int_eq(tcp_write(client, data, SENT, TCP_WRITE_FLAG_COPY), ERR_OK);
	tcp_output(client);
	ck_assert_ptr_nonnull(client->unacked);
}

static void setup(void)
{
	for (size_t i = 0; i < SENT; i++)
		data[i] = (uint8_t)(i * 7 + i / 251);
	stack_setup();
}

static void teardown(void)
{
	if (accepted)
		tcp_abort(accepted);
	tcp_abort(client);
	tcp_close(listener);
	run_for(5);
	stack_teardown();
}

/* Of the first segment in flight, with this MTU. */
static struct pmtu_report report_of(uint32_t mtu)
{
	return (struct pmtu_report){
		.local = client->local_ip,
		.remote = client->remote_ip,
		.local_port = client->local_port,
		.remote_port = client->remote_port,
		.sequence = client->lastack,
		.mtu = mtu,
		.length = 16384,
	};
}

static uint16_t longest(const struct tcp_seg *seg)
{
	uint16_t len = 0;

	for (; seg; seg = seg->next) {
		if (seg->len > len)
			len = seg->len;
	}
	return len;
}

static void assert_fits(uint16_t mss)
{
	ck_assert_uint_eq(client->mss, mss);
	ck_assert_uint_le(longest(client->unsent), mss);
	ck_assert_uint_le(longest(client->unacked), mss);
}

static void assert_arrives(void)
{
	ck_assert(run_until(has_all, NULL, 10000));
	ck_assert_mem_eq(received, data, SENT);
}

static const struct {
	const char *ip;
	uint32_t mtu;
	uint16_t mss; /* 0: not heeded */
} reports[] = {
	{ "127.0.0.1", 1500, 1460 },
	{ "127.0.0.1", 1280, 1240 },
	{ "127.0.0.1", 552, 512 },
	/* Never less. */
	{ "127.0.0.1", 551, 512 },
	{ "127.0.0.1", 68, 512 },
	{ "127.0.0.1", 1, 512 },
	/* The next plateau below 16384. */
	{ "127.0.0.1", 0, 8126 },
	{ "127.0.0.1", 65535, 0 },
	{ "::1", 1500, 1440 },
	{ "::1", 1280, 1220 },
	{ "::1", 1279, 0 },
	{ "::1", 0, 0 },
	{ "::1", 65536, 0 },
};

START_TEST(report_cuts_what_is_queued)
{
	struct pmtu_report report;

	connect_to(reports[_i].ip);
	send_all();
	report = report_of(reports[_i].mtu);
	ck_assert_int_eq(pmtu_heed_tcp(&report), reports[_i].mss != 0);
	assert_fits(reports[_i].mss ? reports[_i].mss : TCP_MSS);
	assert_arrives();
}
END_TEST

static void assert_only_last_has_fin(const struct tcp_seg *seg)
{
	for (; seg; seg = seg->next)
		ck_assert_int_eq((TCPH_FLAGS(seg->tcphdr) & TCP_FIN) != 0, seg->next == NULL);
}

START_TEST(end_of_stream_stays_behind_what_is_cut)
{
	struct pmtu_report report;

	connect_to("127.0.0.1");
	ck_assert_int_eq(tcp_write(client, data, SENT, TCP_WRITE_FLAG_COPY), ERR_OK);
	/* The last segment has it, and is in flight with the others. */
	ck_assert_int_eq(tcp_shutdown(client, 0, 1), ERR_OK);
	tcp_output(client);
	report = report_of(1280);
	ck_assert(pmtu_heed_tcp(&report));
	assert_fits(1240);
	ck_assert_ptr_nonnull(client->unsent);
	assert_only_last_has_fin(client->unsent);
	assert_arrives();
}
END_TEST

/* lwIP cuts what is to be sent by itself where the window is small. */
START_TEST(end_of_stream_stays_behind_what_a_small_window_cuts)
{
	connect_to("127.0.0.1");
	client->cwnd = 0;
	ck_assert_int_eq(tcp_write(client, data, 3000, TCP_WRITE_FLAG_COPY), ERR_OK);
	ck_assert_int_eq(tcp_shutdown(client, 0, 1), ERR_OK);
	ck_assert_ptr_nonnull(client->unsent);
	ck_assert_int_eq(tcp_split_unsent_seg(client, 1000), ERR_OK);
	client->cwnd = 1000;
	ck_assert_int_eq(tcp_output(client), ERR_OK);
	ck_assert_ptr_nonnull(client->unacked);
	ck_assert_uint_eq(TCPH_FLAGS(client->unacked->tcphdr) & TCP_FIN, 0);
	client->cwnd = 10000;
	ck_assert_int_eq(tcp_output(client), ERR_OK);
	run_for(50);
	ck_assert_uint_eq(n_received, 3000);
	ck_assert_mem_eq(received, data, 3000);
}
END_TEST

START_TEST(report_on_nothing_in_flight_is_not_heeded)
{
	struct pmtu_report report, good;

	connect_to("127.0.0.1");
	send_all();
	good = report_of(1280);
	report = good;
	report.sequence = client->lastack - 1;
	ck_assert(!pmtu_heed_tcp(&report));
	report.sequence = client->snd_nxt;
	ck_assert(!pmtu_heed_tcp(&report));
	report = good;
	report.local_port++;
	ck_assert(!pmtu_heed_tcp(&report));
	report = good;
	report.remote_port++;
	ck_assert(!pmtu_heed_tcp(&report));
	report = good;
	ip_2_ip4(&report.remote)->addr++;
	ck_assert(!pmtu_heed_tcp(&report));
	assert_fits(TCP_MSS);
	assert_arrives();
	/* All of it has been acknowledged by now. */
	run_for(50);
	ck_assert(!pmtu_heed_tcp(&good));
	ck_assert_uint_eq(client->mss, TCP_MSS);
}
END_TEST

START_TEST(report_never_makes_segments_longer)
{
	struct pmtu_report report;

	connect_to("127.0.0.1");
	send_all();
	report = report_of(1280);
	ck_assert(pmtu_heed_tcp(&report));
	report = report_of(1500);
	ck_assert(!pmtu_heed_tcp(&report));
	assert_fits(1240);
	assert_arrives();
}
END_TEST

START_TEST(connection_goes_on_writing_after_a_report)
{
	struct pmtu_report report;

	connect_to("127.0.0.1");
	/* The last segment has room for more, by the old MSS. */
	ck_assert_int_eq(tcp_write(client, data, 20000, TCP_WRITE_FLAG_COPY), ERR_OK);
	tcp_output(client);
	ck_assert_int_eq(tcp_write(client, data + 20000, 100, TCP_WRITE_FLAG_COPY), ERR_OK);
	report = report_of(600);
	ck_assert(pmtu_heed_tcp(&report));
	ck_assert_int_eq(tcp_write(client, data + 20100, SENT - 20100, TCP_WRITE_FLAG_COPY),
		ERR_OK);
	tcp_output(client);
	assert_fits(560);
	assert_arrives();
}
END_TEST

START_TEST(next_connection_to_the_host_starts_with_it)
{
	struct pmtu_report report;

	connect_to("127.0.0.1");
	send_all();
	report = report_of(1280);
	ck_assert(pmtu_heed_tcp(&report));
	assert_arrives();
	tcp_abort(client);
	run_for(5);
	tcp_close(listener);
	connect_to("127.0.0.1");
	ck_assert_uint_eq(client->mss, TCP_MSS);
	pmtu_start(client);
	ck_assert_uint_eq(client->mss, 1240);
	tcp_abort(client);
	run_for(5);
	tcp_close(listener);
	connect_to("::1");
	pmtu_start(client);
	ck_assert_uint_eq(client->mss, TCP_MSS);
}
END_TEST

/* By time-outs in a row: the MSS then. */
static const struct {
	const char *ip;
	uint8_t timeouts;
	uint16_t mss;
} silences[] = {
	{ "127.0.0.1", 0, TCP_MSS },
	{ "127.0.0.1", 1, TCP_MSS },
	{ "127.0.0.1", 2, 1240 },
	{ "127.0.0.1", 4, 1240 },
	{ "::1", 1, TCP_MSS },
	{ "::1", 2, 1220 },
	{ "::1", 9, 1220 },
};

START_TEST(silence_makes_segments_shorter)
{
	connect_to(silences[_i].ip);
	send_all();
	client->nrtx = silences[_i].timeouts;
	pmtu_suspect(client);
	/* What was just cut is not cut again. */
	pmtu_suspect(client);
	assert_fits(silences[_i].mss);
	client->nrtx = 0;
	assert_arrives();
}
END_TEST

START_TEST(silence_that_lasts_makes_them_shorter_still)
{
	connect_to("127.0.0.1");
	send_all();
	client->nrtx = 2;
	pmtu_suspect(client);
	assert_fits(1240);
	client->nrtx = 5;
	pmtu_suspect(client);
	assert_fits(536);
	client->nrtx = 0;
	assert_arrives();
}
END_TEST

START_TEST(silence_on_short_segments_says_nothing)
{
	connect_to("127.0.0.1");
	ck_assert_int_eq(tcp_write(client, data, 100, TCP_WRITE_FLAG_COPY), ERR_OK);
	tcp_output(client);
	client->nrtx = 9;
	pmtu_suspect(client);
	ck_assert_uint_eq(client->mss, TCP_MSS);
}
END_TEST

START_TEST(netif_with_another_mtu_cuts_its_connections)
{
	struct netif *netif;

	connect_to("127.0.0.1");
	netif = ip_route(&client->local_ip, &client->remote_ip);
	send_all();
	netif->mtu = 1400;
	pmtu_netif_changed(netif);
	assert_fits(1360);
	netif->mtu = 65535;
	pmtu_netif_changed(netif);
	assert_fits(1360);
	assert_arrives();
}
END_TEST

static const struct {
	const char *ip;
	uint16_t length;
	uint32_t mtu;
	bool is_heeded;
} datagrams[] = {
	{ "2001:db8::1", 1500, 1300, true },
	{ "2001:db8::1", 1500, 1279, false },
	/* It would have fitted. */
	{ "2001:db8::1", 1300, 1300, false },
	/* Routers cut those up. */
	{ "192.0.2.1", 1500, 1300, false },
};

START_TEST(datagram_is_cut_up_for_its_destination)
{
	struct pmtu_report report = {
		.mtu = datagrams[_i].mtu,
		.length = datagrams[_i].length,
	};
	bool heeded = datagrams[_i].is_heeded;

	connect_to("::1");
	ck_assert(ipaddr_aton(datagrams[_i].ip, &report.remote));
	ck_assert_int_eq(pmtu_heed_datagram(&report), heeded);
	if (IP_IS_V6(&report.remote))
		ck_assert_uint_eq(nd6_get_destination_mtu(ip_2_ip6(&report.remote), NULL),
			heeded ? datagrams[_i].mtu : 1280);
	nd6_clear_destination_cache();
}
END_TEST

#define ADD(tc, test, rows) tcase_add_loop_test(tc, test, 0, sizeof(rows) / sizeof((rows)[0]))

int main(void)
{
	Suite *suite = suite_create("pmtu");
	TCase *tcase = tcase_create("pmtu");

	tcase_add_checked_fixture(tcase, setup, teardown);
	ADD(tcase, report_cuts_what_is_queued, reports);
	tcase_add_test(tcase, report_on_nothing_in_flight_is_not_heeded);
	tcase_add_test(tcase, end_of_stream_stays_behind_what_is_cut);
	tcase_add_test(tcase, end_of_stream_stays_behind_what_a_small_window_cuts);
	tcase_add_test(tcase, report_never_makes_segments_longer);
	tcase_add_test(tcase, connection_goes_on_writing_after_a_report);
	tcase_add_test(tcase, next_connection_to_the_host_starts_with_it);
	ADD(tcase, silence_makes_segments_shorter, silences);
	tcase_add_test(tcase, silence_that_lasts_makes_them_shorter_still);
	tcase_add_test(tcase, silence_on_short_segments_says_nothing);
	tcase_add_test(tcase, netif_with_another_mtu_cuts_its_connections);
	ADD(tcase, datagram_is_cut_up_for_its_destination, datagrams);
	suite_add_tcase(suite, tcase);
	return run_all(suite);
}
