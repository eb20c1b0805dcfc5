# SPDX-License-Identifier: MIT
"""The agent of CPython and MicroPython; agents.py says what it is told.

usage: agent.py DESCRIPTOR MODULE
"""

import binascii
import gc
import json
import sys
import time

try:
    import _thread
except ImportError:
    _thread = None

try:
    import os
except ImportError:
    os = None

CLASSES = ("TimeoutError", "ConnectionRefusedError", "ConnectionResetError",
           "ConnectionAbortedError", "BrokenPipeError", "BlockingIOError", "PermissionError",
           "OSError", "OverflowError", "ValueError", "TypeError", "MemoryError",
           "AttributeError", "NotImplementedError")
MANY = 4096
# MicroPython's files have no buffer, and a flush() that pipes refuse.
BUFFERS = sys.implementation.name == "cpython"


def now_us():
    if hasattr(time, "ticks_us"):
        return time.ticks_us()
    return time.monotonic_ns() // 1000


def since_us(start):
    if hasattr(time, "ticks_diff"):
        return time.ticks_diff(time.ticks_us(), start)
    return time.monotonic_ns() // 1000 - start


def class_names(error):
    """Its own class, and those every runtime knows."""
    names = [type(error).__name__]
    builtin = sys.modules.get("builtins") or __import__("builtins")
    for name in CLASSES:
        kind = getattr(builtin, name, None)
        if kind is not None and isinstance(error, kind) and name not in names:
            names.append(name)
    return names


