/* SPDX-License-Identifier: MIT */
#include "tests/unit/fake_dns.h"

#include <check.h>
#include <lwip/pbuf.h>
#include <lwip/tcp.h>
#include <lwip/udp.h>
#include <string.h>

#define HEADER	   12
#define TYPE_A	   1
#define TYPE_CNAME 5
#define TYPE_AAAA  28
#define ANSWER_MAX 2048

enum rcode {
	RCODE_OK = 0,
	RCODE_SERVFAIL = 2,
	RCODE_NXDOMAIN = 3,
	RCODE_REFUSED = 5,
};

/* An answer being built; starts as a copy of the question. */
struct answer {
	uint8_t bytes[ANSWER_MAX];
	size_t len;
	uint16_t type;
	char label[64];
};

static void put16(struct answer *a, unsigned int value)
{
	a->bytes[a->len++] = (uint8_t)(value >> 8);
	a->bytes[a->len++] = (uint8_t)value;
}

/* Name by pointer to offset @name; the caller appends the data. */
static void add_record(struct answer *a, unsigned int name, unsigned int type, unsigned int ttl,
	unsigned int len)
{
	put16(a, 0xc000 | name);
	put16(a, type);
	put16(a, 1);
	put16(a, ttl >> 16);
	put16(a, ttl);
	put16(a, len);
	a->bytes[7]++;
}

static void add_bytes(struct answer *a, const void *data, size_t len)
{
	memcpy(a->bytes + a->len, data, len);
	a->len += len;
}

static void add_a(struct answer *a, unsigned int name, unsigned int ttl, uint8_t last)
{
	const uint8_t ip[] = { 192, 0, 2, last };

	add_record(a, name, TYPE_A, ttl, 4);
	add_bytes(a, ip, 4);
}

static void add_loopback(struct answer *a)
{
	static const uint8_t ip[] = { 127, 0, 0, 1 };

	add_record(a, HEADER, TYPE_A, 60, 4);
	add_bytes(a, ip, 4);
}

static void add_aaaa(struct answer *a, unsigned int name, unsigned int ttl)
{
	static const uint8_t ip[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 };

	add_record(a, name, TYPE_AAAA, ttl, 16);
	add_bytes(a, ip, 16);
}

/* Returns the offset of the alias' target in the answer. */
static unsigned int add_cname(struct answer *a, unsigned int name, const char *wire, size_t len)
{
	unsigned int target;

	add_record(a, name, TYPE_CNAME, 45, (unsigned int)len);
	target = (unsigned int)a->len;
	add_bytes(a, wire, len);
	return target;
}

static void add_both(struct answer *a, unsigned int name)
{
	if (a->type == TYPE_AAAA) {
		add_aaaa(a, name, 60);
		return;
	}
	add_a(a, name, 60, 1);
	add_a(a, name, 60, 2);
}

static void add_alias(struct answer *a)
{
	static const char middle[] = "\x06middle\x07"
				     "Example";
	static const char both[] = "\x04"
				   "both\x07"
				   "example";
	unsigned int name = add_cname(a, HEADER, middle, sizeof(middle));

	add_both(a, add_cname(a, name, both, sizeof(both)));
}

static bool parse_question(struct answer *a, const uint8_t *question, size_t len)
{
	size_t in = HEADER;

	if (len < HEADER + 5 || len > 300)
		return false;
	memcpy(a->label, question + HEADER + 1, question[HEADER] & 63);
	a->label[question[HEADER] & 63] = '\0';
	while (in < len && question[in] != 0)
		in += question[in] + 1u;
	in++;
	if (in + 4 > len)
		return false;
	a->type = (uint16_t)(question[in] << 8 | question[in + 1]);
	a->len = in + 4;
	memcpy(a->bytes, question, a->len);
	a->bytes[2] = 0x81;
	a->bytes[3] = 0x80;
	memset(a->bytes + 6, 0, 6);
	return true;
}

static bool is(const struct answer *a, const char *label)
{
	return strcmp(a->label, label) == 0;
}

static void fill_large(struct answer *a, bool tcp)
{
	if (a->type != TYPE_A)
		return;
	if (!tcp) {
		a->bytes[2] |= 0x02; /* TC */
		return;
	}
	for (uint8_t i = 1; i <= 20; i++)
		add_a(a, HEADER, 60, i);
}

static void fill_records(struct answer *a, bool tcp)
{
	const bool wants_a = a->type == TYPE_A;

	if (is(a, "both"))
		add_both(a, HEADER);
	else if (is(a, "alias"))
		add_alias(a);
	else if (is(a, "large"))
		fill_large(a, tcp);
	else if (is(a, "six") && !wants_a)
		add_aaaa(a, HEADER, 60);
	else if ((is(a, "four") || is(a, "spoof") || is(a, "garbage") || is(a, "half")) && wants_a)
		add_both(a, HEADER);
	else if (is(a, "loop") && wants_a)
		add_loopback(a);
	else if (is(a, "brief") && wants_a)
		add_a(a, HEADER, 1, 1);
	else if (is(a, "zero") && wants_a)
		add_a(a, HEADER, 0, 1);
}

