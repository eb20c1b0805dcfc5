-- SPDX-License-Identifier: MIT
--
-- The conformance suite's agent of Lua: makes the calls it is told, in
-- LuaSocket's words, and says what came out as the other runtimes would.
-- agents.py says in which form.
--
-- usage: agent.lua DESCRIPTOR
--
-- A failure is the fourth result of a call, its errno; a part that was read or
-- sent is a result of its own. do = "raw" gives all results of a method as they
-- are, texts included.

local usocket = require("usocket")

local objects, count = {}, 0
local NULL = {}
local MANY = 4096

-- ---- JSON (RFC 8259) ----------------------------------------------------------

local decode_value

local escapes = { b = "\b", f = "\f", n = "\n", r = "\r", t = "\t" }

local function utf8_bytes(code)
	if code < 0x80 then return string.char(code) end
	if code < 0x800 then
		return string.char(0xc0 + math.floor(code / 64), 0x80 + code % 64)
	end
	return string.char(0xe0 + math.floor(code / 4096),
		0x80 + math.floor(code / 64) % 64, 0x80 + code % 64)
end

local function decode_string(text, at)
	local parts = {}
	while true do
		local stop = text:find('["\\]', at)
		parts[#parts + 1] = text:sub(at, stop - 1)
		if text:sub(stop, stop) == '"' then return table.concat(parts), stop + 1 end
		local letter = text:sub(stop + 1, stop + 1)
		if letter == "u" then
			parts[#parts + 1] = utf8_bytes(tonumber(text:sub(stop + 2, stop + 5), 16))
			at = stop + 6
		else
			parts[#parts + 1] = escapes[letter] or letter
			at = stop + 2
		end
	end
end

local function skip(text, at)
	return text:find("[^%s,:]", at)
end

local function decode_array(text, at)
	local array = { n = 0 }
	at = skip(text, at)
	while text:sub(at, at) ~= "]" do
		array.n = array.n + 1
		array[array.n], at = decode_value(text, at)
		at = skip(text, at)
	end
	return array, at + 1
end

local function decode_object(text, at)
	local object = {}
	at = skip(text, at)
	while text:sub(at, at) ~= "}" do
		local key
		key, at = decode_value(text, at)
		object[key], at = decode_value(text, skip(text, at))
		at = skip(text, at)
	end
	return object, at + 1
end

local words = { { "null", NULL }, { "true", true }, { "false", false } }

function decode_value(text, at)
	local letter = text:sub(at, at)
	if letter == '"' then return decode_string(text, at + 1) end
	if letter == "[" then return decode_array(text, at + 1) end
	if letter == "{" then return decode_object(text, at + 1) end
	for _, word in ipairs(words) do
		if text:sub(at, at + #word[1] - 1) == word[1] then return word[2], at + #word[1] end
	end
	local number = text:match("^[%d%.eE+-]+", at)
	return tonumber(number), at + #number
end

local function quote(text)
	return '"' .. text:gsub('[%c"\\]', function(c)
		return string.format("\\u%04x", c:byte())
	end) .. '"'
end

-- ---- values --------------------------------------------------------------------

local function bytes(data)
	if #data > MANY then
		local sum = 0
		for i = 1, #data do sum = sum + data:byte(i) end
		return string.format('{"big":[%d,%.0f]}', #data, sum)
	end
	return '{"b":"' .. data:gsub(".", function(c)
		return string.format("%02x", c:byte())
	end) .. '"}'
end

local function tuple(...)
	return '{"t":[' .. table.concat({ ... }, ",") .. "]}"
end

local function number(n)
	return n == math.floor(n) and string.format("%.0f", n) or string.format("%.17g", n)
end

local function pair(ip, port)
	return tuple(quote(ip), number(port))
end

local function reference(object)
	for name, known in pairs(objects) do
		if known == object then return '{"o":"' .. name .. '"}' end
	end
	count = count + 1
	objects["o" .. count] = object
	return '{"o":"o' .. count .. '"}'
end

-- Any result as it is.
local function plain(value)
	if value == nil then return "null" end
	if type(value) == "boolean" then return tostring(value) end
	if type(value) == "number" then return number(value) end
	if type(value) == "string" then return quote(value) end
	if type(value) ~= "table" then return reference(value) end
	local fields = {}
	for key, inner in pairs(value) do
		fields[#fields + 1] = quote(tostring(key)) .. ":" .. plain(inner)
	end
	return '{"d":{' .. table.concat(fields, ",") .. "}}"
end

local function argument(value)
	if value == NULL then return nil end
	if type(value) ~= "table" then return value end
	if value.b then
		return (value.b:gsub("..", function(two) return string.char(tonumber(two, 16)) end))
	end
	if value.x then
		local one = argument({ b = value.x[1] })
		return one:rep(value.x[2])
	end
	if value.o then return objects[value.o] end
	if value.f then return value.f == "nan" and 0 / 0 or math.huge end
	if value.t then return value.t end
	return value
end

-- ---- failures ------------------------------------------------------------------

-- Ends a call as an exception would.
local function fail(text, errno)
	error({ number = errno, text = tostring(text) }, 0)
end

-- Passes on what is true, fails with what is not.
local function check(value, text, part, errno)
	if value == nil then fail(text, errno) end
	return value
end

local function is_udp(s)
	return tostring(s):find("^udp") ~= nil
end

-- ---- calls ---------------------------------------------------------------------

-- Options by the names that cases use; the numbers are the agent's.
local constants = {
	AF_INET = 2, AF_INET6 = 10, SOCK_STREAM = 1, SOCK_DGRAM = 2, SOL_SOCKET = 1,
	IPPROTO_IP = 0, IPPROTO_TCP = 6, SHUT_RD = 0, SHUT_WR = 1, SHUT_RDWR = 2,
	SO_REUSEADDR = 1001, SO_BROADCAST = 1002, TCP_NODELAY = 1003, TCP_KEEPALIVE = 1004,
	SO_ERROR = 1005, TCP_INFO = 1006, MSG_PEEK = 2, MSG_DONTWAIT = 64, MSG_WAITALL = 256,
}
local options = {
	[1001] = "reuseaddr", [1002] = "broadcast", [1003] = "tcp-nodelay",
	[1004] = "keepalive-minutes", [1005] = "error", [1006] = "tcp-info",
}
local flags = { [2] = "peek", [64] = "dontwait", [256] = "waitall" }
local ways = { [0] = "receive", [1] = "send", [2] = "both" }

local calls = {}

function calls.socket(_, family, kind)
	local make = kind == 2 and "udp" or "tcp"
	return reference(check(usocket[make .. (family == 10 and "6" or "4")]()))
end

function calls.bind(s, address)
	local host = address[1] == "" and "*" or address[1]
	local bind = is_udp(s) and s.setsockname or s.bind
	check(bind(s, host, address[2]))
end

function calls.listen(s, backlog)
	check(s:listen(backlog))
end

function calls.accept(s)
	local client = check(s:accept())
	return tuple(reference(client), pair(client:getpeername()))
end

function calls.connect(s, address)
	if is_udp(s) then
		check(s:setpeername(address[1], address[2]))
	else
		check(s:connect(address[1], address[2]))
	end
end

-- The count of what went out, also if not all of it did.
function calls.send(s, data)
	local sent, text, part, errno = s:send(data)
	if not sent and (part or 0) == 0 then fail(text, errno) end
	return number(sent or part)
end

function calls.sendall(s, data)
	check(s:send(data))
end

function calls.sendto(s, data, address)
	check(s:sendto(data, address[1], address[2]))
	return number(#data)
end

-- What has come, the part that has, or the end.
local function received(data, text, part, errno)
	if data then return bytes(data) end
	if part and #part > 0 then return bytes(part) end
	if text == "closed" and (errno or 0) == 0 then return bytes("") end
	fail(text, errno)
end

function calls.recv(s, n, flag)
	local receive = is_udp(s) and s.receive or s.recv
	if flag then return received(receive(s, n, flags[flag])) end
	return received(receive(s, n))
end

function calls.recvfrom(s, n)
	local data, ip, port, errno = s:receivefrom(n)
	if not data then fail(ip, errno) end
	return tuple(bytes(data), pair(ip, port))
end

function calls.read(s, n)
	return received(s:receive((n == nil or n < 0) and "*a" or n))
end

calls.readall = calls.read

-- Lines come without their newline; the last one may have none.
function calls.readline(s)
	local line, text, part, errno = s:receive("*l")
	if line then return bytes(line .. "\n") end
	return received(nil, text, part, errno)
end

function calls.close(s)
	s:close()
end

function calls.shutdown(s, how)
	check(s:shutdown(ways[how]))
end

function calls.settimeout(s, seconds)
	s:settimeout(seconds, "t")
end

function calls.setblocking(s, on)
	s:settimeout(on == 0 and 0 or (not on and 0 or nil), "t")
end

function calls.fileno(s)
	return number(s:getfd())
end

local function name(ip, port, part, errno)
	if not ip then fail(port, errno) end
	return pair(ip, port)
end

function calls.getsockname(s)
	return name(s:getsockname())
end

function calls.getpeername(s)
	return name(s:getpeername())
end

function calls.setsockopt(s, _, option, value)
	if option ~= constants.TCP_KEEPALIVE then value = value ~= 0 end
	check(s:setoption(options[option], value))
end

function calls.getsockopt(s, _, option)
	local value, text, part, errno = s:getoption(options[option])
	if value == nil and text ~= nil then fail(text, errno) end
	if type(value) == "boolean" then value = value and 1 or 0 end
	return plain(value)
end

function calls.getsocketsta(s)
	return number(s:getsocketsta())
end

function calls.getsendacksize(s)
	return number(s:getsendacksize())
end

function calls.getaddrinfo(_, host, port, family)
	local found = {}
	for _, entry in ipairs(check(usocket.dns.getaddrinfo(host))) do
		local number_of = entry.family == "inet6" and 10 or 2
		if not family or family == 0 or family == number_of then
			found[#found + 1] = tuple(number(number_of), "1", "0", quote(host),
				pair(entry.addr, tonumber(port)))
		end
	end
	return "[" .. table.concat(found, ",") .. "]"
end

-- ---- commands ------------------------------------------------------------------

local commands = {}

local function arguments(command)
	local given = { n = command.args.n }
	for i = 1, given.n do given[i] = argument(command.args[i]) end
	return given
end

local unpack = table.unpack or unpack

function commands.call(command)
	local call = calls[command.fn] or fail("LuaSocket has no " .. command.fn)
	local given = arguments(command)
	return function() return call(objects[command.on], unpack(given, 1, given.n)) end
end

-- All results of a method, or of a function of the module.
function commands.raw(command)
	local target = objects[command.on]
	local given = arguments(command)
	return function()
		local results
		local function pack(...) results = { n = select("#", ...), ... } end
		if target then
			pack(target[command.fn](target, unpack(given, 1, given.n)))
		else
			pack(usocket[command.fn](unpack(given, 1, given.n)))
		end
		local shown = {}
		for i = 1, results.n do shown[i] = plain(results[i]) end
		return tuple(unpack(shown))
	end
end

function commands.get(command)
	return function() return number(constants[command.fn]) end
end

function commands.poll(command)
	local s = { objects[command.on] }
	local wants_in, wants_out = command.events % 2 == 1, command.events % 8 >= 4
	return function()
		local readable, writable = usocket.select(wants_in and s or nil, wants_out and s or nil,
			(command.ms or 0) / 1000)
		return number((readable[s[1]] and 1 or 0) + (writable[s[1]] and 4 or 0))
	end
end

function commands.closed_poll(command)
	local poll = commands.poll(command)
	return function()
		objects[command.on]:close()
		return poll()
	end
end

function commands.drop(command)
	return function()
		if command.on then
			objects[command.on] = nil
		else
			for _, object in pairs(objects) do
				if object.close then object:close() end
			end
			objects = {}
		end
		collectgarbage()
		collectgarbage()
	end
end

function commands.flush()
	return function() io.stdout:flush() end
end

-- ---- answers -------------------------------------------------------------------

local function describe(problem)
	if type(problem) ~= "table" then
		return string.format('{"is":["LuaError"],"n":null,"text":%s}', quote(tostring(problem)))
	end
	return string.format('{"is":["OSError"],"n":%s,"text":%s}',
		problem.number and number(problem.number) or "null", quote(problem.text))
end

local function answer(command)
	local start = usocket.gettime()
	local ok, value = pcall(function()
		local call = commands[command["do"]](command)
		start = usocket.gettime()
		return call()
	end)
	local head = string.format('{"id":%d,"us":%.0f,', command.id,
		(usocket.gettime() - start) * 1e6)
	if ok then return head .. '"ok":' .. (value or "null") .. "}\n" end
	return head .. '"error":' .. describe(value) .. "}\n"
end

local output = assert(io.open("/proc/self/fd/" .. arg[1], "w"))
output:setvbuf("no")
for line in io.lines() do
	output:write(answer((decode_value(line, 1))))
end
