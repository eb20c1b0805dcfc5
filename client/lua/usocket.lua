-- SPDX-License-Identifier: MIT
--
-- Module "usocket": LuaSocket's API on the sockets of usocketd.
--
-- The C part, usocket.core, has the objects. Here is what Lua says best:
-- errors that travel as values, servers and clients in one call, and the
-- sources and sinks that ltn12 pumps between. The module's table is the C
-- part's own, as in LuaSocket, where each name is found in both.

local usocket = require("usocket.core")

local error, getmetatable, ipairs, pcall, select, setmetatable, tostring, type =
	error, getmetatable, ipairs, pcall, select, setmetatable, tostring, type

-- How many bytes a source takes at a time.
usocket.BLOCKSIZE = 2048

-- ---- errors -----------------------------------------------------------------

-- What try raises: element 1 is the text, number the errno. protect knows it by
-- its metatable.
local failure = {}
failure.__tostring = function(self) return tostring(self[1]) end

-- newtry(finalizer) makes a try(): it passes its arguments on if the first is
-- true; else it calls the finalizer and raises the second.
function usocket.newtry(finalizer)
	return function(...)
		local ok, text, _, number = ...
		if ok then return ... end
		if finalizer ~= nil then finalizer() end
		error(setmetatable({ text, number = number }, failure), 0)
	end
end

usocket.try = usocket.newtry()

local function is_failure(value)
	return type(value) == "table" and getmetatable(value) == failure
end

local function finish(ok, ...)
	if ok then return ... end
	local value = ...
	if not is_failure(value) then error(value, 0) end
	if value.number == nil then return nil, value[1] end
	return nil, value[1], nil, value.number
end

-- protect(f) is f, with failures of try() returned as nil, text, nil, errno.
-- Other errors go through.
function usocket.protect(f)
	return function(...) return finish(pcall(f, ...)) end
end

-- ---- clients and servers ----------------------------------------------------

function usocket.connect4(address, port, local_address, local_port)
	return usocket.connect(address, port, local_address, local_port, "inet")
end

function usocket.connect6(address, port, local_address, local_port)
	return usocket.connect(address, port, local_address, local_port, "inet6")
end

-- Makes a server of one of the host's addresses.
local function listen_at(entry, port, backlog)
	local make = entry.family == "inet6" and usocket.tcp6 or usocket.tcp4
	local server, text, _, number = make()
	if not server then return nil, text, nil, number end
	server:setoption("reuseaddr", true)
	local ok
	ok, text, _, number = server:bind(entry.addr, port)
	if ok then ok, text, _, number = server:listen(backlog) end
	if ok then return server end
	server:close()
	return nil, text, nil, number
end

-- bind(host, port[, backlog]): the first of the host's addresses that can be
-- listened at. "*" is all IPv4 addresses.
function usocket.bind(host, port, backlog)
	if host == "*" then host = "0.0.0.0" end
	local entries, text, _, number = usocket.dns.getaddrinfo(host)
	if not entries then return nil, text, nil, number end
	text = "no info on address"
	for _, entry in ipairs(entries) do
		local server
		server, text, _, number = listen_at(entry, port, backlog)
		if server then return server end
	end
	return nil, text, nil, number
end

-- ---- sources and sinks ------------------------------------------------------

-- choose(makers): a function that calls the maker of a name. Without a name as
-- its first argument it calls "default".
function usocket.choose(makers)
	return function(name, ...)
		local make
		if type(name) == "string" then
			make = makers[name]
			if make then return make(...) end
		else
			make = makers.default
			if make then return make(name, ...) end
			name = "default"
		end
		error("unknown key (" .. name .. ")", 3)
	end
end

-- Sources and sinks are functions that are objects as well: they have the
-- socket's getfd() and dirty(), so that they can be waited for in select().
local function pump_end(socket, call)
	return setmetatable({
		getfd = function() return socket:getfd() end,
		dirty = function() return socket:dirty() end,
	}, { __call = call })
end

local sinks, sources = {}, {}
usocket.sinkt, usocket.sourcet = sinks, sources

-- sink(name, socket) takes chunks and sends them. At the end:
-- "close-when-done" closes the socket, "keep-open" leaves it.
sinks["keep-open"] = function(socket)
	return pump_end(socket, function(_, chunk)
		if chunk then return socket:send(chunk) end
		return 1
	end)
end

sinks["close-when-done"] = function(socket)
	return pump_end(socket, function(_, chunk)
		if chunk then return socket:send(chunk) end
		socket:close()
		return 1
	end)
end

sinks.default = sinks["keep-open"]

-- source(name, socket, ...) gives chunks. "by-length": so many bytes;
-- "until-closed": all there are, then closes the socket.
sources["by-length"] = function(socket, length)
	return pump_end(socket, function()
		if length <= 0 then return nil end
		local wanted = length < usocket.BLOCKSIZE and length or usocket.BLOCKSIZE
		local chunk, text, _, number = socket:receive(wanted)
		if not chunk then return nil, text, nil, number end
		length = length - #chunk
		return chunk
	end)
end

sources["until-closed"] = function(socket)
	local is_done = false
	return pump_end(socket, function()
		if is_done then return nil end
		local chunk, text, partial, number = socket:receive(usocket.BLOCKSIZE)
		if chunk then return chunk end
		-- A connection that broke off has not come to its end.
		if text ~= "closed" or (number or 0) ~= 0 then return nil, text, nil, number end
		is_done = true
		socket:close()
		return partial
	end)
end

sources.default = sources["until-closed"]

usocket.sink = usocket.choose(sinks)
usocket.source = usocket.choose(sources)

return usocket
