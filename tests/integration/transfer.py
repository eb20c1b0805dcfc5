#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Bytes and datagrams between usockets and the kernel's sockets, over a TUN."""

import errno
import json
import os
import socket
import subprocess
import sys

import harness
import loads
import runner
import usock
from harness import both_families
from loads import memory_of
from runner import deadline

MB = 1000 * 1000
BULK = 100 * MB
PART = 25 * MB
# What one connection may make the daemon hold: windows and buffers both ways
# (lwipopts.h: 2000 and 512 KiB), lwIP's headers around them, the allocator's slack.
MEMORY_A_STREAM_KIB = 8 * 1024

# In a crowd packets are lost (a TUN's queue holds 500), FINs too: both ends
# send them again, with time-outs that have grown with the crowd.
TCP_S = 30

# A datagram of every size there and back: a minute on two cores, more where
# other tests run beside.
SIZES_S = 240


class Pairs(loads.LoadCase):
    """One connection between a run of load and its peer on the other stack."""

    def pair(self, client_words, server_words, kernel_client=False):
        """Starts both; returns client and server."""
        mine, theirs = self.load, self.kernel_load
        if kernel_client:
            mine, theirs = theirs, mine
        host = self.stack if kernel_client else self.kernel
        server = theirs("stream", listen=1, host=host, deadline_s=100, **server_words)
        client = mine("stream", host=host, port=server.port(), deadline_s=100, **client_words)
        return client, server

    def transfer(self, out, back, kernel_client=False, **words):
        """@out bytes from the client to the server, @back bytes the other way."""
        client, server = self.pair({"send": out, "receive": back, **words},
                                   {"send": back, "receive": out, **words}, kernel_client)
        self.assertEqual(client.wait(), [f"sent {out} received {back}"])
        self.assertEqual(server.wait(), [f"sent {back} received {out}"])


@deadline(120)
@both_families
class Bulk(Pairs):
    """100 MB each way at once, and less one way alone; every byte checked."""

    def test_client_sends(self):
        self.transfer(PART, 0)

    def test_client_receives(self):
        self.transfer(0, PART)

    def test_client_sends_and_receives_at_once(self):
        self.transfer(BULK, BULK, mode="poll")

    def test_client_with_two_threads(self):
        self.transfer(PART, PART, mode="threads")

    def test_server_receives(self):
        self.transfer(PART, 0, kernel_client=True)

    def test_server_sends(self):
        self.transfer(0, PART, kernel_client=True)

    def test_server_sends_and_receives_at_once(self):
        self.transfer(BULK, BULK, kernel_client=True, mode="poll")


@deadline(120)
@both_families
class Offload(Pairs):
    """What the kernel joins and cuts, and how it is counted all the same."""

    link_keys = {"offload": "yes"}

    @staticmethod
    def is_segmenting():
        """Whether the kernel leaves it to the device to cut TCP segments."""
        return harness.ethtool(harness.Tun.DEVICE, harness.ETHTOOL_GTSO) != 0

    def moved(self, *names):
        link = usock.links()[0]
        return [getattr(link, name) for name in names]

    def count(self, packets_name, bytes_name, out, back):
        """The link's packets of one transfer of PART, and what is true of them."""
        packets, n_bytes = self.moved(packets_name, bytes_name)
        self.transfer(out, back)
        # They are published once a second.
        harness.eventually(lambda: self.moved(bytes_name)[0] - n_bytes >= PART,
                           what="the link has counted all bytes")
        packets = self.moved(packets_name)[0] - packets
        n_bytes = self.moved(bytes_name)[0] - n_bytes
        self.assertGreater(packets, PART / 1500)
        self.assertLessEqual(n_bytes, packets * 1500)
        self.assertEqual(sum(self.moved("drops")[0]), 0)
        return packets

    def check_joined(self, packets, messages):
        self.assertGreater(packets, 4 * messages)

    def test_sent_segments(self):
        before = harness.packets_of(harness.Tun.DEVICE)[0]
        packets = self.count("packets_sent", "bytes_sent", PART, 0)
        self.check_joined(packets, harness.packets_of(harness.Tun.DEVICE)[0] - before)

    def test_received_segments(self):
        before = harness.packets_of(harness.Tun.DEVICE)[1]
        packets = self.count("packets_received", "bytes_received", 0, PART)
        self.check_joined(packets, harness.packets_of(harness.Tun.DEVICE)[1] - before)

    def test_queue_holds_as_much_in_single_packets(self):
        is_joined = self.link_keys["offload"] == "yes"
        self.assertEqual(harness.tx_queue_length(harness.Tun.DEVICE), 500 if is_joined else 4096)

    def test_device_that_stays_is_left_without(self):
        self.assertEqual(self.is_segmenting(), self.link_keys["offload"] == "yes")
        self.daemon.stop()
        self.assertFalse(self.is_segmenting())
        self.start_daemon()


