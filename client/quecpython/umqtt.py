# SPDX-License-Identifier: MIT
"""QuecPython's umqtt: an MQTT client (3.1 and 3.1.1, quality of service 0 and 1).

Theory of operation

One thread at a time reads: whoever waits for a message or for a server's answer
takes _reading. A second one that waits for an answer looks now and then whether
the reader has seen it; a callback, which the reader calls, may publish and
subscribe and then reads further itself. Packets are written whole, under
_writing. With ssl the connection is a Stream of ussl.

keepalive: the reader sends PINGREQ when nothing was sent for three quarters of
it, and gives the connection up if that is not answered within it. A script that
does not wait for messages calls ping().

reconn: wait_msg() and check_msg() make a lost connection anew, with pauses of
1 s doubling to 30 s, subscribe again and go on. Calls that waited for an answer
meanwhile fail with OSError 103: whether the server had it is not known. Without
reconn the error goes to the callback of error_register_cb(), and is raised.

MicroPython's threads have no interpreter lock: dicts that several use are read and
changed under _lock.

A message may come before the answer that a call waits for, whoever reads it: the
callback has it then, and _n_early says how many wait_msg() need not wait for.

_is_wanted is what the script wants, between connect() and close(); _state is
what there is. A reader that finds its connection gone asks the first.
"""

import _thread
import select
import struct

import usocket
import utime

from _quecpython import connect

__all__ = ["MQTTClient", "MQTTException"]

CONNECTED, CONNECTING, SERVER_CLOSED, NOT_CONNECTED = 0, 1, 2, -1

_CONNACK, _PUBLISH, _PUBACK, _SUBACK, _PINGRESP = 2, 3, 4, 9, 13
_KINDS = _CONNACK, _PUBACK, _SUBACK, _PINGRESP
_PINGREQ_PACKET = b"\xc0\x00"
_DISCONNECT_PACKET = b"\xe0\x00"
_SERVER_UNAVAILABLE = 3

_ECONNABORTED = 103
_ECONNRESET = 104
_ENOTCONN = 107
_ETIMEDOUT = 110
_EPROTO = 71

# What one answer may take, and one write.
_ANSWER_S = 60
# How often a second waiter looks, and a reader, however long it waits.
_LOOK_MS = 10
_POLL_MAX_MS = 60000
_PAUSE_MAX_S = 30


class MQTTException(Exception):
    """The server refused: CONNACK's or SUBACK's code in args[0]."""


# ---- packets ----------------------------------------------------------------

def _bytes(value):
    return value.encode() if isinstance(value, str) else bytes(value)


def _field(value):
    raw = _bytes(value)
    if len(raw) > 65535:
        raise ValueError("longer than MQTT's 65535 bytes")
    return struct.pack("!H", len(raw)) + raw


def _packet(first, body):
    left = len(body)
    if left >= 1 << 28:
        raise ValueError("longer than an MQTT packet")
    head = bytes([first])
    while left > 0x7f:
        head += bytes([left & 0x7f | 0x80])
        left >>= 7
    return head + bytes([left]) + body


def _check_qos(qos):
    if qos not in (0, 1):
        raise ValueError("quality of service is 0 or 1")
    return qos


def _is_known(first):
    kind = first >> 4
    return kind == _PUBLISH or first & 15 == 0 and kind in _KINDS


def _split(data):
    """(first byte, body, length) of the packet that @data begins with, or None."""
    # At once: text of another protocol would count as a long packet.
    if data and not _is_known(data[0]):
        raise OSError(_EPROTO, "the server does not speak MQTT")
    size = 0
    for i in range(1, 5):
        if len(data) <= i:
            return None
        size |= (data[i] & 0x7f) << 7 * (i - 1)
        if not data[i] & 0x80:
            end = i + 1 + size
            if len(data) < end:
                return None
            # MicroPython hands C a null pointer for an empty part of a bytearray.
            return data[0], bytes(data[i + 1:end]) if size else b"", end
    raise OSError(_EPROTO, "the server does not speak MQTT")


def _split_publish(flags, body):
    """(topic, message, packet id or None)"""
    if len(body) < 2:
        raise OSError(_EPROTO, "PUBLISH without a topic")
    at = 2 + struct.unpack("!H", body[:2])[0]
    topic, pid = body[2:at], None
    if flags & 6:
        pid = _packet_id(body[at:])
        at += 2
    if at > len(body) or flags & 4:
        raise OSError(_EPROTO, "PUBLISH that was not asked for")
    return topic, body[at:], pid


