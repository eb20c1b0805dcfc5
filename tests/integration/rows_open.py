# SPDX-License-Identifier: MIT
"""Rows of the semantics: socket, bind, listen, accept (S, B, L, C)."""

import errno
import fcntl
import os
import resource
import select
import signal
import socket
import struct
import time

import harness
import usock

from harness import OTHER_UID, Call, Child, TunCase, both_families, in_child
from runner import rows

RAW_GROUP = 64077
LINGER_0 = struct.pack("ii", 1, 0)


def is_dynamic(port):
    return 49152 <= port <= 65535


class SocketCall(TunCase):
    @rows("S1", "S4")
    def test_types_have_their_protocols(self):
        for kind, protocol in ((socket.SOCK_STREAM, socket.IPPROTO_TCP),
                               (socket.SOCK_DGRAM, socket.IPPROTO_UDP)):
            for family in (socket.AF_INET, socket.AF_INET6):
                s = self.keep(usock.Sock(family, kind))
                self.assertEqual(s.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE), kind)
                self.assertEqual(s.getsockopt(socket.SOL_SOCKET, socket.SO_PROTOCOL), protocol)
                self.assertEqual(s.getsockopt(socket.SOL_SOCKET, socket.SO_DOMAIN), family)

    @rows("S2")
    def test_unknown_family_97_unknown_type_22(self):
        for family in (0, socket.AF_UNIX, socket.AF_NETLINK, 99):
            with self.fails(errno.EAFNOSUPPORT):
                usock.Sock(family, socket.SOCK_STREAM)
        for kind in (0, socket.SOCK_SEQPACKET, socket.SOCK_RDM, 15):
            with self.fails(errno.EINVAL):
                usock.Sock(socket.AF_INET, kind)

    @rows("S3")
    def test_protocol_of_another_type_93(self):
        for kind, protocol in ((socket.SOCK_STREAM, socket.IPPROTO_UDP),
                               (socket.SOCK_DGRAM, socket.IPPROTO_TCP),
                               (socket.SOCK_STREAM, 132), (socket.SOCK_RAW, 0)):
            with self.fails(errno.EPROTONOSUPPORT):
                usock.Sock(socket.AF_INET, kind, protocol)

    @rows("S3", "S6")
    def test_quectel_protocols_fit_both_types_and_bind_freely(self):
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            for protocol in (0, usock.IPPROTO_TCP_SER, usock.TCP_CUSTOMIZE_PORT):
                s = self.keep(usock.Sock(socket.AF_INET, kind, protocol))
                s.bind(("0.0.0.0", 0))
                self.assertTrue(is_dynamic(s.getsockname()[1]))

    def test_flags_set_nonblocking_and_close_on_exec(self):
        plain = self.tcp()
        both = self.tcp(socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        self.assertTrue(os.get_blocking(plain.fd))
        self.assertFalse(os.get_blocking(both.fd))
        self.assertEqual(fcntl.fcntl(plain.fd, fcntl.F_GETFD), 0)
        self.assertEqual(fcntl.fcntl(both.fd, fcntl.F_GETFD), fcntl.FD_CLOEXEC)

    def test_descriptor_is_the_lowest_free(self):
        a, b = self.tcp(), self.udp()
        number = a.fd
        self.assertLess(number, b.fd)
        a.close()
        self.assertEqual(self.tcp().fd, number)

    @rows("S8")
    def test_raw_needs_root(self):
        harness.need_other_users()
        self.keep(usock.Sock(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP))

        def as_other():
            usock.Sock(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        with self.fails(errno.EPERM):
            in_child(as_other, uid=OTHER_UID)

    def test_versions_and_path_are_told(self):
        usock.open_session()
        v = usock.versions()
        self.assertTrue(v.library_min <= v.in_use <= v.library_max)
        self.assertTrue(v.daemon_min <= v.in_use <= v.daemon_max)
        self.assertTrue(v.daemon)
        self.assertEqual(usock.socket_path(), self.daemon.socket)
        self.assertEqual(usock.status().daemon_pid, self.daemon.pid)


class RawGroup(TunCase):
    config = {"limits": {"raw_group": RAW_GROUP}}

    @rows("S8")
    def test_group_may_open_raw(self):
        harness.need_other_users()

        def as_other():
            usock.Sock(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP).close()
        in_child(as_other, uid=OTHER_UID, gid=RAW_GROUP)
        in_child(as_other, uid=OTHER_UID, groups=[RAW_GROUP])
        with self.fails(errno.EPERM):
            in_child(as_other, uid=OTHER_UID)


class Caps(TunCase):
    """What a program, a user and everybody may have."""

    config = {"daemon": {"sockets_max": 16},
              "limits": {"sockets_per_session": 4, "sockets_per_user": 10,
                         "sessions_per_user": 3}}

    @rows("S7", "G13")
    def test_cap_of_the_session_24(self):
        kept = [self.tcp() for _ in range(4)]
        with self.fails(errno.EMFILE):
            self.udp()
        kept[0].close()
        self.eventually(lambda: usock.status().sockets == 3)
        self.tcp()

    @rows("S7", "G13")
    def test_cap_of_the_user_24(self):
        def hold(n, go_on):
            kept = [usock.Sock() for _ in range(n)]
            go_on.recv(1)
            return len(kept)

        ends = [socket.socketpair() for _ in range(2)]
        children = [Child(hold, 4, theirs) for _, theirs in ends]
        self.eventually(lambda: usock.status().sockets == 8)
        self.tcp(), self.tcp()
        with self.fails(errno.EMFILE):
            self.tcp()
        for ours, theirs in ends:
            theirs.close()
            ours.send(b"x")
            ours.close()
        self.assertEqual([c.result() for c in children], [4, 4])

    @rows("G13")
    def test_cap_of_the_daemon_23(self):
        harness.need_other_users()

        def fill(n):
            kept = [usock.Sock() for _ in range(n)]
            return len(kept)

        def hold(n, go_on):
            kept = [usock.Sock() for _ in range(n)]
            go_on.recv(1)
            return len(kept)

        ours, theirs = socket.socketpair()
        others = [Child(hold, 4, theirs, uid=OTHER_UID + i) for i in range(4)]
        self.eventually(lambda: usock.status().sockets == 16)
        with self.fails(errno.ENFILE):
            fill(1)
        ours.send(b"xxxx")
        self.assertEqual([c.result() for c in others], [4] * 4)
        ours.close()
        theirs.close()

    @rows("S7")
    def test_own_descriptors_used_up_24(self):
        def run_out():
            usock.Sock().close()
            resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
            try:
                while True:
                    os.dup(0)
            except OSError:
                pass
            for make in (usock.Sock, lambda: usock.Sock(kind=socket.SOCK_DGRAM)):
                try:
                    make()
                except OSError as e:
                    if e.errno != errno.EMFILE:
                        return e.errno
            os.close(3)
            usock.Sock()
            return errno.EMFILE
        self.assertEqual(in_child(run_out), errno.EMFILE)

    @rows("G13")
    def test_too_many_sessions_24(self):
        def hold(go_on):
            usock.open_session()
            go_on.recv(1)

        usock.open_session()
        ends = [socket.socketpair() for _ in range(2)]
        children = [Child(hold, theirs) for _, theirs in ends]
        self.eventually(lambda: usock.status().sessions == 3)
        with self.fails(errno.EMFILE):
            in_child(usock.open_session)
        for ours, theirs in ends:
            ours.send(b"x")
            ours.close()
            theirs.close()
        for child in children:
            child.result()


@both_families
class Bind(TunCase):
    @rows("B1", "S6")
    def test_wildcard_is_the_links_address_after_connect(self):
        listener = self.kernel_listener()
        s = self.tcp()
        self.assertEqual(s.getsockname(), (self.any, 0))
        s.bind((self.any, 0))
        port = s.getsockname()[1]
        self.assertEqual(s.getsockname()[0], self.any)
        s.connect(self.address_of(listener))
        self.assertEqual(s.getsockname(), (self.stack, port))
        self.assertEqual(self.accept_kernel(listener).getpeername()[:2], (self.stack, port))

    @rows("B2")
    def test_port_0_takes_a_dynamic_port(self):
        for make in (self.tcp, self.udp):
            ports = set()
            for _ in range(8):
                s = make()
                s.bind((self.any, 0))
                ports.add(s.getsockname()[1])
            self.assertTrue(all(map(is_dynamic, ports)), ports)
            self.assertEqual(len(ports), 8)
            # RFC 6056: not one after the other.
            self.assertGreater(max(ports) - min(ports), 8)

    @rows("B3")
    def test_second_bind_22(self):
        for make in (self.tcp, self.udp):
            s = make()
            s.bind((self.any, 0))
            with self.fails(errno.EINVAL):
                s.bind((self.any, 0))

    @rows("B4")
    def test_port_in_use_98(self):
        for make in (self.tcp, self.udp):
            s = make()
            s.bind((self.any, 0))
            name = s.getsockname()
            for address in (name, (self.stack, name[1]), (self.loopback, name[1])):
                with self.fails(errno.EADDRINUSE):
                    make().bind(address)

    @rows("B4")
    def test_same_port_on_different_addresses(self):
        for make in (self.tcp, self.udp):
            s = make()
            s.bind((self.stack, 0))
            make().bind((self.loopback, s.getsockname()[1]))

    @rows("B4")
    def test_tcp_and_udp_have_ports_of_their_own(self):
        s = self.tcp()
        s.bind((self.any, 0))
        self.udp().bind(s.getsockname())

    @rows("B4")
    def test_port_in_use_by_another_process_98(self):
        s = self.tcp()
        s.bind((self.any, 0))
        name, family = s.getsockname(), self.af

        def elsewhere():
            usock.Sock(family).bind(name)
        with self.fails(errno.EADDRINUSE):
            in_child(elsewhere)
        s.close()
        self.eventually(lambda: not usock.sockets())
        in_child(elsewhere)

    @rows("B5")
    def test_address_not_ours_99(self):
        foreign = {4: ("192.0.2.1", "10.9.0.1"), 6: ("2001:db8::1", "fd09::1")}
        for make in (self.tcp, self.udp):
            for ip in foreign[self.family]:
                with self.fails(errno.EADDRNOTAVAIL):
                    make().bind((ip, 0))

    @rows("B5")
    def test_own_addresses_can_be_bound(self):
        for make in (self.tcp, self.udp):
            for ip in (self.stack, self.loopback, self.any):
                s = make()
                s.bind((ip, 0))
                self.assertEqual(s.getsockname()[0], ip)

    @rows("B6")
    def test_after_connect_22(self):
        s, _ = self.connected()
        with self.fails(errno.EINVAL):
            s.bind((self.any, 0))
        u = self.udp()
        u.connect((self.kernel, 9))
        with self.fails(errno.EINVAL):
            u.bind((self.any, 0))

    def test_address_too_short_22_other_family_97(self):
        s = self.tcp()
        with self.fails(errno.EINVAL):
            s.bind(usock.pack_address((self.any, 0))[:6])
        with self.fails(errno.EAFNOSUPPORT):
            s.bind(struct.pack("=H26x", socket.AF_UNIX))

    @rows("B8")
    def test_low_port_is_allowed(self):
        harness.need_other_users()
        family, any_ip = self.af, self.any

        def as_other():
            s = usock.Sock(family)
            s.bind((any_ip, 80))
            return s.getsockname()[1]
        self.assertEqual(in_child(as_other, uid=OTHER_UID), 80)


class BindMixed(TunCase):
    @rows("B4")
    def test_dual_stack_wildcard_takes_both_families(self):
        six = self.keep(usock.Sock(socket.AF_INET6))
        six.bind(("::", 0))
        four = self.tcp()
        with self.fails(errno.EADDRINUSE):
            four.bind(("0.0.0.0", six.getsockname()[1]))

    @rows("B4")
    def test_v6only_wildcard_leaves_ipv4(self):
        six = self.keep(usock.Sock(socket.AF_INET6))
        six.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        six.bind(("::", 0))
        self.tcp().bind(("0.0.0.0", six.getsockname()[1]))

    def test_dual_stack_listener_shows_ipv4_as_mapped(self):
        six = self.keep(usock.Sock(socket.AF_INET6))
        six.bind(("::", 0))
        six.listen()
        peer = self.kernel_socket()
        peer.connect((self.stack, six.getsockname()[1]))
        s, name = six.accept_timeout(20000)
        self.keep(s)
        self.assertEqual(name[0], "::ffff:" + self.kernel)
        self.assertEqual(s.getsockname()[0], "::ffff:" + self.stack)

    def test_ipv6_socket_connects_to_mapped_ipv4(self):
        listener = self.kernel_listener()
        s = self.keep(usock.Sock(socket.AF_INET6))
        s.connect(("::ffff:" + self.kernel, listener.getsockname()[1]))
        self.assertEqual(s.getpeername()[0], "::ffff:" + self.kernel)
        self.accept_kernel(listener)


class LowPorts(TunCase):
    config = {"limits": {"low_ports": "no"}}

    @rows("B8")
    def test_low_port_refused_by_policy_13(self):
        harness.need_other_users()

        def as_other(port):
            usock.Sock().bind(("0.0.0.0", port))
        for port in (1, 80, 1023):
            with self.fails(errno.EACCES):
                in_child(as_other, port, uid=OTHER_UID)
        in_child(as_other, 1024, uid=OTHER_UID)
        self.tcp().bind(("0.0.0.0", 80))


@both_families
class TimeWait(TunCase):
    """Ports of connections that are in TIME_WAIT."""

    slow = True

    def time_wait_port(self):
        """A port on which one of our connections is in TIME_WAIT."""
        s, peer = self.accepted()
        port = s.getsockname()[1]
        s.shutdown(socket.SHUT_WR)
        self.assertEqual(peer.recv(1), b"")
        peer.close()
        self.eventually(lambda: s.state() in (0, 10))
        s.close()
        # The listener is there until the cleanup: close it now.
        self.doCleanups()
        self.eventually(lambda: not usock.sockets())
        return port

    def bind_reusing(self, port):
        s = usock.Sock(self.af)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind((self.any, port))
        return s

    @rows("B9")
    def test_without_reuseaddr_98(self):
        port = self.time_wait_port()
        with self.fails(errno.EADDRINUSE):
            self.tcp().bind((self.any, port))

    @rows("B9", "O1")
    def test_with_reuseaddr_allowed_and_serves(self):
        port = self.time_wait_port()
        listener = self.keep(self.bind_reusing(port))
        listener.listen()
        peer = self.kernel_socket()
        peer.connect((self.stack, port))
        self.keep(listener.accept_timeout(20000)[0])

    @rows("B9")
    def test_other_users_time_wait_98(self):
        harness.need_other_users()
        port = self.time_wait_port()
        with self.fails(errno.EADDRINUSE):
            in_child(lambda: self.bind_reusing(port) and None, uid=OTHER_UID)
        in_child(lambda: self.bind_reusing(port) and None)


@both_families
class Listen(TunCase):
    @rows("L2")
    def test_backlog_is_clamped(self):
        for backlog, shown in ((0, (1,)), (-1, (1, 255)), (1000, (255,)), (17, (17,))):
            s = self.tcp()
            s.listen(backlog)
            self.assertIn(s.info().send_queue, shown)

    @rows("L3")
    def test_unbound_gets_a_port(self):
        s = self.tcp()
        s.listen()
        port = s.getsockname()[1]
        self.assertTrue(is_dynamic(port))
        self.kernel_socket().connect((self.stack, port))
        self.keep(s.accept_timeout(20000)[0])

    @rows("L4")
    def test_udp_95(self):
        with self.fails(errno.EOPNOTSUPP):
            self.udp().listen()

    @rows("L5")
    def test_connected_or_connecting_22(self):
        s, _ = self.connected()
        with self.fails(errno.EINVAL):
            s.listen()
        s = self.tcp(socket.SOCK_NONBLOCK)
        with self.fails(errno.EINPROGRESS):
            s.connect((self.silent, 80))
        with self.fails(errno.EINVAL):
            s.listen()

    @rows("L6")
    def test_again_changes_the_backlog(self):
        s = self.listening(backlog=3)
        self.assertEqual(s.info().send_queue, 3)
        s.listen(9)
        self.assertEqual(s.info().send_queue, 9)
        self.assertEqual(s.state(), 1)

    def test_port_with_a_listener_98(self):
        s = self.listening()
        other = self.tcp()
        with self.fails(errno.EADDRINUSE):
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            other.bind(s.getsockname())

    @rows("L7")
    def test_full_backlog_drops_and_counts(self):
        listener = self.listening(backlog=1)
        address = self.stack, listener.getsockname()[1]
        before = usock.status().syn_dropped
        first = self.kernel_socket()
        first.connect(address)
        second = self.kernel_socket()
        second.setblocking(False)
        self.assertEqual(second.connect_ex(address), errno.EINPROGRESS)
        self.eventually(lambda: listener.info().drops > 0)
        self.assertGreater(usock.status().syn_dropped, before)
        self.assertEqual(select.select([], [second], [], 0.1)[1], [])
        self.eventually(lambda: listener.info().receive_queue == 1)
        self.keep(listener.accept_timeout(1000)[0])
        # Its SYN comes again, and now there is room.
        self.assertEqual(select.select([], [second], [], 10)[1], [second])
        self.assertEqual(second.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), 0)
        self.keep(listener.accept_timeout(1000)[0])


@both_families
class Accept(TunCase):
    @rows("C1", "R14")
    def test_peer_address_is_given(self):
        listener = self.listening()
        for take in (listener.accept, lambda: listener.accept4(0),
                     lambda: listener.accept_timeout(20000)):
            peer = self.kernel_socket()
            peer.connect((self.stack, listener.getsockname()[1]))
            s, name = take()
            self.keep(s)
            self.assertEqual(name, self.address_of(peer))
            self.assertEqual(s.getpeername(), name)
            self.assertEqual(s.getsockname(), (self.stack, listener.getsockname()[1]))

    def test_address_is_not_wanted(self):
        listener = self.listening()
        self.kernel_socket().connect((self.stack, listener.getsockname()[1]))
        self.keep(listener.accept_no_address())

    @rows("C2")
    def test_not_listening_22(self):
        with self.fails(errno.EINVAL):
            self.tcp().accept()
        s, _ = self.connected()
        with self.fails(errno.EINVAL):
            s.accept()

    @rows("C3")
    def test_udp_95(self):
        with self.fails(errno.EOPNOTSUPP):
            self.udp().accept()

    @rows("C4", "G6")
    def test_nonblocking_none_11(self):
        s = self.listening()
        with self.fails(errno.EAGAIN):
            s.accept_timeout(0)
        s.setblocking(False)
        with self.fails(errno.EAGAIN):
            s.accept()

    @rows("C5", "G6", "G4")
    def test_deadline_110(self):
        s = self.listening()

        def wait():
            with self.fails(errno.ETIMEDOUT):
                s.accept_timeout(100)
        self.assert_takes(0.1, wait)

    @rows("C5")
    def test_so_rcvtimeo_11(self):
        s = self.listening()
        s.set_timeouts(receive_s=0.1)

        def wait():
            with self.fails(errno.EAGAIN):
                s.accept()
        self.assert_takes(0.1, wait)

    @rows("C6")
    def test_new_socket_is_blocking_without_timeouts(self):
        listener = self.listening()
        listener.set_timeouts(receive_s=3, send_s=3)
        listener.setblocking(False)
        self.kernel_socket().connect((self.stack, listener.getsockname()[1]))
        s, _ = listener.accept_timeout(20000)
        self.keep(s)
        self.assertTrue(os.get_blocking(s.fd))
        self.assertEqual(fcntl.fcntl(s.fd, fcntl.F_GETFD), 0)
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            self.assertEqual(s.getsockopt_raw(socket.SOL_SOCKET, option, 16), bytes(16))

    def test_accept4_flags(self):
        listener = self.listening()
        with self.fails(errno.EINVAL):
            listener.accept4(0x10)
        self.kernel_socket().connect((self.stack, listener.getsockname()[1]))
        s, _ = listener.accept4(socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        self.keep(s)
        self.assertFalse(os.get_blocking(s.fd))
        self.assertEqual(fcntl.fcntl(s.fd, fcntl.F_GETFD), fcntl.FD_CLOEXEC)

    def reset_before_accept(self, listener, data):
        peer = self.kernel_socket()
        peer.connect((self.stack, listener.getsockname()[1]))
        self.eventually(lambda: listener.info().receive_queue == 1)
        if data:
            peer.send(data)
            self.eventually(lambda: any(i.bytes_received == len(data) for i in usock.sockets()))
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_0)
        peer.close()
        self.eventually(lambda: not any(i.state == 4 for i in usock.sockets()))

    @rows("C7")
    def test_reset_before_accept_is_skipped(self):
        listener = self.listening()
        self.reset_before_accept(listener, b"")
        with self.fails(errno.EAGAIN):
            listener.accept_timeout(0)
        with self.fails(errno.ETIMEDOUT):
            listener.accept_timeout(50)

    @rows("C7")
    def test_reset_before_accept_keeps_waiting_for_the_next(self):
        listener = self.listening()
        self.reset_before_accept(listener, b"")
        waiting = Call(listener.accept)
        peer = self.kernel_socket()
        peer.connect((self.stack, listener.getsockname()[1]))
        s, name = waiting.result()
        self.keep(s)
        self.assertEqual(name, self.address_of(peer))

    @rows("C7", "R3")
    def test_reset_before_accept_with_data_is_returned(self):
        listener = self.listening()
        self.reset_before_accept(listener, b"last words")
        s, _ = listener.accept_timeout(20000)
        self.keep(s)
        self.assertEqual(s.recv_exactly(10), b"last words")
        with self.fails(errno.ECONNRESET):
            s.recv(1)
        self.assertEqual(s.recv(1), b"")

    @rows("C8", "G10")
    def test_of_two_processes_exactly_one_gets_it(self):
        listener = self.listening()
        ours, theirs = socket.socketpair()

        def accept_one(name):
            s, peer = listener.accept()
            theirs.send(name)
            s.send(name)
            s.close()
            return peer
        children = [Child(accept_one, b"a"), Child(accept_one, b"b")]
        winners = set()
        for i in range(2):
            peer = self.kernel_socket()
            peer.connect((self.stack, listener.getsockname()[1]))
            winner = peer.recv(1)
            winners.add(winner)
            self.assertEqual(ours.recv(1), winner)
            if i == 0:
                # The other one goes on waiting.
                self.assertEqual(select.select([ours], [], [], 0.1)[0], [])
        self.assertEqual(winners, {b"a", b"b"})
        for child in children:
            child.result()
        ours.close()
        theirs.close()

    @rows("X9")
    def test_timeout_set_meanwhile_is_for_the_next_call(self):
        listener = self.listening()
        waiting = Call(listener.accept)
        time.sleep(0.05)
        listener.set_timeouts(receive_s=0.05)
        time.sleep(0.2)
        self.assertTrue(waiting.is_alive())
        self.kernel_socket().connect((self.stack, listener.getsockname()[1]))
        self.keep(waiting.result()[0])
        with self.fails(errno.EAGAIN):
            listener.accept()

    def test_listener_shut_down_wakes_accept_22(self):
        listener = self.listening()
        waiting = Call(listener.accept)
        self.eventually(lambda: waiting.is_alive())
        listener.shutdown(socket.SHUT_RD)
        with self.fails(errno.EINVAL):
            waiting.result()

    def test_signal_ends_it_with_eintr(self):
        listener = self.listening()
        before = signal.signal(signal.SIGALRM, lambda *_: None)
        self.addCleanup(signal.signal, signal.SIGALRM, before)
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        with self.fails(errno.EINTR):
            listener.accept()
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        with self.fails(errno.EINTR):
            listener.accept_timeout(20000)
