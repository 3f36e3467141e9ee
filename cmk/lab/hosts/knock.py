"""Hands ssh a connection to a guest: its ProxyCommand, with ProxyUseFdpass.

    knock.py CONTROL ADDRESS PORT

CONTROL is the socket of the lab's router (cmk.router.holder). It is run by itself
(`python -I -S`), so it imports nothing of cmk.
"""

import json
import socket
import sys


def main() -> None:
    """Ask the router, and pass on what it gives, over the socket that stdout is."""
    control, address, port = sys.argv[1:]
    with socket.socket(socket.AF_UNIX) as router:
        router.connect(control)
        request = {"do": "connect", "address": address, "port": int(port)}
        router.sendall(json.dumps(request).encode() + b"\n")
        answer, fds, _, _ = socket.recv_fds(router, 1 << 16, 1)
    if not fds:
        sys.exit(f"cmk: {json.loads(answer).get('failed', 'no connection')}")
    with socket.socket(fileno=1) as ssh:
        socket.send_fds(ssh, [b"\0"], fds)


if __name__ == "__main__":
    main()