def _packet_id(body):
    if len(body) < 2:
        raise OSError(_EPROTO, "a packet without its number")
    return struct.unpack("!H", body[:2])[0]


# ---- the client -------------------------------------------------------------

class MQTTClient:
    def __init__(self, client_id, server, port=0, user=None, password=None, keepalive=0,
                 ssl=False, ssl_params=None, reconn=True, version=4):
        if version not in (3, 4):
            raise ValueError("MQTT's version is 3 (3.1) or 4 (3.1.1)")
        if not 0 <= keepalive <= 65535:
            raise ValueError("keepalive is 0 to 65535 seconds")
        self._client_id = client_id
        self._server = server
        self._port = port or (8883 if ssl else 1883)
        self._is_tls = ssl
        self._ssl_params = ssl_params or {}
        self._user = user
        self._password = password
        self._keepalive = keepalive
        self._is_reconnecting = reconn
        self._version = version
        self._clean_session = True
        self._will = None
        self._callback = None
        self._error_callback = None
        self._topics = {}
        self._sock = None
        self._state = NOT_CONNECTED
        self._is_wanted = False
        self._reading = _thread.allocate_lock()
        self._writing = _thread.allocate_lock()
        self._reader = None
        self._buffer = bytearray()
        self._poll = None
        self._sent_at = 0
        self._pinged_at = None
        self._lock = _thread.allocate_lock()
        self._last_id = 0
        self._answers = {}
        self._n_early = 0

    def set_callback(self, callback):
        """callback(topic, message), both bytes"""
        self._callback = callback

    def error_register_cb(self, callback):
        """callback(text), when a connection is lost that is not made anew"""
        self._error_callback = callback

    def set_last_will(self, topic, msg, retain=False, qos=0):
        self._will = _field(topic) + _field(msg), 4 | _check_qos(qos) << 3 | bool(retain) << 5

    # ---- connections ----

    def connect(self, clean_session=True):
        """Connects; 0. MQTTException: the server refused."""
        self._clean_session = clean_session
        self._is_wanted = True
        self._n_early = 0
        try:
            self._as_reader(self._open)
        except Exception:
            self._is_wanted = False
            raise
        return 0

    def _open(self):
        """On failure there is no connection."""
        self._drop(CONNECTING)
        try:
            self._sock = connect(self._server, self._port, _ANSWER_S)
            if self._is_tls:
                import ussl
                self._sock = ussl.wrap_socket(self._sock, self._server, timeout=_ANSWER_S,
                                              **self._ssl_params)
            else:
                self._poll = select.poll()
                self._poll.register(self._sock, select.POLLIN)
            self._buffer = bytearray()
            self._sent_at = utime.ticks_ms()
            self._pinged_at = None
            self._write(self._connect_packet())
            self._take_connack()
            if not self._is_wanted:
                raise OSError(_ECONNABORTED, "closed while it was made")
            self._state = CONNECTED
        except Exception:
            self._drop(NOT_CONNECTED)
            raise

    def _connect_packet(self):
        flags = 2 if self._clean_session else 0
        payload = _field(self._client_id)
        if self._will:
            payload += self._will[0]
            flags |= self._will[1]
        if self._user is not None:
            payload += _field(self._user)
            flags |= 0x80
            if self._password is not None:
                payload += _field(self._password)
                flags |= 0x40
        name = _field("MQTT" if self._version == 4 else "MQIsdp")
        head = struct.pack("!BBH", self._version, flags, self._keepalive)
        return _packet(0x10, name + head + payload)

    def _take_connack(self):
        packet = self._receive(_ANSWER_S * 1000)
        if packet is None:
            raise OSError(_ETIMEDOUT, "the server does not answer")
        first, body = packet
        if first >> 4 != _CONNACK or len(body) != 2:
            raise OSError(_EPROTO, "the server does not speak MQTT")
        if body[1]:
            raise MQTTException(body[1])

    def _drop(self, state):
        """Ends the connection, if there is one; whoever waits on it is woken."""
        sock, self._sock = self._sock, None
        self._state = state
        self._answers = {}
        if sock:
            try:
                sock.shutdown(usocket.SHUT_RDWR)
            except OSError:
                # It has ended by itself.
                pass
            sock.close()

    def _try_again(self):
        """Whether it worked."""
        try:
            self._open()
            with self._lock:
                topics = list(self._topics.items())
            for topic, qos in topics:
                self._subscribe(topic, qos)
            return True
        except OSError:
            return False
        except MQTTException as e:
            if e.args[0] != _SERVER_UNAVAILABLE:
                raise
            return False

    def _reconnect(self):
        """Tries until it works; False: the script wants none any more."""
        pause_s = 1
        while self._is_wanted:
            if self._try_again():
                return True
            self._drop(CONNECTING)
            self._pause(pause_s)
            pause_s = min(2 * pause_s, _PAUSE_MAX_S)
        return False

    def _pause(self, seconds):
        for _ in range(seconds * 10):
            if not self._is_wanted:
                return
            utime.sleep_ms(100)

    def close(self):
        """Ends the connection; connect() may make another one."""
        self._is_wanted = False
        self._drop(NOT_CONNECTED)

    def disconnect(self):
        """The same, and lets the server know."""
        if self._sock:
            try:
                self._write(_DISCONNECT_PACKET)
            except OSError:
                # Then it notices by itself.
                pass
        with self._lock:
            self._topics = {}
        self.close()

    def get_mqttsta(self):
        """0 connected, 1 connecting, 2 closed by the server, -1 not connected."""
        return self._state if self._is_wanted else NOT_CONNECTED

    # ---- writing and reading ----

    def _write(self, packet):
        with self._writing:
            if not self._sock:
                raise OSError(_ENOTCONN, "not connected")
            self._sock.sendall(packet)
            self._sent_at = utime.ticks_ms()

    def _keep_alive(self):
        """Milliseconds until there is something to do for it; None: never."""
        if not self._keepalive:
            return None
        now = utime.ticks_ms()
        if self._pinged_at is not None:
            left = self._keepalive * 1000 - utime.ticks_diff(now, self._pinged_at)
            if left <= 0:
                raise OSError(_ETIMEDOUT, "the server does not answer")
            return left
        left = self._keepalive * 750 - utime.ticks_diff(now, self._sent_at)
        if left > 0:
            return left
        self.ping()
        return self._keepalive * 1000

    def _receive(self, timeout_ms):
        """The next packet, (first byte, body); None when the time is over."""
        end = None if timeout_ms is None else utime.ticks_add(utime.ticks_ms(), timeout_ms)
        while True:
            packet = _split(self._buffer)
            if packet:
                first, body, size = packet
                more = len(self._buffer) > size
                self._buffer = self._buffer[size:] if more else bytearray()
                return first, body
            wait = self._keep_alive()
            if end is not None:
                left = max(0, utime.ticks_diff(end, utime.ticks_ms()))
                wait = left if wait is None else min(wait, left)
            wait = _POLL_MAX_MS if wait is None else min(wait, _POLL_MAX_MS)
            if self._wait_readable(wait):
                self._fill()
            elif end is not None and utime.ticks_diff(end, utime.ticks_ms()) <= 0:
                return None

    def _wait_readable(self, ms):
        if not self._is_tls:
            return self._poll.poll(ms)
        sock = self._sock
        return not sock or sock.wait_readable(ms)

    def _fill(self):
        sock = self._sock
        data = sock.recv(4096) if sock else b""
        if not data:
            raise OSError(_ECONNRESET, "the connection has ended")
        self._buffer += data

    def _note(self, first, body):
        """Takes in what a packet says; a message is returned."""
        kind = first >> 4
        if kind == _PUBLISH:
            return _split_publish(first & 15, body)
        if kind == _PINGRESP:
            self._pinged_at = None
        elif kind in (_PUBACK, _SUBACK):
            pid = _packet_id(body)
            with self._lock:
                if pid in self._answers:
                    self._answers[pid] = body[2:] or b"\x00"
        else:
            raise OSError(_EPROTO, "a packet that was not asked for")
        return None

    def _read(self, timeout_ms):
        """Reads a packet, as the reader: (whether there was one, message or None)."""
        try:
            if not self._sock:
                raise OSError(_ENOTCONN, "not connected")
            packet = self._receive(timeout_ms)
            return packet is not None, self._note(*packet) if packet else None
        except OSError:
            self._drop(SERVER_CLOSED)
            raise

    def _deliver(self, message):
        topic, text, pid = message
        if self._callback:
            self._callback(topic, text)
        if pid is not None:
            try:
                self._write(_packet(_PUBACK << 4, struct.pack("!H", pid)))
            except OSError:
                # The next read finds the end, and the server sends it again.
                pass

    def _read_one(self, timeout_ms):
        _, message = self._read(timeout_ms)
        if message:
            self._n_early += 1
            self._deliver(message)

    def _read_or_look(self, timeout_ms):
        """For who waits for an answer, and may not be the reader."""
        if self._reader == _thread.get_ident():
            self._read_one(timeout_ms)
        elif self._reading.acquire(0):
            self._be_reader(self._read_one, timeout_ms)
        else:
            utime.sleep_ms(_LOOK_MS)

    def _be_reader(self, function, *arguments):
        """With _reading held; gives it back."""
        self._reader = _thread.get_ident()
        try:
            return function(*arguments)
        finally:
            self._reader = None
            self._reading.release()

    def _as_reader(self, function, *arguments):
        if self._reader == _thread.get_ident():
            return function(*arguments)
        self._reading.acquire()
        return self._be_reader(function, *arguments)

    # ---- questions that are answered ----

    def _expect(self):
        """A new packet's number, and where its answer will be."""
        with self._lock:
            self._last_id = self._last_id % 65535 + 1
            self._answers[self._last_id] = None
            return self._last_id, self._answers

    def _look(self, answers, pid):
        with self._lock:
            return answers[pid]

    def _forget(self, answers, pid):
        with self._lock:
            answers.pop(pid)

    def _ask(self, first, head, tail):
        """Sends a packet with a number of its own; what its answer says."""
        pid, answers = self._expect()
        end = utime.ticks_add(utime.ticks_ms(), _ANSWER_S * 1000)
        try:
            self._write(_packet(first, head + struct.pack("!H", pid) + tail))
            while True:
                answer = self._look(answers, pid)
                if answer is not None:
                    return answer
                left = utime.ticks_diff(end, utime.ticks_ms())
                if left <= 0:
                    raise OSError(_ETIMEDOUT, "the server does not answer")
                if answers is not self._answers:
                    raise OSError(_ECONNABORTED, "the connection was lost")
                self._read_or_look(left)
        finally:
            self._forget(answers, pid)

    def publish(self, topic, msg, retain=False, qos=0):
        """Sends a message; with qos 1 until the server has it."""
        first = 0x30 | _check_qos(qos) << 1 | bool(retain)
        if qos:
            self._ask(first, _field(topic), _bytes(msg))
        else:
            self._write(_packet(first, _field(topic) + _bytes(msg)))

    def _subscribe(self, topic, qos):
        code = self._ask(0x82, b"", _field(topic) + bytes([qos]))[0]
        if code & 0x80:
            raise MQTTException(code)

    def subscribe(self, topic, qos=0):
        """MQTTException: the server refused."""
        self._subscribe(topic, _check_qos(qos))
        with self._lock:
            self._topics[topic] = qos

    def ping(self):
        """Asks the server for a sign of life, which the next read takes."""
        if self._keepalive:
            self._write(_PINGREQ_PACKET)
            if self._pinged_at is None:
                self._pinged_at = utime.ticks_ms()

    # ---- messages ----

    def _lost(self, error):
        """After an error of the reader. Whether there is a connection again."""
        if not self._is_wanted:
            return False
        if self._is_reconnecting:
            return self._reconnect()
        if self._error_callback:
            self._error_callback(str(error))
        raise error

    def _read_message(self, timeout_ms):
        """Until there was one, or no packet within the time, or disconnect()."""
        while True:
            try:
                is_packet, message = self._read(timeout_ms)
            except OSError as e:
                if not self._lost(e):
                    return
                continue
            if message:
                self._deliver(message)
            if message or not is_packet:
                return

    def _need_connection(self):
        if not self._is_wanted:
            raise OSError(_ENOTCONN, "not connected")

    def _next_message(self):
        if self._n_early:
            self._n_early -= 1
        else:
            self._read_message(None)

    def wait_msg(self):
        """Waits for a message, for the callback; returns also at disconnect().

        At once if the callback had one early, while a call waited for its answer.
        """
        self._need_connection()
        self._as_reader(self._next_message)

    def check_msg(self):
        """Lets the callback have one message, if one has come."""
        self._need_connection()
        if self._reader == _thread.get_ident():
            self._read_message(0)
        elif self._reading.acquire(0):
            self._be_reader(self._read_message, 0)
