-- SPDX-License-Identifier: MIT
--
-- Says what a module's calls return, as text. Run on LuaSocket with the kernel's
-- sockets and on usocket: both must say the same, all on 127.0.0.1. The number
-- that usocket adds to a failure is looked at here and left out of the text.
--
-- usage: parity.lua MODULE

local name = arg[1]
local socket = require(name)
local is_ours = name == "usocket"
local unpack = table.unpack or unpack

local function describe(value)
	local text = tostring(value)
	if type(value) == "string" then
		-- The library's name is part of some texts, and a place in a file.
		text = text:gsub("usocket%.", "socket."):gsub("socket%.core%.", "socket.")
		return string.format("%q", (text:gsub("^[^ ]-%.lua:%d+: ", "")))
	end
	if type(value) == "number" and math.type then return math.type(value) .. " " .. text end
	return (text:gsub("0x%x+", "ADDRESS"))
end

-- One line: the label and the results, without nils at the end.
local function show(label, ...)
	local results, n = { ... }, select("#", ...)
	if is_ours and results[1] == nil and type(results[2]) == "string" then
		local number = results[4]
		if n ~= 4 or type(number) ~= "number" or math.floor(number) ~= number then
			print(label .. ": a failure without a number")
		end
		n = 3
	end
	while n > 0 and results[n] == nil do n = n - 1 end
	for i = 1, n do results[i] = describe(results[i]) end
	print(label .. ": " .. table.concat(results, ", ", 1, n))
	return ...
end

-- A call that may raise an error.
local function try(label, f, ...)
	local results = { pcall(f, ...) }
	if results[1] then
		show(label, unpack(results, 2, 5))
	else
		print(label .. " raises " .. describe(results[2]))
	end
end

-- A method, called as scripts do.
local function call(object, method, ...)
	local label = tostring(object.class) .. ":" .. method
	for i = 1, select("#", ...) do
		local argument = select(i, ...)
		label = label .. " " .. (type(argument) == "string" and #argument > 20 and "long"
			or (tostring(argument):gsub("0x%x+", "ADDRESS")))
	end
	local arguments, n = { ... }, select("#", ...)
	try(label, function() return object[method](object, unpack(arguments, 1, n)) end)
end

local function pair()
	local server = assert(socket.bind("127.0.0.1", 0))
	local _, port = server:getsockname()
	local client = assert(socket.connect("127.0.0.1", port))
	local peer = assert(server:accept())
	client:setoption("tcp-nodelay", true)
	client:settimeout(0.5)
	peer:settimeout(0.5)
	return client, peer, server, port
end

local tests = {}

