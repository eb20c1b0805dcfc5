/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * lwIP knows no path MTU for TCP: it sends IPv4 without DF, so that routers
 * may cut it up, and would cut up IPv6 itself by what any packet claims. Both
 * leave connections to the mercy of whoever drops fragments. Here a connection's
 * MSS is lowered instead, and what it has queued is cut anew and sent again.
 * DF stays off: lines that lose the ICMP error are more common than those that
 * lose fragments.
 *
 * Three things lower it. A router's report counts if it quotes a segment that
 * is in flight (RFC 5927 7.2). A segment that has been sent again several times
 * without an answer suggests a router that does not report (RFC 4821): smaller
 * ones are tried, in steps. And a link's own MTU may change.
 *
 * What is learnt is kept per host for a while, so that not every connection has
 * to stall first, and never raised: a connection that lives on keeps its MSS.
 * For IPv6 datagrams lwIP's table of destinations is told, by which it cuts
 * them up; lwIP itself heeds reports only for destinations that are there
 * already, which on a raw IP link none is.
 *
 * No MTU below the bounds is believed, as small segments are an attack of their
 * own; IPv6 has none (the ingress stage drops such reports), and IPv4 can be cut
 * up below.
 */
#include "netif/pmtu.h"

#include "netif/route.h"
#include "netif/stack.h"
#include "netif/tcp_lso.h"
#include "netif/tcp_segment.h"

#include "lwip/priv/nd6_priv.h"

#include <string.h>

#define MTU_MIN4     552 /* as Linux' min_pmtu */
#define MTU_MIN6     1280
#define PATHS_MAX    64
#define PATH_LIFE_NS (UINT64_C(600) * 1000000000) /* RFC 1191 6.3 */

/* RFC 1191 7.1: the MTUs that exist. */
static const uint16_t plateaus[] = { 32000, 17914, 8166, 4352, 2002, 1492, 1006 };

/*
 * What is tried when a segment has timed out so many times in a row. It may as
 * well have been the network that stood still: what is kept for the host must
 * cost little.
 */
static const struct {
	uint8_t timeouts;
	uint16_t mtu;
	bool is_kept;
} trials[] = {
	{ 2, 1280, true },
	{ 5, 576, false },
};

/* A host behind a narrow path. */
static struct path {
	ip_addr_t remote;
	uint16_t mtu; /* 0: free */
	uint64_t until_ns;
} paths[PATHS_MAX];

/* ---- what is known of paths --------------------------------------------------------- */

static struct path *find_path(const ip_addr_t *remote)
{
	uint64_t now = stack_now_ns();
	size_t i;

	for (i = 0; i < PATHS_MAX; i++) {
		struct path *path = &paths[i];

		if (path->mtu && now >= path->until_ns)
			path->mtu = 0;
		if (path->mtu && ip_addr_eq(&path->remote, remote))
			return path;
	}
	return NULL;
}

/* A free one, or the one that would end first. */
static struct path *take_path(void)
{
	struct path *path = paths;
	size_t i;

	for (i = 0; i < PATHS_MAX && path->mtu; i++) {
		if (!paths[i].mtu || paths[i].until_ns < path->until_ns)
			path = &paths[i];
	}
	return path;
}

static void keep_path(const ip_addr_t *remote, uint16_t mtu)
{
	struct path *path = find_path(remote);

	if (!path)
		path = take_path();
	path->remote = *remote;
	path->mtu = mtu;
	path->until_ns = stack_now_ns() + PATH_LIFE_NS;
}

/* ---- connections --------------------------------------------------------------------- */

/* Returns false if the connection's segments fit already. */
static bool fit(struct tcp_pcb *pcb, uint16_t mtu)
{
	uint16_t mss = (uint16_t)(mtu - tcp_segment_headers(pcb)), old = pcb->mss;

	if (mss >= old)
		return false;
	pcb->mss = mss;
	/* lwIP insists that no segment is longer than the MSS. */
	if (!tcp_lso_cut(pcb))
		pcb->mss = old;
	if (pcb->unacked)
		tcp_rexmit_rto_prepare(pcb);
	tcp_output(pcb);
	return true;
}

static bool is_live(const struct tcp_pcb *pcb)
{
	return pcb->state >= ESTABLISHED && pcb->state != TIME_WAIT;
}

/* The connection that has the quoted segment in flight, or NULL. */
static struct tcp_pcb *find_pcb(const struct pmtu_report *report)
{
	struct tcp_pcb *pcb;

	for (pcb = tcp_active_pcbs; pcb; pcb = pcb->next) {
		if (pcb->local_port == report->local_port &&
			pcb->remote_port == report->remote_port &&
			ip_addr_eq(&pcb->remote_ip, &report->remote) &&
			ip_addr_eq(&pcb->local_ip, &report->local))
			break;
	}
	if (!pcb || !is_live(pcb) ||
		!TCP_SEQ_BETWEEN(report->sequence, pcb->lastack, pcb->snd_nxt - 1))
		return NULL;
	return pcb;
}