class Agent:
    def __init__(self, module, output):
        self.module = module
        # The module's own poll(), or that of the package that it is in.
        package = __import__(module.__name__.split(".")[0])
        self.poller = module if hasattr(module, "poll") else package
        self.output = output
        self.objects = {}
        self.seen = {}
        self.count = 0
        self.lock = _thread.allocate_lock() if _thread else None

    # ---- values ----

    def name_of(self, thing):
        for name in self.objects:
            if self.objects[name] is thing:
                return name
        self.count += 1
        name = "o%d" % self.count
        self.objects[name] = thing
        return name

    def encode(self, value):
        if value is None or isinstance(value, (bool, int, float, str)):
            return value
        if isinstance(value, bytes):
            if len(value) > MANY:
                return {"big": [len(value), sum(value)]}
            return {"b": binascii.hexlify(value).decode()}
        if isinstance(value, tuple):
            return {"t": [self.encode(v) for v in value]}
        if isinstance(value, list):
            return [self.encode(v) for v in value]
        if isinstance(value, dict):
            return {"d": {str(k): self.encode(value[k]) for k in value}}
        return {"o": self.name_of(value)}

    def decode(self, value):
        if isinstance(value, list):
            return [self.decode(v) for v in value]
        if not isinstance(value, dict):
            return value
        for kind in value:
            inner = value[kind]
        if kind == "b":
            return binascii.unhexlify(inner)
        if kind == "x":
            return binascii.unhexlify(inner[0]) * inner[1]
        if kind == "t":
            return tuple(self.decode(v) for v in inner)
        if kind == "f":
            return float(inner)
        return self.objects[inner]

    # ---- commands ----

    def target(self, name):
        if name == "m":
            return self.module
        if name.startswith("module:"):
            return __import__(name[7:])
        return self.objects[name]

    def do_call(self, command):
        args = [self.decode(a) for a in command["args"]]
        kw = command["kw"]
        kw = {k: self.decode(kw[k]) for k in kw}
        function = getattr(self.target(command["on"]), command["fn"])
        return lambda: function(*args, **kw)

    def do_get(self, command):
        return lambda: getattr(self.target(command["on"]), command["fn"])

    def do_has(self, command):
        return lambda: hasattr(self.target(command["on"]), command["fn"])

    def do_buffer(self, command):
        return lambda: bytearray(command["size"])

    def do_view(self, command):
        data = self.decode(command["data"])
        return lambda: memoryview(data) if command["memory"] else bytearray(data)

    def do_flush(self, command):
        return sys.stdout.flush if BUFFERS else lambda: None

    def do_bytes(self, command):
        return lambda: bytes(self.target(command["on"]))

    def do_drop(self, command):
        """Forgets one object, or all, and collects what nobody has any more."""
        def drop():
            name = command.get("on")
            gone = [name] if name else list(self.objects)
            for each in gone:
                thing = self.objects.pop(each)
                if not name and hasattr(thing, "close"):
                    try:
                        thing.close()
                    except Exception:
                        pass
                thing = None
            gc.collect()
        return drop

    def do_poll(self, command):
        """One socket's events, by the module's own poll()."""
        s = self.target(command["on"])
        module = self.poller

        def poll():
            p = module.poll()
            p.register(s, command["events"])
            ready = p.poll(command["ms"])
            return ready[0][1] if ready else 0
        return poll

    def do_closed_poll(self, command):
        """What poll says of a socket that is closed after it was registered."""
        s = self.target(command["on"])
        module = self.poller

        def poll():
            p = module.poll()
            p.register(s, command["events"])
            s.close()
            ready = p.poll(0)
            return ready[0][1] if ready else 0
        return poll

    def do_callback(self, command):
        """A function that keeps what it was called with."""
        def callback(*args):
            seen.append(args)
        seen = self.seen[self.name_of(callback)] = []
        return lambda: callback

    def do_called(self, command):
        return lambda: list(self.seen[command["on"]])

    def do_with(self, command):
        """Leaves a with statement: what the socket's number is then."""
        def leave():
            with self.module.socket() as s:
                if s.fileno() < 0:
                    raise ValueError("closed inside")
            return s.fileno()
        return leave

    def do_become(self, command):
        """Another user from now on."""
        uid = command["uid"]
        if hasattr(os, "setresuid"):
            return lambda: (os.setgroups([]), os.setresgid(uid, uid, uid),
                            os.setresuid(uid, uid, uid))
        import ffi
        setresuid = ffi.open(None).func("i", "setresuid", "iii")
        return lambda: setresuid(uid, uid, uid)

    def do_fork(self, command):
        """The call in a forked child: its answer is the answer."""
        return lambda: self.fork(lambda: self.do_call(command), None)

    def do_pass(self, command):
        """The same on a socket made from the descriptor that the child was sent."""
        s = self.target(command["on"])

        def adopt(number):
            self.objects[command["on"]] = self.module.socket(fileno=number)
            return self.do_call(command)
        return lambda: self.fork(adopt, s)

    def fork(self, prepare, passed):
        import socket as kernel
        ours, theirs = kernel.socketpair()
        read_end, write_end = os.pipe()
        pid = os.fork()
        if pid == 0:
            if passed is not None:
                passed.close()
            arguments = kernel.recv_fds(theirs, 1, 1)[1] if passed is not None else []
            os.write(write_end, json.dumps(self.answer(lambda: prepare(*arguments))).encode())
            os._exit(0)
        os.close(write_end)
        if passed is not None:
            kernel.send_fds(ours, [b"x"], [passed.fileno()])
        text = b""
        while True:
            part = os.read(read_end, 65536)
            if not part:
                break
            text += part
        os.close(read_end)
        ours.close()
        theirs.close()
        os.waitpid(pid, 0)
        return Answer(json.loads(text))

    # ---- answers ----

    def answer(self, prepare):
        """What comes out of prepare()(), and how long the second call took."""
        start = now_us()
        try:
            call = prepare()
            start = now_us()
            value = call()
        except Exception as e:
            us = since_us(start)
            number = e.args[0] if e.args and isinstance(e.args[0], int) else None
            error = {"is": class_names(e), "n": number, "text": repr(e)}
            if getattr(e, "errno", number) != number:
                error["text"] += " with errno %r" % e.errno
            return {"us": us, "error": error}
        us = since_us(start)
        if isinstance(value, Answer):
            return value.value
        return {"us": us, "ok": self.encode(value)}

    def tell(self, answer, number):
        answer["id"] = number
        line = json.dumps(answer) + "\n"
        if self.lock:
            self.lock.acquire()
        try:
            self.output.write(line)
            if BUFFERS:
                self.output.flush()
        finally:
            if self.lock:
                self.lock.release()

    def run(self, command):
        number = command["id"]
        if command["thread"]:
            self.tell({"begun": True}, number)

        def prepare():
            return getattr(self, "do_" + command["do"])(command)
        self.tell(self.answer(prepare), number)

    def main(self):
        while True:
            line = sys.stdin.readline()
            if not line:
                return
            command = json.loads(line)
            if command["thread"]:
                _thread.start_new_thread(self.run, (command,))
            else:
                self.run(command)
            command = None


class Answer:
    """An answer that somebody else has made."""

    def __init__(self, value):
        self.value = value


def import_module(name):
    module = __import__(name)
    for part in name.split(".")[1:]:
        module = getattr(module, part)
    return module


if __name__ == "__main__":
    Agent(import_module(sys.argv[2]), open(int(sys.argv[1]), "w")).main()
