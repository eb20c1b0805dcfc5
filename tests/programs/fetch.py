# SPDX-License-Identifier: MIT
"""Fetches a page by urllib or asyncio: fetch.py HOW URL FILE."""

import asyncio
import shutil
import sys
import urllib.parse
import urllib.request


def by_urllib(url, out):
    with urllib.request.urlopen(url, timeout=20) as page:
        shutil.copyfileobj(page, out)


async def get(url):
    parts = urllib.parse.urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.write(f"GET {parts.path} HTTP/1.0\r\n\r\n".encode())
    _, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    await writer.wait_closed()
    return body


async def by_asyncio(url, out):
    """Eight at once, which have to be the same."""
    first, *others = await asyncio.gather(*(get(url) for _ in range(8)))
    assert all(other == first for other in others)
    out.write(first)


if __name__ == "__main__":
    how, url, path = sys.argv[1:]
    with open(path, "wb") as out:
        if how == "urllib":
            by_urllib(url, out)
        else:
            asyncio.run(by_asyncio(url, out))