/* ---- reports -------------------------------------------------------------------------- */

static uint16_t plateau_below(uint16_t length)
{
	size_t i;

	for (i = 0; i < sizeof(plateaus) / sizeof(plateaus[0]); i++) {
		if (plateaus[i] < length)
			return plateaus[i];
	}
	return MTU_MIN4;
}

/* The MTU to go by; 0: none that could be true. */
static uint16_t believable(const struct pmtu_report *report)
{
	uint32_t mtu = report->mtu;

	if (IP_IS_V6(&report->remote))
		return mtu >= MTU_MIN6 && mtu <= UINT16_MAX ? (uint16_t)mtu : 0;
	if (mtu == 0)
		return plateau_below(report->length);
	if (mtu > UINT16_MAX)
		return 0;
	return mtu < MTU_MIN4 ? MTU_MIN4 : (uint16_t)mtu;
}

bool pmtu_heed_tcp(const struct pmtu_report *report)
{
	struct tcp_pcb *pcb = find_pcb(report);
	uint16_t mtu = believable(report);

	if (!pcb || mtu == 0 || !fit(pcb, mtu))
		return false;
	keep_path(&report->remote, mtu);
	return true;
}

/* lwIP's own entry of that destination, or one that makes way. */
static struct nd6_destination_cache_entry *take_destination(const ip6_addr_t *ip)
{
	struct nd6_destination_cache_entry *entry, *oldest = destination_cache;
	size_t i;

	for (i = 0; i < LWIP_ND6_NUM_DESTINATIONS; i++) {
		entry = &destination_cache[i];
		if (ip6_addr_eq(&entry->destination_addr, ip))
			return entry;
		if (ip6_addr_isany(&entry->destination_addr))
			oldest = entry;
		else if (!ip6_addr_isany(&oldest->destination_addr) && entry->age > oldest->age)
			oldest = entry;
	}
	memset(oldest, 0, sizeof(*oldest));
	ip6_addr_copy(oldest->destination_addr, *ip);
	/* Only what is on the link is looked up here to be sent: see ipif.c. */
	ip6_addr_copy(oldest->next_hop_addr, *ip);
	return oldest;
}

bool pmtu_heed_datagram(const struct pmtu_report *report)
{
	uint16_t mtu = believable(report);

	if (!IP_IS_V6(&report->remote) || mtu == 0 || mtu >= report->length)
		return false;
	take_destination(ip_2_ip6(&report->remote))->pmtu = mtu;
	keep_path(&report->remote, mtu);
	return true;
}

/* ---- what connections tell -------------------------------------------------------------- */

void pmtu_start(struct tcp_pcb *pcb)
{
	const struct path *path = find_path(&pcb->remote_ip);

	if (path)
		fit(pcb, path->mtu);
}

void pmtu_suspect(struct tcp_pcb *pcb)
{
	const struct netif *netif = ip_route(&pcb->local_ip, &pcb->remote_ip);
	uint16_t min = IP_IS_V6(&pcb->remote_ip) ? MTU_MIN6 : MTU_MIN4;
	const struct tcp_seg *seg = pcb->unacked ? pcb->unacked : pcb->unsent;
	size_t i;

	/* Without a link nothing says anything about segments. */
	if (!is_live(pcb) || !seg || !netif || !route_usable(netif))
		return;
	for (i = 0; i < sizeof(trials) / sizeof(trials[0]); i++) {
		if (pcb->nrtx < trials[i].timeouts || trials[i].mtu < min ||
			seg->len + tcp_segment_headers(pcb) <= trials[i].mtu)
			continue;
		if (fit(pcb, trials[i].mtu) && trials[i].is_kept)
			keep_path(&pcb->remote_ip, trials[i].mtu);
		return;
	}
}

static const struct netif *netif_of(const struct tcp_pcb *pcb)
{
	return IP_IS_V6(&pcb->local_ip) ? route_owner6(ip_2_ip6(&pcb->local_ip))
					: route_owner4(ip_2_ip4(&pcb->local_ip));
}

void pmtu_netif_changed(const struct netif *netif)
{
	struct tcp_pcb *pcb;

	for (pcb = tcp_active_pcbs; pcb; pcb = pcb->next) {
		if (!is_live(pcb) || netif_of(pcb) != netif)
			continue;
		/* A wider device would cut long segments to more than the peer takes. */
		if (!fit(pcb, netif->mtu))
			tcp_lso_cut(pcb);
	}
}

void pmtu_fini(void)
{
	memset(paths, 0, sizeof(paths));
}
