-- SPDX-License-Identifier: MIT
--
-- After require("usocket.install"), require("socket") is this module, for the
-- script and for what it loads: LuaSocket's http, ftp, smtp and others then run
-- on the sockets of usocketd. usocket-lua(1) does it before a script starts.
--
-- Modules that were loaded before have LuaSocket's sockets already.

local usocket = require("usocket")

package.loaded["socket"] = usocket
package.loaded["socket.core"] = usocket

return usocket