class Plain(Offload):
    """The same without."""

    link_keys = {"offload": "no"}

    def check_joined(self, packets, messages):
        # But for what was not published yet before.
        self.assertLess(packets, messages * 1.01)


class PlainV6(Plain):
    family = 6


@deadline(60)
@both_families
class Streams(Pairs):
    """The same bytes, made difficult."""

    def test_client_half_closes_then_receives(self):
        client, server = self.pair({"send": MB, "receive": MB},
                                   {"send": MB, "receive": MB, "after": 1})
        self.assertEqual(client.wait(), [f"sent {MB} received {MB}"])
        server.wait()

    def test_server_half_closes_then_receives(self):
        client, server = self.pair({"send": MB, "receive": MB, "after": 1},
                                   {"send": MB, "receive": MB})
        self.assertEqual(client.wait(), [f"sent {MB} received {MB}"])
        server.wait()

    def test_kernel_half_closes_then_receives(self):
        client, server = self.pair({"send": MB, "receive": MB},
                                   {"send": MB, "receive": MB, "after": 1},
                                   kernel_client=True)
        client.wait()
        self.assertEqual(server.wait(), [f"sent {MB} received {MB}"])

    def test_tiny_writes(self):
        self.transfer(50000, 50000, chunk=1, mode="poll")

    def test_tiny_reads(self):
        self.transfer(50000, 50000, read=1, mode="poll")

    def test_odd_sizes(self):
        self.transfer(5 * MB + 7, 3 * MB + 1, chunk=10007, read=4999, mode="poll")

    def test_one_byte(self):
        self.transfer(1, 1)

    def test_nothing(self):
        self.transfer(0, 0)

    def test_huge_writes(self):
        self.transfer(20 * MB, 20 * MB, chunk=10 * MB, read=10 * MB, mode="threads")

    def stalled(self, received):
        """Waits until the byte count of the one stream no longer moves."""
        seen = []

        def same():
            counts = [s.bytes_received if received else s.bytes_sent
                      for s in usock.sockets() if s.state == 4]
            seen.append(counts)
            # Moved, and then for half a second not.
            return len(seen) > 100 and any(counts) and len(set(map(tuple, seen[-100:]))) == 1
        self.eventually(same, 20)

    def test_client_that_does_not_read_costs_no_memory(self):
        before = memory_of(self.daemon.pid)
        client, server = self.pair({"receive": PART, "hold": 1}, {"send": PART})
        client.line("connected")
        self.stalled(received=True)
        grown = memory_of(self.daemon.pid) - before
        self.assertLess(grown, MEMORY_A_STREAM_KIB * harness.time_scale())
        self.assertIsNone(server.process.poll())
        client.go()
        self.assertEqual(client.wait(), [f"sent 0 received {PART}"])
        server.wait()

    def test_peer_that_does_not_read_costs_no_memory(self):
        before = memory_of(self.daemon.pid)
        client, server = self.pair({"send": PART}, {"receive": PART, "hold": 1})
        server.line("connected")
        self.stalled(received=False)
        grown = memory_of(self.daemon.pid) - before
        self.assertLess(grown, MEMORY_A_STREAM_KIB * harness.time_scale())
        self.assertIsNone(client.process.poll())
        server.go()
        client.wait()
        self.assertEqual(server.wait(), [f"sent 0 received {PART}"])

    def endless(self):
        """A transfer that lasts until it is killed."""
        client, _ = self.pair({"send": 1 << 40}, {"receive": 1 << 40, "after": 1})
        return client

    def test_table_names_the_program_and_counts(self):
        client = self.endless()

        def mine():
            return [s for s in usock.sockets() if s.pid == client.pid and s.bytes_acked > 0]
        first = self.eventually(mine)[0]
        self.assertEqual((first.program.decode(), first.state, first.uid),
                         ("load", 4, os.geteuid()))
        self.eventually(lambda: mine()[0].bytes_acked > first.bytes_acked)
        self.eventually(lambda: mine()[0].bytes_sent > first.bytes_sent)

    def ctl_sockets(self):
        done = subprocess.run([harness.program("usocketctl"), "sockets", "--json"],
                              env=harness.child_env(USOCKETD_SOCKET=self.daemon.socket),
                              capture_output=True, text=True, check=True)
        return json.loads(done.stdout)["sockets"]

    def test_usocketctl_names_the_program_and_counts(self):
        if not os.path.exists(harness.program("usocketctl")):
            self.skipTest("built without usocketctl")
        client = self.endless()

        def mine():
            return [s for s in self.ctl_sockets() if s["pid"] == client.pid and
                    s["bytes_acked"] > 0]
        first = self.eventually(mine)[0]
        self.assertEqual((first["program"], first["state_number"], first["state"]),
                         ("load", 4, "ESTABLISHED"))
        self.assertEqual(first["remote"]["address"], self.kernel)
        self.eventually(lambda: mine()[0]["bytes_sent"] > first["bytes_sent"])