static enum rcode rcode_of(const struct fake_dns *dns, const struct answer *a)
{
	if (dns->refuse_all || is(a, "refused"))
		return RCODE_REFUSED;
	if (is(a, "fail"))
		return RCODE_SERVFAIL;
	if (is(a, "nx"))
		return RCODE_NXDOMAIN;
	return RCODE_OK;
}

/* Returns false if there is to be no answer. */
static bool make_answer(struct fake_dns *dns, const uint8_t *question, size_t len, bool tcp,
	struct answer *a)
{
	memset(a, 0, sizeof(*a));
	if (!parse_question(a, question, len))
		return false;
	dns->n_a += a->type == TYPE_A;
	dns->n_aaaa += a->type == TYPE_AAAA;
	dns->n_tcp += tcp;
	if (dns->mute || is(a, "silent") || (is(a, "half") && a->type == TYPE_AAAA))
		return false;
	a->bytes[3] |= (uint8_t)rcode_of(dns, a);
	if ((a->bytes[3] & 15) == RCODE_OK)
		fill_records(a, tcp);
	return true;
}

static void send_from(struct udp_pcb *pcb, const void *data, size_t len, const ip_addr_t *to,
	u16_t port)
{
	struct pbuf *p = pbuf_alloc(PBUF_TRANSPORT, (u16_t)len, PBUF_RAM);

	pbuf_take(p, data, (u16_t)len);
	udp_sendto(pcb, p, to, port);
	pbuf_free(p);
}

static void send_lie(struct fake_dns *dns, const struct answer *a, const ip_addr_t *to, u16_t port)
{
	static const uint8_t ip[] = { 6, 6, 6, 6 };
	struct answer lie = *a;

	if (lie.type != TYPE_A)
		return;
	memcpy(lie.bytes + lie.len - 4, ip, 4);
	send_from(dns->stranger, lie.bytes, lie.len, to, port);
}

static void on_question(void *arg, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *from,
	u16_t port)
{
	struct fake_dns *dns = arg;
	uint8_t question[512];
	struct answer a;
	size_t len = pbuf_copy_partial(p, question, sizeof(question), 0);

	pbuf_free(p);
	dns->latest_source_port = port;
	if (!make_answer(dns, question, len, false, &a))
		return;
	if (is(&a, "spoof"))
		send_lie(dns, &a, from, port);
	if (is(&a, "garbage")) {
		send_from(pcb, "", 0, from, port);
		send_from(pcb, "?", 1, from, port);
		send_from(pcb, question, len, from, port);
	}
	send_from(pcb, a.bytes, a.len, from, port);
}

static err_t on_tcp_question(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t error)
{
	struct fake_dns *dns = arg;
	uint8_t question[512];
	uint8_t prefix[2];
	struct answer a;
	size_t len;

	(void)error;
	if (!p) {
		tcp_recv(pcb, NULL);
		tcp_close(pcb);
		return ERR_OK;
	}
	len = pbuf_copy_partial(p, question, sizeof(question), 0);
	tcp_recved(pcb, p->tot_len);
	pbuf_free(p);
	if (len < 2 || !make_answer(dns, question + 2, len - 2, true, &a))
		return ERR_OK;
	prefix[0] = (uint8_t)(a.len >> 8);
	prefix[1] = (uint8_t)a.len;
	/* In pieces, as a network may deliver it. */
	tcp_write(pcb, prefix, 1, TCP_WRITE_FLAG_COPY);
	tcp_output(pcb);
	tcp_write(pcb, prefix + 1, 1, TCP_WRITE_FLAG_COPY);
	tcp_write(pcb, a.bytes, 7, TCP_WRITE_FLAG_COPY);
	tcp_output(pcb);
	tcp_write(pcb, a.bytes + 7, (u16_t)(a.len - 7), TCP_WRITE_FLAG_COPY);
	tcp_output(pcb);
	return ERR_OK;
}

static err_t on_accept(void *arg, struct tcp_pcb *pcb, err_t error)
{
	(void)error;
	tcp_arg(pcb, arg);
	tcp_recv(pcb, on_tcp_question);
	return ERR_OK;
}

void fake_dns_start(struct fake_dns *dns, uint16_t port, bool v6)
{
	const uint8_t type = v6 ? IPADDR_TYPE_V6 : IPADDR_TYPE_V4;
	ip_addr_t loopback;
	struct tcp_pcb *pcb;

	ck_assert(ipaddr_aton(v6 ? "::1" : "127.0.0.1", &loopback));
	memset(dns, 0, sizeof(*dns));
	dns->port = port;
	dns->udp = udp_new_ip_type(type);
	ck_assert_int_eq(udp_bind(dns->udp, &loopback, port), ERR_OK);
	udp_recv(dns->udp, on_question, dns);
	dns->stranger = udp_new_ip_type(type);
	ck_assert_int_eq(udp_bind(dns->stranger, &loopback, (u16_t)(port + 1000)), ERR_OK);
	pcb = tcp_new_ip_type(type);
	ck_assert_int_eq(tcp_bind(pcb, &loopback, port), ERR_OK);
	dns->listener = tcp_listen(pcb);
	tcp_arg(dns->listener, dns);
	tcp_accept(dns->listener, on_accept);
}

void fake_dns_stop(struct fake_dns *dns)
{
	udp_remove(dns->udp);
	udp_remove(dns->stranger);
	tcp_close(dns->listener);
}