function tests.names()
	local found = {}
	for key, value in pairs(socket) do
		-- LuaSocket unloads Windows' library.
		if key ~= "__unload" then found[#found + 1] = key .. " " .. type(value) end
	end
	for _, kind in ipairs({ "tcp", "udp" }) do
		for key in pairs(getmetatable(socket[kind]()).__index) do
			found[#found + 1] = kind .. ":" .. key
		end
	end
	for key in pairs(socket.dns) do found[#found + 1] = "dns." .. key end
	for _, pumps in ipairs({ "sinkt", "sourcet" }) do
		for key in pairs(socket[pumps]) do found[#found + 1] = pumps .. "." .. key end
	end
	local more = { getsendacksize = true, getsocketsta = true, recv = true }
	table.sort(found)
	for _, key in ipairs(found) do
		if not more[key:match(":(.*)")] then print(key) end
	end
	show("sizes", socket._DATAGRAMSIZE, socket.BLOCKSIZE, socket._SOCKETINVALID)
end

function tests.master()
	local o = socket.tcp()
	for _, method in ipairs({ "getfd", "dirty", "getfamily", "getsockname", "getpeername",
		"getstats", "gettimeout", "accept", "send", "receive", "shutdown", "listen",
		"setpeername", "setsockname", "connect", "bind", "setoption", "getoption" }) do
		call(o, method)
	end
	call(o, "bind", "127.0.0.1")
	call(o, "bind", "127.0.0.1", "nosuchservice")
	call(o, "bind", "127.0.0.1", true)
	call(o, "bind", "nosuch..invalid", 0)
	call(o, "bind", "1.2.3.4", 0)
	call(o, "connect", "127.0.0.1", false)
	call(o, "setoption", "keepalive", true)
	call(o, "getoption", "keepalive")
	call(o, "close")
	call(o, "close")
	call(socket.tcp4(), "getsockname")
	call(socket.tcp4(), "getpeername")
	call(socket.tcp6(), "getfamily")
	call(socket.tcp4(), "bind", "::1", 0)
	call(socket.tcp6(), "bind", "127.0.0.1", 0)
	call(socket.tcp4(), "connect", "::1", 1)
	call(socket.tcp4(), "bind", "127.0.0.1", -1)
	call(socket.tcp4(), "bind", "127.0.0.1", 1.5)
	call(socket.tcp4(), "bind", "*", 0)
	try("self", o.send, 3, "x")
	try("self", o.send)
	try("self", o.send, socket.udp(), "x")
	try("self", o.getfd, io.stdout)
end

function tests.timeouts()
	local o = socket.tcp()
	call(o, "settimeout", 1)
	call(o, "settimeout", 2.5, "t")
	call(o, "gettimeout")
	call(o, "settimeout", 1, "x")
	call(o, "settimeout", "a")
	call(o, "settimeout")
	call(o, "settimeout", nil, "b")
	call(o, "settimeout", -3, "r")
	call(o, "gettimeout")
	call(socket.udp(), "gettimeout")
end

function tests.server()
	local o = socket.tcp()
	call(o, "bind", "127.0.0.1", 0)
	call(o, "bind", "127.0.0.1", 0)
	call(o, "getpeername")
	call(o, "listen", "x")
	call(o, "listen")
	call(o, "listen", 5)
	print((tostring(o):gsub("0x%x+", "ADDRESS")))
	local _, port = o:getsockname()
	print(type(port), select(3, o:getsockname()))
	call(o, "send", "x")
	call(o, "bind", "127.0.0.1", 0)
	call(o, "settimeout", 0)
	call(o, "accept")
	call(o, "settimeout", 0.01, "t")
	call(o, "accept")
	call(o, "receive")
	try("bind", socket.bind, "127.0.0.1", tonumber(port))
	try("bind", socket.bind, "127.0.0.1", port)
	try("bind", socket.bind, "nosuch..invalid", 1)
	try("bind", socket.bind, "1.2.3.4", 1)
	try("bind", socket.bind)
	call(o, "close")
	call(o, "accept")
	call(o, "getfd")
	call(o, "listen")
	call(o, "getsockname")
	call(o, "getoption", "reuseaddr")
	print(socket.bind("*", 0):getsockname(), socket.bind("::", 0):getsockname())
end

function tests.connect()
	local c = socket.tcp()
	call(c, "connect", "127.0.0.1", 1)
	print((tostring(c):gsub("0x%x+", "ADDRESS")))
	call(c, "send", "x")
	call(c, "connect", "nosuch..invalid", 1)
	call(c, "connect", "", 1)
	try("connect", socket.connect)
	try("connect", socket.connect, "127.0.0.1", 1)
	try("connect", socket.connect, "127.0.0.1", "x")
	try("connect", socket.connect, "nosuch..invalid", 1)
	try("connect", socket.connect, "127.0.0.1", 1, nil, nil, "bad")
	try("connect", socket.connect, "127.0.0.1", 1, "1.2.3.4", 0)
	local _, peer, server, port = pair()
	try("connect", function()
		return socket.connect("127.0.0.1", port, "127.0.0.1", 0):getsockname()
	end)
	try("connect", function() return (socket.connect4("127.0.0.1", port):getpeername()) end)
	try("connect", socket.connect6, "::1", 1)
	-- Once: of a second connect LuaSocket makes a second connection.
	c = socket.tcp4()
	call(c, "connect", "127.0.0.1", port)
	call(c, "listen")
	call(c, "accept")
	call(c, "getfamily")
	call(peer, "gettimeout")
	print(select("#", server:getsockname()), math.floor(select(2, c:getpeername())) == tonumber(port))
end

function tests.connect_without_waiting()
	local _, _, server, port = pair()
	local c = socket.tcp()
	c:settimeout(0)
	call(c, "connect", "127.0.0.1", port)
	print((tostring(c):gsub("0x%x+", "ADDRESS")))
	local r, w, e = socket.select(nil, { c }, 5)
	show("select", #r, #w, e, w[c])
	call(c, "connect", "127.0.0.1", port)
	call(c, "connect", "127.0.0.1", port)
	call(c, "send", "x")
	c = socket.tcp()
	c:settimeout(0)
	call(c, "connect", "127.0.0.1", 1)
	socket.select(nil, { c }, 5)
	call(c, "connect", "127.0.0.1", 1)
	c = socket.tcp()
	c:settimeout(0)
	c:connect("127.0.0.1", 1)
	socket.select(nil, { c }, 5)
	call(c, "getoption", "error")
	call(c, "getoption", "error")
end

function tests.send()
	local c, p = pair()
	call(c, "send", "hello\nworld\r\nabc\0def\n\n rest")
	for _, range in ipairs({ { 3 }, { 3, 4 }, { -2 }, { -2, -2 }, { 10, 20 }, { 4, 2 },
		{ -100, 2 }, { 0 }, { 0, 0 }, { 2.5 } }) do
		call(c, "send", "abcdef", unpack(range))
	end
	call(c, "send", "")
	call(c, "send")
	call(c, "send", {})
	call(c, "send", 12)
	call(c, "send", "a", "b")
	c:shutdown("send")
	show("all", p:receive("*a"))
end

function tests.receive()
	local c, p = pair()
	c:send("hello\nworld\r\nabc\0def\n\r\r\nmid\rdle\r\n rest12345")
	call(p, "receive")
	call(p, "dirty")
	call(p, "receive", "*l", "PFX")
	for _, pattern in ipairs({ "l", "*L", "*n", "x", "", {}, -1, true }) do
		call(p, "receive", pattern)
	end
	call(p, "receive", "*line")
	call(p, "receive", nil)
	call(p, "receive")
	call(p, "receive", 0)
	call(p, "receive", 3.5)
	call(p, "receive", "2")
	call(p, "receive", 6, "prefix")
	call(p, "receive", 3, "prefix")
	call(p, "receive", 0, "pre")
	call(p, "receive", 7, "prefix")
	p:settimeout(0.05)
	call(p, "receive", 100, "xx")
	call(p, "receive", "*a", "yy")
	call(p, "receive", "*l", "zz")
	call(p, "receive")
	call(p, "receive", 0)
	call(p, "receive", 5)
	p:settimeout(0)
	call(p, "receive")
	local received, sent = p:getstats()
	show("stats", received, sent)
	show("stats", (select(2, c:getstats())))
	call(c, "setstats", 1, 2, 3)
	show("stats", c:getstats() == 1, select(2, c:getstats()), select(3, c:getstats()) < 4)
	call(c, "setstats")
	call(c, "setstats", "x")
end

function tests.partial_line()
	local c, p = pair()
	p:settimeout(0.1)
	c:send("part")
	call(p, "receive")
	call(p, "receive", "*l", "part")
	p:settimeout(5)
	c:send("\n")
	call(p, "receive", "*l", "part")
end

function tests.ends()
	local c, p = pair()
	call(c, "shutdown", "x")
	call(c, "shutdown", 1)
	c:send("tail")
	call(c, "shutdown", "send")
	call(c, "send", "x")
	call(p, "receive", "*a", "<")
	call(p, "receive", "*a")
	call(p, "receive", "*a", "<")
	call(p, "receive", "*l")
	call(p, "receive", 5, "ab")
	call(p, "receive", 0)
	call(p, "send", "x")
	call(c, "receive", 1)
	call(c, "receive", 0)
	call(p, "close")
	call(c, "receive", "*a")
	call(c, "receive", 1)
	call(c, "close")
	call(c, "receive", 1)
	call(c, "send", "x")
	call(c, "getpeername")
	call(c, "getfd")
	call(c, "dirty")
end

function tests.reset()
	local c, p = pair()
	p:setoption("linger", { on = true, timeout = 0 })
	p:close()
	socket.select({ c }, nil, 5)
	call(c, "receive", 1)
	call(c, "receive", 1)
	call(c, "send", "x")
	c, p = pair()
	p:setoption("linger", { on = true, timeout = 0 })
	p:close()
	socket.select({ c }, nil, 5)
	call(c, "send", "x")
	call(c, "send", "x")
end

function tests.options()
	local c = pair()
	for _, option in ipairs({ "keepalive", "reuseaddr", "tcp-nodelay" }) do
		call(c, "setoption", option)
		call(c, "setoption", option, 1)
		call(c, "setoption", option, "x")
		call(c, "setoption", option, true)
		call(c, "getoption", option)
	end
	for _, option in ipairs({ "tcp-keepidle", "tcp-keepcnt", "tcp-keepintvl" }) do
		call(c, "setoption", option, 7)
		call(c, "getoption", option)
		call(c, "setoption", option, 0)
	end
	for _, value in ipairs({ 3, {}, { on = true }, { on = 1, timeout = 1 },
		{ on = true, timeout = 3 } }) do
		call(c, "setoption", "linger", value)
	end
	show("linger", c:getoption("linger").on, c:getoption("linger").timeout)
	call(c, "setoption", "nosuch", 1)
	call(c, "getoption", "nosuch")
	call(c, "getoption", "error")
	call(c, "setoption", "error", 1)
	call(c, "getoption", "broadcast")
	local u = socket.udp4()
	for _, option in ipairs({ "broadcast", "ip-multicast-loop", "reuseaddr" }) do
		call(u, "setoption", option, 1)
		call(u, "setoption", option, true)
		call(u, "getoption", option)
	end
	call(u, "setoption", "ip-multicast-ttl", 3)
	call(u, "getoption", "ip-multicast-ttl")
	call(u, "getoption", "ip-add-membership")
	call(u, "getoption", "keepalive")
	call(u, "setoption", "ip-multicast-if", "x")
	call(u, "getoption", "ip-multicast-if")
	call(u, "setoption", "ip-multicast-if", "*")
	call(u, "getoption", "ip-multicast-if")
	call(u, "setoption", "ip-multicast-if", "192.0.2.9")
	call(u, "setoption", "ipv6-multicast-hops", 3)
	for _, member in ipairs({ "x", {}, { multiaddr = "224.1.1.2" },
		{ multiaddr = "x", interface = "*" }, { multiaddr = "1.1.1.2", interface = "*" } }) do
		call(u, "setoption", "ip-add-membership", member)
	end
	call(u, "setoption", "ip-drop-membership", { multiaddr = "224.1.1.1", interface = "*" })
end

function tests.datagrams()
	local u, v = socket.udp(), socket.udp4()
	for _, method in ipairs({ "getfd", "dirty", "getfamily", "getsockname", "getpeername",
		"getoption", "send", "sendto", "setsockname", "setpeername" }) do
		call(u, method)
	end
	call(u, "setsockname", "127.0.0.1", 0)
	call(u, "setsockname", "127.0.0.1", 0)
	call(u, "setsockname", "nosuch..invalid", 0)
	call(u, "setpeername", "*")
	u:settimeout(0.02)
	call(u, "receive")
	call(u, "receivefrom")
	call(u, "receive", 0)
	call(u, "receive", "x")
	call(v, "getsockname")
	v:setsockname("127.0.0.1", 0)
	v:settimeout(2)
	local _, port = v:getsockname()
	call(u, "sendto", "hello", "127.0.0.1", port)
	call(u, "sendto", "hello", "127.0.0.1", tonumber(port))
	call(u, "sendto", "hello", "127.0.0.1")
	call(u, "sendto", "hello")
	call(u, "sendto", {}, "127.0.0.1", port)
	call(u, "sendto", "", "127.0.0.1", port)
	call(u, "sendto", ("x"):rep(70000), "127.0.0.1", port)
	call(u, "sendto", "x", "::1", port)
	call(u, "sendto", "x", "255.255.255.255", port)
	local data, host, from = v:receivefrom()
	show("from", data, host, tostring(from) == select(2, u:getsockname()))
	call(v, "receive", 3)
	call(v, "receive")
	v:settimeout(0.05)
	call(v, "receive")
	call(u, "setpeername", "127.0.0.1", port)
	print((tostring(u):gsub("0x%x+", "ADDRESS")))
	call(u, "sendto", "x", "127.0.0.1", port)
	call(u, "send", "hi")
	call(u, "send")
	call(u, "send", "")
	call(u, "receivefrom")
	call(u, "receive")
	call(u, "setsockname", "127.0.0.1", 0)
	call(v, "send", "x")
	v:settimeout(2)
	call(v, "receive")
	call(v, "receive")
	v:close()
	call(v, "sendto", "x", "127.0.0.1", 1)
	call(v, "getfd")
	call(v, "getsockname")
	call(v, "close")
	call(u, "send", "hi")
	u:settimeout(2)
	call(u, "receive")
	call(u, "send", "x")
	call(u, "setpeername", "*")
	call(u, "getpeername")
	call(u, "setpeername", "nosuch..invalid", 1)
	show("v6only", socket.udp6():getoption("ipv6-v6only"))
end

function tests.select()
	local c, p = pair()
	local function sets(...)
		local r, w, e = socket.select(...)
		show("select", #r, #w, e)
		return r, w
	end
	sets(nil, nil, 0)
	sets({}, {}, 0)
	local r, w = sets({ c }, { c }, 0)
	show("writable", w[1] == c, w[c], r[c])
	p:send("one\ntwo\n")
	r = sets({ c, p }, nil, 5)
	show("readable", r[1] == c, r[c], r[p])
	c:receive()
	call(c, "dirty")
	sets({ c }, nil, 5)
	c:receive()
	sets({ c }, nil, 0)
	sets({ socket.tcp(), {}, "text" }, { socket.udp() }, 0)
	sets({ { getfd = function() return c:getfd() end, dirty = function() return true end } },
		nil, 5)
	sets({ { getfd = function() return -1 end } }, nil, 0)
	p:close()
	sets({ c }, nil, 5)
	try("select", socket.select, 1, nil, 0)
	try("select", socket.select, nil, 1, 0)
	try("select", socket.select, nil, nil, "x")
	try("select", socket.select, { { getfd = function() error("inside", 0) end } }, nil, 0)
end

function tests.functions()
	try("skip", socket.skip, 1, 2, 3)
	try("skip", socket.skip, 0, 2)
	try("skip", socket.skip, 5, 1)
	try("skip", socket.skip)
	try("skip", socket.skip, "x")
	try("sleep", socket.sleep)
	try("sleep", socket.sleep, "x")
	try("sleep", socket.sleep, -1)
	try("sleep", socket.sleep, 0.001)
	show("gettime", math.abs(socket.gettime() - os.time()) < 2)
	show("try", socket.try(1, 2, 3))
	try("try", function()
		local _, e = pcall(socket.try, nil, "text")
		return type(e), e[1]
	end)
	local function fin() print("finalizer") end
	try("newtry", function() return select(2, pcall(socket.newtry(fin), nil, "e"))[1] end)
	try("newtry", socket.newtry(function() error("inside", 0) end), nil, "e")
	try("protect", socket.protect(function(...) return ... end), 1, nil, 3)
	print(select("#", socket.protect(function() socket.try(nil, "text", 5) end)()))
	try("protect", socket.protect(function() error("plain", 0) end))
	try("protect", socket.protect(function() error({ x = 1 }) end))
	try("protect", socket.protect(function() error() end))
	try("choose", socket.choose({}), 1)
	try("choose", socket.choose({ a = math.max }), "a", 4, 3)
	try("choose", socket.choose({ default = math.max }), 3, 4)
	try("sink", socket.sink, "nosuch")
	try("source", socket.source, "nosuch")
end

function tests.pumps()
	local c, p, server, port = pair()
	local sink = socket.sink("keep-open", c)
	show("sink", sink("data\n"))
	show("sink", sink(nil, "ignored"))
	show("getfd", sink.getfd() == c:getfd(), sink.dirty())
	show("sink", p:receive())
	sink = socket.sink("close-when-done", c)
	show("sink", sink("more"))
	show("sink", sink())
	call(c, "getfd")
	local source = socket.source("until-closed", p)
	show("source", source())
	show("source", source())
	show("source", source())
	call(p, "getfd")
	c = socket.connect("127.0.0.1", port)
	p = server:accept()
	c:send(("x"):rep(3000))
	c:close()
	source = socket.source("by-length", p, 2500)
	local lengths = {}
	for chunk in source do lengths[#lengths + 1] = #chunk end
	print(table.concat(lengths, " "))
	source = socket.source("by-length", p, 1000)
	show("source", (select(2, source())))
	show("source", select("#", socket.source(p)), type(socket.source(p)))
end

function tests.names_and_addresses()
	local dns = socket.dns
	show("gethostname", type(dns.gethostname()))
	try("toip", dns.toip, "nosuch..invalid")
	try("toip", dns.toip)
	local ip, found = dns.toip("127.0.0.1")
	show("toip", ip, found.ip[1], #found.alias)
	try("tohostname", dns.tohostname, "nosuch..invalid")
	for _, host in ipairs({ "127.0.0.1", "::1" }) do
		local list = dns.getaddrinfo(host)
		show("getaddrinfo", #list, list[1].family, list[1].addr)
	end
	try("getaddrinfo", dns.getaddrinfo, "nosuch..invalid")
	try("getaddrinfo", dns.getaddrinfo, "")
	try("getaddrinfo", dns.getaddrinfo, "*")
	try("getaddrinfo", dns.getaddrinfo)
	local hosts, service = dns.getnameinfo(nil, "80")
	show("getnameinfo", #hosts, service)
	try("getnameinfo", dns.getnameinfo, "127.0.0.1", "nosuchservice")
	try("getnameinfo", dns.getnameinfo, "nosuch..invalid")
	try("getnameinfo", dns.getnameinfo)
end

local order = {}
for key in pairs(tests) do order[#order + 1] = key end
table.sort(order)
for _, key in ipairs(order) do
	print("--- " .. key)
	tests[key]()
end
