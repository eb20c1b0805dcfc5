# SPDX-License-Identifier: MIT
"""Cases of QuecPython's companion modules, on links and a clock of their own.

Runs in CPython and MicroPython alike; quecpython.py starts it once for each
case: quecpython_cases.py NAME. Ends with 0, or with a trace.

The modules usocket and utime are played: a World's links change when their
time has come, and its time goes on only while somebody waits.
"""

import sys

TICKS = 1 << 30


class World:
    """usocket and utime in one."""

    def __init__(self, *links):
        self.links = list(links)
        self.now = 0
        self.plan = []
        self.reads = 0
        # What scripts have done to links, and why they may not.
        self.changes = []
        self.denial = None

    def at(self, ms, *links):
        """From @ms on these are the links; none: the daemon is absent."""
        self.plan.append((ms, list(links)))

    def _go_on(self, ms):
        """To the next change, at most @ms further."""
        end = self.now + ms
        if self.plan and self.plan[0][0] <= end:
            self.now, self.links = self.plan.pop(0)
        else:
            self.now = end

    def _links(self):
        self.reads += 1
        if not self.links:
            raise OSError(19, "nobody is there")
        return [dict(link) for link in self.links]

    def _link_control(self, name, action):
        self._change(name, action)

    def _link_set(self, name, key, value, redial):
        self._change(name, key, value, redial)

    def _change(self, *what):
        if self.denial:
            raise OSError(1, self.denial)
        self.changes.append(what)

    def _wait_link(self, seconds):
        end = self.now + round(seconds * 1000)
        while True:
            if any(link["state_name"] in ("up", "degraded") for link in self._links()):
                return True
            if self.now >= end:
                return False
            self._go_on(end - self.now)

    def ticks_ms(self):
        # They wrap around within the first second.
        return (self.now - 500) % TICKS

    def ticks_add(self, ticks, delta):
        return (ticks + delta) % TICKS

    def ticks_diff(self, end, start):
        return (end - start + TICKS // 2) % TICKS - TICKS // 2

    def sleep_ms(self, ms):
        end = self.now + ms
        while self.now < end:
            self._go_on(end - self.now)


class Output:
    """Takes what the log prints."""

    def __init__(self):
        self.text = ""

    def write(self, text):
        self.text += text

    def lines(self):
        return self.text.splitlines()


def make_link(state="up", driver="slirp", index=0, **more):
    link = {
        "index": index, "name": "net%d" % index, "driver": driver, "state_name": state,
        "default": index == 0, "address": None, "gateway": None, "addresses6": [],
        "dns": [], "operator": None, "radio": None, "rssi_dbm": None, "rsrp_dbm": None,
        "rsrq_db": None, "sinr_db": None,
    }
    link.update(more)
    return link


def make_modem(state="down", **more):
    return make_link(state, "modem", **more)


def play(*links):
    """Puts a World in the place of the modules, for those imported from now on."""
    world = World(*links)
    sys.modules["usocket"] = world
    sys.modules["utime"] = world
    import log
    world.output = Output()
    log.set_output(world.output)
    return world


def equal(got, wanted):
    if got != wanted:
        raise AssertionError("%r, not %r" % (got, wanted))


def raises(text, function, *arguments):
    try:
        function(*arguments)
    except OSError as e:
        return equal(str(e), text)
    raise AssertionError("no OSError")


def wait(world, seconds, wanted, ms):
    """wait_network_connected() must return @wanted after @ms."""
    import checkNet
    begin = world.now
    equal(checkNet.wait_network_connected(seconds), wanted)
    equal(world.now - begin, ms)


# ---- checkNet ---------------------------------------------------------------

def time_range():
    play(make_link())
    import checkNet
    checker = checkNet.CheckNetwork("Name", "1")
    text = "timeout_s should be in [1, 3600]s!"
    for bad in 0, 3601, -1, 0.999, 1e30, float("nan"):
        raises(text, checkNet.wait_network_connected, bad)
        raises(text, checkNet.waitNetworkReady, bad)
        raises(text, checker.wait_network_connected, bad)
        raises(text, checker.waitNetworkReady, bad)
    for good in 1, 3600, 1.5:
        equal(checkNet.waitNetworkReady(good), (3, 1))
    equal(checkNet.wait_network_connected(), (3, 1))
    equal(checker.waitNetworkReady(timeout_s=5), (3, 1))


def sim_ends_at_once():
    world = play(make_modem("sim"))
    for status in [0] + list(range(2, 18)) + [19]:
        world.links = [make_modem("sim", sim_status=status)]
        wait(world, 60, (1, status), 0)


def sim_waits_to_the_end():
    world = play(make_modem("sim"))
    for status in 18, 20, 21:
        world.links = [make_modem("sim", sim_status=status)]
        wait(world, 2, (1, status), 2000)


def sim_becomes_ready():
    for status in 18, 20, 21:
        world = play()
        world.links = [make_modem("sim", sim_status=status)]
        world.at(950, make_modem("registering", sim_status=1, registration=2))
        fresh("checkNet")
        wait(world, 3, (2, 2), 3000)


def sim_fails_while_waiting():
    world = play(make_modem("sim", sim_status=18))
    world.at(950, make_modem("sim", sim_status=2))
    wait(world, 60, (1, 2), 1000)


def sim_by_the_state_alone():
    world = play(make_modem("opening"))
    wait(world, 1, (1, 21), 1000)
    world.links = [make_modem("sim")]
    wait(world, 1, (1, 18), 1000)


def registration_waits_to_the_end():
    world = play(make_modem("registering"))
    for state in 0, 2, 3, 4, 6, 7, 8, 9, 10, 11:
        world.links = [make_modem("registering", sim_status=1, registration=state)]
        wait(world, 1, (2, state), 1000)


def registration_unknown():
    world = play(make_modem("sim", sim_status=1))
    wait(world, 1, (2, -1), 1000)
    world.links = [make_modem("registering")]
    wait(world, 1, (2, 2), 1000)


def registration_done():
    world = play(make_modem("registering"))
    for state in 1, 5:
        world.links = [make_modem("registering", sim_status=1, registration=state)]
        wait(world, 1, (3, 0), 1000)


def data_call():
    world = play(make_link("down"))
    wait(world, 5, (3, 0), 5000)
    for state in "dialing", "negotiating", "down":
        world.links = [make_modem(state)]
        wait(world, 1, (3, 0), 1000)
    for state in "up", "degraded":
        world.links = [make_link("opening")]
        world.at(world.now + 1234, make_link(state))
        wait(world, 5, (3, 1), 1234)


def one_budget_for_all_stages():
    for seconds, wanted, ms in (1, (1, 18), 1000), (3, (2, 2), 3000), (5, (3, 0), 5000), \
                               (7, (3, 1), 6000):
        world = play(make_modem("sim"))
        world.at(2000, make_modem("registering"))
        world.at(4000, make_modem("dialing"))
        world.at(6000, make_modem("up"))
        fresh("checkNet")
        wait(world, seconds, wanted, ms)


def up_returns_at_once():
    for link in make_link(), make_modem("up"), make_modem("degraded", sim_status=0):
        world = play(link)
        fresh("checkNet")
        wait(world, 60, (3, 1), 0)


def other_links_count():
    # A modem without a SIM does not keep the other link from coming.
    broken = make_modem("sim", index=1, sim_status=0)
    world = play(make_link("down"), broken)
    world.at(3000, make_link("up"), broken)
    wait(world, 10, (3, 1), 3000)
    world.links = [broken, make_modem("sim", index=2)]
    wait(world, 2, (1, 18), 2000)
    world.links = [broken, make_modem("registering", index=2)]
    wait(world, 2, (2, 2), 2000)


def absent_daemon():
    world = play()
    wait(world, 2, (3, 0), 2000)
    line, = world.output.lines()
    equal(line[:30], "WARNING:checkNet:no network: [")
    equal(line[-15:], "nobody is there")


def daemon_comes_while_waiting():
    world = play()
    world.at(1050, make_link("down"))
    world.at(1500, make_link("up"))
    wait(world, 5, (3, 1), 1500)
    equal(world.output.lines(), [])


def daemon_goes_while_waiting():
    world = play(make_link("down"))
    world.at(500)
    world.at(2000, make_link("up"))
    wait(world, 5, (3, 1), 2000)


def waiting_is_cheap():
    # Without a modem nothing is looked at again and again.
    world = play(make_link("down"))
    wait(world, 3600, (3, 0), 3600000)
    if world.reads > 20:
        raise AssertionError("%d reads" % world.reads)
    world = play(make_modem("sim"))
    fresh("checkNet")
    wait(world, 10, (1, 18), 10000)
    # Each poll is a look, and a wait that looks at its begin and its end.
    if world.reads > 3 * 100 + 10:
        raise AssertionError("%d reads" % world.reads)


# ---- net, sim, modem --------------------------------------------------------

GETTERS = {
    "net": ("csqQueryPoll", "getApn", "getCellInfo", "getCi", "getConfig", "getLac",
            "getMcc", "getMnc", "getModemFun", "getNetMode", "getServingCi",
            "getServingLac", "getServingMcc", "getServingMnc", "getSignal", "getState",
            "nitzTime", "operatorName"),
    "sim": ("getCurSimid", "getIccid", "getImsi", "getPhoneNumber", "getSimDet",
            "getStatus"),
    "modem": ("getDevFwVersion", "getDevImei", "getDevMAC", "getDevModel",
              "getDevProductId", "getDevSN"),
}


def no_modem_is_minus_one():
    world = play()
    for links in [], [make_link()], [make_link("down", "tun"), make_link(index=1)]:
        world.links = links
        for module, names in GETTERS.items():
            for name in names:
                equal((name, getattr(__import__(module), name)()), (name, -1))
    equal(world.output.lines(), [])


def silent_modem_is_minus_one():
    play(make_modem("down"))
    for module, names in GETTERS.items():
        for name in names:
            wanted = 99 if name == "csqQueryPoll" else -1
            equal((name, getattr(__import__(module), name)()), (name, wanted))


def modem_tells():
    record = make_modem(
        "up", sim_status=1, registration=5, lac=0x1234, cell_id=0xabcdef, rat=7,
        operator="CHN-UNICOM", operator_short="UNICOM", mcc="460", mnc="01",
        imsi="460011234567890", iccid="8986", phone_number="+86", imei="352273017386340",
        model="EC25", serial="D1", firmware="R06", manufacturer="Quectel", functionality=1,
        rssi_dbm=-63, rsrp_dbm=-95, rsrq_db=-11, sinr_db=12)
    play(make_link(), dict(record, index=1, default=False))
    import modem
    import net
    import sim
    equal(sim.getStatus(), 1)
    equal([sim.getImsi(), sim.getIccid(), sim.getPhoneNumber()],
          ["460011234567890", "8986", "+86"])
    equal([modem.getDevImei(), modem.getDevModel(), modem.getDevSN(),
           modem.getDevFwVersion(), modem.getDevProductId()],
          ["352273017386340", "EC25", "D1", "R06", "Quectel"])
    equal(net.operatorName(), ("CHN-UNICOM", "UNICOM", "460", "01"))
    place = [0x1234, 0xabcdef, 7, -1, -1]
    equal(net.getState(), ([-1] + place, [5] + place))
    equal(net.getModemFun(), 1)
    equal(net.csqQueryPoll(), 25)
    equal(net.getSignal(), ([99, 99, 255, 255], [-63, -95, -11, 255]))
    equal(net.getSignal(1), ([99, 99, 255, 255], [-63, -95, -11, 255, 12]))


def signal_scales():
    world = play()
    import net
    for rssi, csq in (-200, 0), (-113, 0), (-112, 0), (-111, 1), (-53, 30), (-51, 31), (-30, 31):
        world.links = [make_modem("up", rssi_dbm=rssi)]
        equal(net.csqQueryPoll(), csq)
    world.links = [make_modem("up", rssi_dbm=-80)]
    equal(net.getSignal(1), ([-80, 99, 255, 255], [99, 99, 255, 255, 255]))
    world.links = [make_modem("up", operator="Name")]
    equal(net.operatorName(), ("Name", "", "", ""))


# ---- dataCall ---------------------------------------------------------------

def get_info():
    world = play(make_link(address="10.0.2.15", addresses6=["fe80::1", "fec0::15"],
                           dns=["10.0.2.3", "fec0::3", "10.0.2.4"]))
    import dataCall
    four = [1, 0, "10.0.2.15", "10.0.2.3", "10.0.2.4"]
    six = [1, 0, "fec0::15", "fec0::3", "::"]
    equal(dataCall.getInfo(1, 0), (1, 0, four))
    equal(dataCall.getInfo(1, 1), (1, 1, six))
    equal(dataCall.getInfo(1, 2), (1, 2, four, six))
    no_four, no_six = [0, 0] + ["0.0.0.0"] * 3, [0, 0] + ["::"] * 3
    equal(dataCall.getInfo(3, 2), (3, 2, no_four, no_six))
    for bad in (0, 0), (4, 0), (1, 3), (1, -1), ("1", 0), (None, 0), (1, None):
        equal(dataCall.getInfo(*bad), -1)
    world.links = [make_link("down", address="10.0.2.15", dns=["10.0.2.3"])]
    equal(dataCall.getInfo(1, 0), (1, 0, no_four))
    world.links = [make_link(addresses6=["fe80::1"])]
    equal(dataCall.getInfo(1, 2), (1, 2, no_four, no_six))
    world.links = []
    equal(dataCall.getInfo(1, 0), -1)


def profiles_follow_the_default_link():
    world = play(make_link(index=0, address="10.0.0.1", default=False),
                 make_link(index=1, address="10.0.0.2", default=True))
    import dataCall
    equal([dataCall.getInfo(i, 0)[2][2] for i in (1, 2, 3)],
          ["10.0.0.2", "10.0.0.1", "0.0.0.0"])
    world.links += [make_link(index=i, address="10.0.0.%d" % (i + 1), default=False)
                    for i in (2, 3)]
    equal(dataCall.getInfo(4, 0)[2][2], "10.0.0.4")
    equal(dataCall.getInfo(5, 0), -1)


def get_pdp_context():
    world = play(make_link())
    import dataCall
    equal(dataCall.getPDPContext(1), -1)
    equal(dataCall.getPDPContext(7), -1)
    world.links = [make_modem("up", ip_type=2, apn="internet", authentication=1)]
    equal(dataCall.getPDPContext(1), (2, "internet", "", "", 1))


# ---- setters ----------------------------------------------------------------

# For those who may control links, on modems' links.
SETTERS = (
    ("dataCall", "setPDPContext", (1, 0, "apn", "user", "pwd", 0)),
    ("dataCall", "setDNSServer", (1, 0, "8.8.8.8", "8.8.4.4")),
    ("dataCall", "activate", (1,)),
    ("dataCall", "deactivate", (1,)),
    ("dataCall", "start", (1, 0, "apn", "", "", 0)),
    ("dataCall", "setApn", (1, 0, "apn", "", "", 0)),
    ("dataCall", "stop", (1,)),
    ("dataCall", "recordApn", (1, 0, "", "", "", 0, 0)),
    ("dataCall", "setDnsserver", (1, 0, "8.8.8.8", "8.8.4.4")),
    ("sim", "verifyPin", ("1234",)),
)

# For nobody.
REFUSED = (
    ("dataCall", "setAutoActivate", (1, 1)),
    ("dataCall", "setAutoConnect", (1, 1)),
    ("dataCall", "setAsynMode", (1,)),
    ("net", "setModemFun", (0, 1)),
    ("net", "setConfig", (5, 0)),
    ("net", "setApn", ("apn", 0)),
    ("net", "setBand", (1, 2, (3,))),
    ("sim", "enablePin", ("1234",)),
    ("sim", "disablePin", ("1234",)),
    ("sim", "changePin", ("1234", "4321")),
    ("sim", "unblockPin", ("12345678", "1234")),
    ("sim", "switchCard", (1,)),
    ("sim", "setCallback", (print,)),
)


def _refuses(world, setters, why):
    for module, name, arguments in setters:
        world.output.text = ""
        equal(getattr(__import__(module), name)(*arguments), -1)
        line, = world.output.lines()
        equal(line.startswith("WARNING:%s:%s refused: " % (module, name)), True)
        equal(line.endswith(why), True)
        # Neither PIN nor password is written anywhere.
        equal("1234" in line or "pwd" in line, False)
    equal(world.changes, [])


def setters_are_refused():
    world = play()
    for links, why in ([], "nobody is there"), ([make_link()], "no link has a modem"):
        world.links = links
        _refuses(world, SETTERS + REFUSED, why)
    world.links = [make_modem("up", sim_status=2)]
    _refuses(world, REFUSED, "set by usocketd's configuration")
    world.denial = "not for you"
    _refuses(world, SETTERS, "not for you")


def setters_refuse_what_is_wrong():
    world = play(make_modem("up", sim_status=1))
    _refuses(world, [("dataCall", "setPDPContext", (1, 3, "apn", "", "", 0)),
                     ("dataCall", "setPDPContext", (1, 0, "apn", "", "", 4))],
             "ipType is 0 to 2, auth 0 to 3")
    _refuses(world, [("dataCall", "setPDPContext", (1, 0, "a" * 65, "", "", 0)),
                     ("dataCall", "start", (1, 0, None, "", "", 0))],
             "texts have at most 64 bytes")
    _refuses(world, [("dataCall", "activate", (2,)), ("dataCall", "stop", (9,))],
             "has no modem")
    _refuses(world, [("sim", "verifyPin", ("1234",))], "the SIM asks for no PIN")


def setters_change_the_link():
    world = play(make_modem("up", ip_type=2, apn="internet", authentication=0))
    import dataCall
    equal(dataCall.setPDPContext(1, 0, "private", "me", "pwd", 2), 0)
    equal(world.changes, [
        ("net0", "apn", "private", False), ("net0", "pdp_type", "ip", False),
        ("net0", "user", "me", False), ("net0", "password", "pwd", False),
        ("net0", "auth", "chap", True)])
    world.changes = []
    equal([dataCall.deactivate(1), dataCall.activate(1), dataCall.stop(1)], [0] * 3)
    equal(world.changes, [("net0", "down"), ("net0", "up"), ("net0", "down")])
    world.changes = []
    equal([dataCall.setDNSServer(1, 0, "8.8.8.8", "8.8.4.4"), dataCall.setDnsserver(1, 0, "::1")],
          [0, 0])
    equal(world.changes, [("net0", "dns", "8.8.8.8, 8.8.4.4", True), ("net0", "dns", "::1", True)])
    equal(world.output.text, "")


def same_context_leaves_the_link_up():
    """Scripts set it at every start."""
    world = play(make_modem("up", ip_type=2, apn="internet", authentication=0))
    import dataCall
    equal(dataCall.setPDPContext(1, 2, "internet", "", "", 0), 0)
    equal(world.changes[-1], ("net0", "auth", "none", False))
    equal(dataCall.start(1, 2, "internet", "", "", 0), 0)
    equal([change for change in world.changes if change[-1] is True], [])
    # A link that is down, perhaps refused, is tried with it.
    world.links = [make_modem("down", ip_type=2, apn="internet", authentication=0)]
    equal(dataCall.setPDPContext(1, 2, "internet", "", "", 0), 0)
    equal(world.changes[-1], ("net0", "auth", "none", True))
    equal(dataCall.recordApn(1, 2, "other", "", "", 0, 1), 0)
    equal(world.changes[-1], ("net0", "auth", "none", False))


def start_waits_for_the_link():
    world = play(make_modem("down"))
    import dataCall
    world.at(5000, make_modem("up"))
    equal(dataCall.start(1, 2, "internet", "", "", 0), 0)
    equal(5000 <= world.now <= 5200, True)
    world.links = [make_modem("down")]
    begin = world.now
    equal(dataCall.start(1, 2, "internet", "", "", 0), -1)
    equal(world.now - begin >= 60000, True)


def pin_is_verified():
    world = play(make_modem("down", sim_status=2, refused=1))
    import sim
    world.at(50, make_modem("opening", sim_status=2, refused=0))
    world.at(2000, make_modem("registering", sim_status=1, refused=0))
    equal(sim.verifyPin("1234"), 0)
    equal(world.changes, [("net0", "pin", "1234", True)])
    world.links = [make_modem("down", sim_status=2, refused=1)]
    world.at(world.now + 50, make_modem("opening", sim_status=2, refused=0))
    world.at(world.now + 2000, make_modem("down", sim_status=2, refused=1))
    begin = world.now
    equal(sim.verifyPin("4321"), -1)
    equal(world.now - begin < 3000, True)
    equal(world.output.text, "")


def power():
    world = play(make_link())
    from misc import Power
    equal([Power.powerDown(), Power.powerRestart(), Power().powerDown()], [-1] * 3)
    equal(world.output.lines(), [
        "WARNING:misc:Power.powerDown refused: the gateway stays on",
        "WARNING:misc:Power.powerRestart refused: the gateway stays on",
        "WARNING:misc:Power.powerDown refused: the gateway stays on"])
    equal([Power.powerOnReason(), Power.powerDownReason(), Power.getVbatt()], [0, 0, -1])


# ---- log --------------------------------------------------------------------

def log_lines():
    world = play()
    import log
    logger = log.getLogger("NAME")
    equal(log.getLogger("NAME") is logger, True)
    logger.debug("not at first")
    logger.info("text")
    log.basicConfig(level=log.WARNING)
    logger.info("not shown")
    logger.warning("%d of %s", 3, "x")
    logger.error("100%")
    logger.critical(5)
    log.basicConfig(log.DEBUG)
    logger.debug("shown")
    logger.debug("apn", ["a"])
    logger.debug("%d", "x")
    equal(world.output.text,
          "INFO:NAME:text\nWARNING:NAME:3 of x\nERROR:NAME:100%\nCRITICAL:NAME:5\n"
          "DEBUG:NAME:shown\nDEBUG:NAME:apn ['a']\nDEBUG:NAME:%d x\n")
    equal([log.DEBUG, log.INFO, log.WARNING, log.ERROR, log.CRITICAL], [10, 20, 30, 40, 50])


# ---- the callback -----------------------------------------------------------

class Watched(World):
    """A World at a real clock that tells of changes."""

    FD = 77

    def __init__(self, *links):
        World.__init__(self, *links)
        import _thread
        import time
        self.time = time
        self.lock = _thread.allocate_lock()
        self.events = []
        self.n_watches = 0
        # The links of a daemon that comes just when it is asked for a watch.
        self.successor = None

    def sleep_ms(self, ms):
        self.time.sleep(ms / 1000)

    def _watch_links(self):
        with self.lock:
            if self.successor:
                self.links, self.successor = self.successor, None
            if not self.links:
                raise OSError(19, "nobody is there")
            self.n_watches += 1
            self._add_events()
            return self.FD

    def _add_events(self):
        self.events += [(link["index"], link["state_name"]) for link in self.links]

    def _watch_next(self, fd):
        equal(fd, self.FD)
        with self.lock:
            if self.events:
                return self.events.pop(0)
            if not self.links:
                raise OSError(19, "gone")
            return None

    def _watch_close(self, fd):
        equal(fd, self.FD)
        with self.lock:
            self.n_watches -= 1

    def become(self, *links):
        with self.lock:
            self.links = list(links)
            self._add_events()


class Poll:
    """select.poll()"""

    def __init__(self, world):
        self.world = world

    def register(self, fd, events):
        equal((fd, events), (self.world.FD, 1))

    def poll(self):
        while not self.world.events and self.world.links:
            self.world.time.sleep(0.002)


def watch(world, calls):
    """Lets the callback's calls come into a list, which the second result waits for."""
    class Select:
        POLLIN = 1
        poll = staticmethod(lambda: Poll(world))
    sys.modules["usocket"] = sys.modules["utime"] = world
    sys.modules["select"] = Select
    fresh("dataCall", "_quecpython")
    import dataCall
    equal(dataCall.setCallback(calls.append), 0)

    def wait_for(*wanted):
        end = 500
        while len(calls) < len(wanted) and end:
            world.time.sleep(0.01)
            end -= 1
        equal(calls, list(wanted))
        del calls[:]
    return dataCall, wait_for


def callback_is_told_of_changes():
    play()
    calls = []
    world = Watched(make_link("down"), make_link("up", index=1))
    dataCall, wait_for = watch(world, calls)
    world.become(make_link("up"))
    wait_for((1, 1))
    # Neither is a change of that.
    world.become(make_link("degraded"))
    world.become(make_link("up"))
    world.become(make_link("down"), make_link("down", index=1))
    wait_for((1, 0), (2, 0))
    # However fast it goes.
    world.become(make_link("up"))
    world.become(make_link("down"))
    world.become(make_link("negotiating"))
    world.become(make_link("up"))
    wait_for((1, 1), (1, 0), (1, 1))


def callback_tells_profiles():
    play()
    calls = []
    links = [make_link("down", default=False), make_link("down", index=1, default=True)]
    world = Watched(*links)
    dataCall, wait_for = watch(world, calls)
    world.become(links[0], dict(links[1], state_name="up"))
    wait_for((1, 1))
    world.become(dict(links[0], state_name="up"), dict(links[1], state_name="up"))
    wait_for((2, 1))
    world.become()
    wait_for((1, 0), (2, 0))


def callback_survives_the_daemon():
    play()
    calls = []
    world = Watched(make_link("up"))
    dataCall, wait_for = watch(world, calls)
    world.become()
    wait_for((1, 0))
    world.successor = [make_link("up")]
    wait_for((1, 1))
    world.become(make_link("down"))
    wait_for((1, 0))
    equal(world.n_watches, 1)


def callback_before_the_daemon():
    play()
    calls = []
    world = Watched()
    dataCall, wait_for = watch(world, calls)
    world.successor = [make_link("up")]
    wait_for((1, 1))


def callback_that_fails():
    world0 = play()
    calls = []
    world = Watched(make_link("down"))
    dataCall, wait_for = watch(world, calls)

    def fail(change):
        calls.append(change)
        raise ValueError("mine")
    equal(dataCall.setCallback(fail), 0)
    world.become(make_link("up"))
    wait_for((1, 1))
    world.become(make_link("down"))
    wait_for((1, 0))
    equal(len(world0.output.lines()), 2)
    equal(world0.output.text.startswith("ERROR:dataCall:the callback failed: ValueError("),
          True)


def callback_is_taken_back():
    play()
    calls = []
    world = Watched(make_link("down"))
    dataCall, wait_for = watch(world, calls)
    equal([dataCall.setCallback(bad) for bad in (5, "x")], [-1, -1])
    equal(dataCall.setCallback(None), 0)
    world.become(make_link("up"))
    end = 500
    while dataCall._is_watching and end:
        world.time.sleep(0.01)
        end -= 1
    equal(calls, [])
    equal(world.n_watches, 0)
    equal(dataCall.setCallback(calls.append), 0)
    world.become(make_link("down"))
    wait_for((1, 0))


def fresh(*modules):
    """Lets the companions be imported again, with the modules of now."""
    for name in modules + ("_quecpython", "net", "sim", "modem"):
        sys.modules.pop(name, None)


# The rows of the semantics that each case shows.
CASES = {
    "time_range": ("N3",),
    "sim_ends_at_once": ("N4",),
    "sim_waits_to_the_end": ("N4",),
    "sim_becomes_ready": ("N4",),
    "sim_fails_while_waiting": ("N4",),
    "sim_by_the_state_alone": ("N4",),
    "registration_waits_to_the_end": ("N5",),
    "registration_unknown": ("N5",),
    "registration_done": ("N5",),
    "data_call": ("N6",),
    "one_budget_for_all_stages": ("N4", "N5", "N6"),
    "up_returns_at_once": ("N7",),
    "other_links_count": ("N4", "N5", "N6"),
    "absent_daemon": ("N6",),
    "daemon_comes_while_waiting": ("N6",),
    "daemon_goes_while_waiting": ("N6",),
    "waiting_is_cheap": ("N6",),
    "no_modem_is_minus_one": (),
    "silent_modem_is_minus_one": (),
    "modem_tells": (),
    "signal_scales": (),
    "get_info": (),
    "profiles_follow_the_default_link": (),
    "get_pdp_context": (),
    "setters_are_refused": (),
    "setters_refuse_what_is_wrong": (),
    "setters_change_the_link": (),
    "same_context_leaves_the_link_up": (),
    "start_waits_for_the_link": (),
    "pin_is_verified": (),
    "power": (),
    "log_lines": (),
    "callback_is_told_of_changes": (),
    "callback_tells_profiles": (),
    "callback_survives_the_daemon": (),
    "callback_before_the_daemon": (),
    "callback_that_fails": (),
    "callback_is_taken_back": (),
}

if __name__ == "__main__":
    globals()[sys.argv[1]]()
    print("done", sys.argv[1])