@deadline(60)
@both_families
class Crowds(loads.LoadCase):
    """Many at once."""

    def test_1000_connections_of_one_process(self):
        before = self.statistics()
        client = self.load("many", host=self.kernel, port=self.kernel_echo(), count=1000)
        self.assertEqual(client.line("open"), "1000")
        mine = [s for s in usock.sockets() if s.pid == client.pid]
        self.assertEqual(len(mine), 1000)
        self.assertEqual({s.state for s in mine}, {4})
        client.go()
        client.line("done")
        client.wait()
        self.comes_back_to(before, TCP_S)

    def test_1000_connections_to_one_process(self):
        before = self.statistics()
        server = self.load("echo", host=self.stack)
        client = self.kernel_load("many", host=self.stack, port=server.port(), count=1000)
        self.assertEqual(client.line("open"), "1000")
        client.go()
        client.line("done")
        client.wait()
        server.end_input()
        server.wait()
        self.comes_back_to(before, TCP_S)

    def test_50_processes_at_once(self):
        before = self.statistics()
        port = self.kernel_echo()
        clients = [self.load("many", host=self.kernel, port=port, count=4) for _ in range(50)]
        for client in clients:
            client.line("open")
        self.assertEqual(usock.status().sessions, before["sessions"] + 50)
        pids = [s.pid for s in usock.sockets()]
        self.assertEqual([pids.count(c.pid) for c in clients], [4] * 50)
        for client in clients:
            client.go()
        for client in clients:
            client.line("done")
            client.wait()
        self.comes_back_to(before, TCP_S)

    def check_processes_at_once(self, kernel_clients):
        """50 processes, each a stream checked both ways by a process of its own."""
        before = self.statistics()
        mine, theirs, host = self.load, self.kernel_load, self.kernel
        if kernel_clients:
            mine, theirs, host = self.kernel_load, self.load, self.stack
        words = {"send": MB, "receive": MB, "mode": "poll"}
        server = theirs("stream", listen=1, clients=50, host=host, **words)
        port = server.port()
        clients = [mine("stream", host=host, port=port, **words) for _ in range(50)]
        for client in clients:
            self.assertEqual(client.wait(), [f"sent {MB} received {MB}"])
        self.assertEqual(server.wait(), [f"sent {MB} received {MB}"] * 50)
        self.comes_back_to(before, TCP_S)

    def test_50_processes_transfer_at_once(self):
        self.check_processes_at_once(kernel_clients=False)

    def test_50_forked_servers_transfer_at_once(self):
        self.check_processes_at_once(kernel_clients=True)


