-- SPDX-License-Identifier: MIT
-- The benchmark's client in Lua: as bindings_client.py.

local name, host, port, bulk, ping, milliseconds = table.unpack(arg)
local socket = require(name)
local READ = 65536

local function connect(header)
	local s = assert(socket.tcp())
	assert(s:connect(host, tonumber(port)))
	assert(s:send((header:gsub("%x%x", function(digits)
		return string.char(tonumber(digits, 16))
	end))))
	return s
end

local function measure_bulk()
	local begin, n = socket.gettime(), 0
	local s = connect(bulk)
	local data, text, rest
	repeat
		data, text, rest = s:receive(READ)
		n = n + #(data or rest)
	until not data
	assert(text == "closed", text)
	s:close()
	return n / (socket.gettime() - begin)
end

local function measure_ping()
	local s = connect(ping)
	local begin, n = socket.gettime(), 0
	local now, finish = begin, begin + tonumber(milliseconds) / 1000
	while now < finish do
		assert(s:send("x"))
		assert(s:receive(1))
		n = n + 1
		now = socket.gettime()
	end
	s:close()
	return n / (now - begin)
end

print(string.format('{"bytes/s": %f, "requests/s": %f}', measure_bulk(), measure_ping()))
