-- SPDX-License-Identifier: MIT
--
-- Fetches a page: lua5.4 example.lua HOST PORT PATH

local usocket = require("usocket")

local host, port, path = arg[1], arg[2] or 80, arg[3] or "/"

if not host then
	io.stderr:write("usage: example.lua HOST [PORT [PATH]]\n")
	os.exit(2)
end

local s = assert(usocket.tcp())
s:settimeout(20, "t")
assert(s:connect(host, port))
io.stderr:write("state ", s:getsocketsta(), "\n")
assert(s:send("GET " .. path .. " HTTP/1.0\r\nHost: " .. host .. "\r\n\r\n"))

local page, text, partial, number = s:receive("*a")
if not page then
	io.stderr:write("broke off: ", text, " (", number, ")\n")
	page = partial
end
io.write(page)
s:close()
