-- SPDX-License-Identifier: MIT
-- One script of many on one daemon; see mixed_worker.py.
-- usage: mixed_worker.lua HOST TCP-PORT UDP-PORT STOP-FILE

local socket = require("usocket")

local host, tcp_port, udp_port, stop = arg[1], tonumber(arg[2]), tonumber(arg[3]), arg[4]

local function tcp_echo(i)
	local s = assert(socket.tcp())
	s:settimeout(20)
	assert(s:connect(host, tcp_port))
	local line = "line " .. i
	assert(s:send(line .. "\n"))
	assert(assert(s:receive("*l")) == line)
	local data = string.rep("0123456789", i % 1000 + 1)
	assert(s:send(data))
	assert(assert(s:receive(#data)) == data)
	s:close()
end

local function udp_echo(i)
	local s = assert(socket.udp())
	s:settimeout(2)
	local data, got = "datagram " .. i, nil
	for _ = 1, 5 do
		assert(s:sendto(data, host, udp_port))
		local text
		got, text = s:receivefrom()
		assert(got or text == "timeout", text)
		if got then break end
	end
	assert(got == data)
	s:close()
end

local function own_pair(i)
	local listener = assert(socket.bind("127.0.0.1", 0))
	local _, port = listener:getsockname()
	local client = assert(socket.connect("127.0.0.1", port))
	local server = assert(listener:accept())
	server:settimeout(20)
	assert(client:send(i .. "\n"))
	client:close()
	assert(assert(server:receive()) == tostring(i))
	local _, text = server:receive()
	assert(text == "closed", text)
	server:close()
	listener:close()
end

local function refused()
	local s = assert(socket.tcp())
	local ok, text = s:connect("127.0.0.1", 1)
	assert(not ok and text == "connection refused", text)
	s:close()
end

local function look_up()
	assert(socket.dns.toip("peer.test") == host)
end

local function is_over()
	local file = io.open(stop)
	if file then file:close() end
	return file ~= nil
end

local rounds = 0
while not is_over() do
	for _, action in ipairs({ tcp_echo, udp_echo, own_pair, refused, look_up }) do
		action(rounds)
		socket.sleep(0.02)
	end
	rounds = rounds + 1
end
print("done " .. rounds)
