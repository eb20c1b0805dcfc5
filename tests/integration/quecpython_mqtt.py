# SPDX-License-Identifier: MIT
"""QuecPython's umqtt, against a broker of the test's own."""

import contextlib
import socket
import struct
import threading

from quecpython_support import SlirpCase

CONNECT, PUBLISH, PUBACK, SUBSCRIBE, PINGREQ, DISCONNECT = 1, 3, 4, 8, 12, 14


def field(text):
    raw = text if isinstance(text, bytes) else text.encode()
    return struct.pack("!H", len(raw)) + raw


def packet(first, body=b""):
    head, left = bytes([first]), len(body)
    while left > 127:
        head += bytes([left % 128 + 128])
        left //= 128
    return head + bytes([left]) + body


class Broker:
    """Answers as MQTT says, sends messages to those who subscribed to just that topic."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.greeting = None  # instead of CONNACK
        self.code = 0
        self.suback = 0
        self.is_deaf = False
        self.is_hasty = False  # messages come before what acknowledges them
        self.packets = []  # (first byte, body) of what has been answered
        self.connections = {}  # to the topics subscribed
        self.lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def wrap(self, connection):
        return connection

    def _serve(self, connection):
        with contextlib.suppress(OSError):
            connection = self.wrap(connection)
        with connection, contextlib.suppress(OSError, EOFError):
            self.connections[connection] = {}
            with connection.makefile("rb") as stream:
                while True:
                    first, body = self._read(stream)
                    self._answer(connection, first, body)
                    self.packets.append((first, body))
        self.connections.pop(connection, None)

    @staticmethod
    def _exactly(stream, n):
        data = stream.read(n)
        if len(data) < n:
            raise EOFError
        return data

    def _read(self, stream):
        first = self._exactly(stream, 1)[0]
        size = shift = 0
        while True:
            byte = self._exactly(stream, 1)[0]
            size |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return first, self._exactly(stream, size)

    def _answer(self, connection, first, body):
        kind = first >> 4
        if self.is_deaf:
            return
        if kind == CONNECT:
            connection.sendall(self.greeting or packet(0x20, bytes([0, self.code])))
        elif kind == SUBSCRIBE:
            size, = struct.unpack("!H", body[2:4])
            self.connections[connection][body[4:4 + size]] = body[4 + size]
            connection.sendall(packet(0x90, body[:2] + bytes([self.suback])))
        elif kind == PINGREQ:
            connection.sendall(packet(0xd0))
        elif kind == PUBLISH:
            size, = struct.unpack("!H", body[:2])
            topic, rest = body[2:2 + size], body[2 + size:]
            acknowledgement, message = b"", rest
            if first & 6:
                acknowledgement, message = packet(0x40, rest[:2]), rest[2:]
            if self.is_hasty:
                self.push(topic, message)
            connection.sendall(acknowledgement)
            if not self.is_hasty:
                self.push(topic, message)

    def push(self, topic, message, qos=0):
        topic = topic if isinstance(topic, bytes) else topic.encode()
        pid = struct.pack("!H", 77) if qos else b""
        for connection, topics in list(self.connections.items()):
            if topic in topics:
                connection.sendall(packet(0x30 | qos << 1, field(topic) + pid + message))

    def send(self, raw):
        for connection in list(self.connections):
            connection.sendall(raw)

    def hang_up(self):
        for connection in list(self.connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def bodies(self, kind):
        return [body for first, body in list(self.packets) if first >> 4 == kind]

    def close(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.hang_up()


class Mqtt(SlirpCase):
    def setUp(self):
        super().setUp()
        self.broker = self.keep(Broker())

    def code(self, code):
        return ("import _thread, sys, umqtt, utime\n"
                f"PORT = {self.broker.port}\n"
                "def client(name='me', **more):\n"
                "    c = umqtt.MQTTClient(name, 'peer.test', PORT, **more)\n"
                "    c.set_callback(lambda topic, msg: print(topic, msg))\n"
                "    return c\n"
                "def error(function, *arguments, **more):\n"
                "    try:\n"
                "        function(*arguments, **more)\n"
                "    except Exception as e:\n"
                "        name = type(e).__name__\n"
                "        print(name if name == 'ValueError' else e.args[0])\n"
                "    else:\n"
                "        print('no error')\n" + code)

    def ask(self, code):
        return self.run_script(self.code(code))

    def begin(self, code):
        """Starts a script, and waits until it says that it is ready."""
        child = self.start(self.script(self.code(code)))
        self.assertEqual(child.stdout.readline(), "ready\n")
        return child

    def finish(self, child):
        out, err = child.communicate("\n", timeout=30)
        self.assertEqual((child.returncode, err), (0, ""), out)
        return out

    def wait_for(self, kind, n=1):
        self.eventually(lambda: len(self.broker.bodies(kind)) >= n, 10)

    # ---- connecting ----

    def test_connect(self):
        out = self.ask("c = client()\nprint(c.get_mqttsta())\nprint(c.connect())\n"
                       "print(c.get_mqttsta())\nc.disconnect()\nprint(c.get_mqttsta())\n")
        self.assertEqual(out, "-1\n0\n0\n-1\n")
        self.wait_for(DISCONNECT)
        self.assertEqual(self.broker.packets, [
            (0x10, field("MQTT") + b"\x04\x02\0\0" + field("me")), (0xe0, b"")])

    def test_connect_with_everything(self):
        self.ask("c = client(user='u', password=b'p', keepalive=300, version=3)\n"
                 "c.set_last_will('will/ü', 'gone', True, 1)\n"
                 "c.connect(clean_session=False)\nc.disconnect()\n")
        self.wait_for(DISCONNECT)
        self.assertEqual(self.broker.packets[0], (0x10, (
            field("MQIsdp") + b"\x03\xec\x01\x2c" + field("me") + field("will/ü") +
            field("gone") + field("u") + field("p"))))

    def test_refused(self):
        self.broker.code = 5
        out = self.ask("c = client()\ntry:\n    c.connect()\n"
                       "except umqtt.MQTTException as e:\n    print(e.args[0])\n"
                       "print(c.get_mqttsta())\nerror(c.wait_msg)\nerror(c.publish, 't', 'm')\n")
        self.assertEqual(out, "5\n-1\n107\n107\n")

    def test_no_broker(self):
        out = self.ask("c = umqtt.MQTTClient('me', 'peer.test', 1)\nerror(c.connect)\n")
        self.assertEqual(out, "111\n")

    def test_not_a_broker(self):
        for greeting in (b"SSH-2.0-x\r\n", b"\x20\xff\xff\xff\xff\xff", packet(0xd0), packet(0x20)):
            self.broker.greeting = greeting
            self.assertEqual(self.ask("error(client().connect)\n"), "71\n")

    def test_bad_arguments(self):
        out = self.ask("error(client, version=5)\nerror(client, keepalive=-1)\n"
                       "error(client, keepalive=65536)\n"
                       "c = client()\nc.connect()\nerror(c.publish, 't', 'm', qos=2)\n"
                       "error(c.subscribe, 't', 2)\nerror(c.set_last_will, 't', 'm', qos=3)\n"
                       "error(c.publish, 't' * 65536, 'm')\nprint(c.get_mqttsta())\n")
        self.assertEqual(out, "ValueError\n" * 7 + "0\n")

    # ---- messages ----

    def test_publish_and_receive(self):
        out = self.ask("c = client()\nc.connect()\nc.subscribe('a/b', 1)\n"
                       "c.publish('a/b', 'text ü', qos=1)\n"
                       "c.publish(b'a/b', b'\\x00\\xff', True)\n"
                       "c.wait_msg()\nc.wait_msg()\nc.disconnect()\n")
        self.assertEqual(out, f"b'a/b' {'text ü'.encode()!r}\nb'a/b' b'\\x00\\xff'\n")
        self.wait_for(DISCONNECT)
        self.assertEqual(self.broker.packets[1:4], [
            (0x82, b"\0\1" + field("a/b") + b"\1"),
            (0x32, field("a/b") + b"\0\2" + "text ü".encode()),
            (0x31, field("a/b") + b"\0\xff")])

    def test_message_with_qos_is_acknowledged(self):
        child = self.begin("c = client()\nc.connect()\nc.subscribe('t', 1)\nprint('ready')\n"
                           "c.wait_msg()\n"
                           "sys.stdin.readline()\nc.disconnect()\n")
        self.broker.push("t", b"hello", 1)
        self.wait_for(PUBACK)
        self.assertEqual(self.broker.bodies(PUBACK), [b"\0\x4d"])
        self.assertEqual(self.finish(child), "b't' b'hello'\n")

    def test_check_msg_does_not_wait(self):
        child = self.begin("c = client()\nc.connect()\nc.subscribe('t')\nc.check_msg()\n"
                           "print('ready')\nsys.stdin.readline()\n"
                           "got = []\nc.set_callback(lambda topic, msg: got.append(msg))\n"
                           "for _ in range(500):\n    c.check_msg()\n    if got:\n        break\n"
                           "    utime.sleep_ms(10)\nprint(got)\n")
        self.broker.push("t", b"one")
        self.assertEqual(self.finish(child), "[b'one']\n")

    def test_long_message(self):
        out = self.ask("c = client()\n"
                       "c.set_callback(lambda t, m: print(len(m), m == b'x' * 300000))\n"
                       "c.connect()\nc.subscribe('t')\n"
                       "c.publish('t', b'x' * 300000)\nc.wait_msg()\n")
        self.assertEqual(out, "300000 True\n")

    def test_callback_publishes(self):
        out = self.ask("c = client()\nc.connect()\n"
                       "def callback(topic, msg):\n"
                       "    print(topic, msg)\n"
                       "    if topic == b'a':\n"
                       "        c.subscribe('b')\n        c.publish('b', msg, qos=1)\n"
                       "c.set_callback(callback)\nc.subscribe('a')\nc.publish('a', 'x')\n"
                       "c.wait_msg()\nc.wait_msg()\n")
        self.assertEqual(out, "b'a' b'x'\nb'b' b'x'\n")

    def test_message_before_the_acknowledgement(self):
        self.broker.is_hasty = True
        out = self.ask("c = client()\nc.connect()\nc.subscribe('t')\n"
                       "for i in range(3):\n    c.publish('t', str(i), qos=1)\n"
                       "for _ in range(3):\n    c.wait_msg()\n"
                       "c.publish('t', 'late')\nc.wait_msg()\n")
        self.assertEqual(out, "b't' b'0'\nb't' b'1'\nb't' b'2'\nb't' b'late'\n")

    def test_another_thread_publishes(self):
        out = self.ask("c = client()\nc.connect()\nc.subscribe('t')\n"
                       "def work():\n    for i in range(20):\n"
                       "        c.publish('t', str(i), qos=1)\n    done.append('all')\n"
                       "done = []\n_thread.start_new_thread(work, ())\n"
                       "for _ in range(20):\n    c.wait_msg()\n"
                       "for _ in range(500):\n    if done:\n        break\n"
                       "    utime.sleep_ms(10)\nprint(*done)\n")
        self.assertEqual(out.splitlines(), [f"b't' b'{i}'" for i in range(20)] + ["all"])

    def test_callback_that_fails(self):
        out = self.ask("c = client()\nc.connect()\nc.subscribe('t')\n"
                       "def fail(topic, msg):\n    raise OSError(5, 'mine')\n"
                       "c.set_callback(fail)\nc.publish('t', 'x')\nerror(c.wait_msg)\n"
                       "print(c.get_mqttsta())\n")
        self.assertEqual(out, "5\n0\n")

    def test_refused_subscription(self):
        self.broker.suback = 0x80
        self.assertEqual(self.ask("c = client()\nc.connect()\nerror(c.subscribe, 't')\n"), "128\n")

    # ---- ends ----

    def test_connects_again(self):
        child = self.begin("c = client()\nc.connect()\nc.subscribe('t', 1)\nprint('ready')\n"
                           "c.wait_msg()\n"
                           "print(c.get_mqttsta())\n")
        self.broker.hang_up()
        self.wait_for(SUBSCRIBE, 2)
        self.broker.push("t", b"again")
        self.assertEqual(self.finish(child), "b't' b'again'\n0\n")
        self.assertEqual(self.broker.bodies(SUBSCRIBE)[1][2:], field("t") + b"\1")

    def test_does_not_connect_again(self):
        child = self.begin("c = client(reconn=False)\n"
                           "c.error_register_cb(lambda text: print('lost', len(text) > 0))\n"
                           "c.connect()\nc.subscribe('t')\nprint('ready')\nerror(c.wait_msg)\n"
                           "print(c.get_mqttsta())\nc.disconnect()\nprint(c.get_mqttsta())\n"
                           "c.connect()\nprint(c.get_mqttsta())\n")
        self.broker.hang_up()
        self.assertEqual(self.finish(child), "lost True\n104\n2\n-1\n0\n")

    def test_disconnect_ends_a_wait(self):
        out = self.ask("c = client()\nc.connect()\n"
                       "def end():\n    utime.sleep_ms(300)\n    c.disconnect()\n"
                       "_thread.start_new_thread(end, ())\nc.wait_msg()\nprint(c.get_mqttsta())\n")
        self.assertEqual(out, "-1\n")

    def test_disconnect_ends_attempts(self):
        child = self.begin("c = client()\nc.connect()\nc.subscribe('t')\nprint('ready')\n"
                           "def end():\n    sys.stdin.readline()\n    print(c.get_mqttsta())\n"
                           "    c.disconnect()\n"
                           "_thread.start_new_thread(end, ())\nc.wait_msg()\n"
                           "print(c.get_mqttsta())\n")
        self.broker.code = 3
        self.broker.hang_up()
        self.wait_for(CONNECT, 2)
        self.assertIn(self.finish(child), ("1\n-1\n", "-1\n-1\n"))

    def test_keepalive(self):
        child = self.begin("c = client(keepalive=1)\nc.connect()\nc.subscribe('t')\n"
                           "print('ready')\n"
                           "c.wait_msg()\n")
        self.wait_for(PINGREQ, 2)
        self.assertEqual(len(self.broker.bodies(CONNECT)), 1)
        self.broker.push("t", b"alive")
        self.assertEqual(self.finish(child), "b't' b'alive'\n")

    def test_silent_broker_is_left(self):
        child = self.begin("c = client(keepalive=1, reconn=False)\nc.connect()\n"
                           "c.subscribe('t')\nprint('ready')\nerror(c.wait_msg)\n")
        self.broker.is_deaf = True
        self.assertEqual(self.finish(child), "110\n")

    def test_nonsense_is_left(self):
        for nonsense in (b"\x30\xff\xff\xff\xff", packet(0x30, b"\0"), packet(0x30, b"\0\x09t"),
                         packet(0x34, b"\0\1t\0\1"), packet(0x40, b"\0"), packet(0xf0)):
            self.broker = self.keep(Broker())
            child = self.begin("c = client(reconn=False)\nc.connect()\nc.subscribe('t')\n"
                               "print('ready')\nerror(c.wait_msg)\n")
            self.broker.send(nonsense)
            self.assertEqual(self.finish(child), "71\n")
