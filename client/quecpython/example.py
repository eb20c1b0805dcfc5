# SPDX-License-Identifier: MIT
"""Fetches a page, as QuecPython's example of usocket does.

usage: example.py HOST [PORT [PATH]]
"""

import sys

# Imports the usocket module
import usocket
import log
import checkNet

# The following two global variables are necessary.
PROJECT_NAME = "QuecPython_Socket_example"
PROJECT_VERSION = "1.0.0"

checknet = checkNet.CheckNetwork(PROJECT_NAME, PROJECT_VERSION)

# Sets the log output level
log.basicConfig(level=log.INFO)
socket_log = log.getLogger("SOCKET")


def fetch(host, port, path):
    # Resolves the host's name
    family, kind, _, _, sockaddr = usocket.getaddrinfo(host, port)[0]
    # Creates a socket instance
    sock = usocket.socket(family, kind)
    # Establishes the connection
    sock.connect(sockaddr)
    # Sends the request to the server
    ret = sock.send('GET {} HTTP/1.1\r\nHost: {}\r\nAccept-Encoding: identity\r\n'
                    'Connection: close\r\n\r\n'.format(path, host))
    socket_log.info('send %d bytes' % ret)
    # Receives the answer, to its end
    page = b''
    while True:
        data = sock.recv(256)
        if not data:
            break
        page += data
    socket_log.info('recv %s bytes:' % len(page))
    socket_log.info(page.decode('utf-8', 'replace'))
    # Closes the connection
    sock.close()


if __name__ == '__main__':
    if not 2 <= len(sys.argv) <= 4:
        sys.exit(__doc__)
    host = sys.argv[1]
    port = int(sys.argv[2]) if len(sys.argv) > 2 else 80
    path = sys.argv[3] if len(sys.argv) > 3 else '/'

    stagecode, subcode = checknet.wait_network_connected(30)
    if stagecode == 3 and subcode == 1:
        socket_log.info('Network connection successful!')
        fetch(host, port, path)
    else:
        sys.exit('Network connection failed! stagecode = {}, subcode = {}'.format(
            stagecode, subcode))