@deadline(SIZES_S + 30)
@both_families
class Datagrams(loads.LoadCase):
    """UDP of every size, multicast, ICMP."""

    GROUP = {4: "239.7.7.7", 6: "ff15::77"}
    LARGEST = {4: 65507, 6: 65487}

    def check_sizes(self, *ranges, kernel_client=False):
        """One datagram there and back of each size in @ranges: first, last, step."""
        mine, theirs, host = self.load, self.kernel_load, self.kernel
        if kernel_client:
            mine, theirs, host = self.kernel_load, self.load, self.stack
        port = theirs("reflect", host=host, deadline_s=SIZES_S).port()
        for first, last, step in ranges:
            client = mine("datagrams", host=host, port=port, step=step, deadline_s=SIZES_S,
                          **{"from": first, "to": last})
            self.assertEqual(client.wait(), [f"checked {(last - first) // step + 1}"])

    def telling_sizes(self):
        """
        The small, the largest, and those around each number of fragments; all
        of them if there is time (USOCKETD_TEST_FULL).
        """
        largest = self.LARGEST[self.family]
        fragment, header = (1480, 8) if self.family == 4 else (1448, 8)
        if os.environ.get("USOCKETD_TEST_FULL"):
            yield 0, largest, 1
            return
        yield 0, fragment + 50, 1
        for end in range(2 * fragment - header, largest - 20, fragment):
            yield end - 1, end + 1, 1
        yield 0, largest, 311
        yield largest - 20, largest, 1

    def test_sizes_to_the_kernel(self):
        self.check_sizes(*self.telling_sizes())

    def test_sizes_to_a_usocket(self):
        self.check_sizes(*self.telling_sizes(), kernel_client=True)

    def test_one_byte_too_long(self):
        with self.fails(errno.EMSGSIZE):
            self.udp().sendto(bytes(self.LARGEST[self.family] + 1), (self.kernel, 7))

    def group_words(self, kernel):
        words = {"host": self.GROUP[self.family], "port": 7007}
        if kernel:
            if self.family == 4:
                words["interface"] = harness.Tun.KERNEL[4]
            else:
                words["index"] = socket.if_nametoindex(harness.Tun.DEVICE)
        return words

    def test_receives_from_a_group(self):
        receiver = self.load("group", receive=1, **self.group_words(False))
        receiver.line("joined")
        # The membership report is a hint to routers: the kernel sends anyway.
        self.kernel_load("group", **self.group_words(True)).wait()
        receiver.line("received")
        receiver.wait()

    def test_sends_to_a_group(self):
        receiver = self.kernel_load("group", receive=1, **self.group_words(True))
        receiver.line("joined")
        self.load("group", **self.group_words(False)).wait()
        receiver.line("received")
        receiver.wait()

    def test_group_not_joined_is_not_heard(self):
        other = self.udp()
        other.bind((self.any, 7007))
        self.kernel_load("group", **self.group_words(True)).wait()
        # What came after it on the same link has come: so would it have.
        self.load("ping", host=self.kernel).wait()
        with self.fails(errno.EAGAIN):
            other.recv(100, socket.MSG_DONTWAIT)

    def test_ping(self):
        self.assertEqual(self.load("ping", host=self.kernel).wait(), ["answered"])

    def test_ping_of_another_user_is_refused(self):
        harness.need_other_users()
        protocol = socket.IPPROTO_ICMP if self.family == 4 else socket.IPPROTO_ICMPV6
        with self.fails(1):
            harness.in_child(usock.Sock, self.af, socket.SOCK_RAW, protocol,
                             uid=harness.NOBODY)

    def test_answers_ping(self):
        self.assertEqual(self.kernel_load("ping", host=self.stack).wait(), ["answered"])


if __name__ == "__main__":
    runner.main(sys.modules[__name__])
