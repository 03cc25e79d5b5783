"""A TCP relay that breaks connections at a chosen word: between a statement and its answer, for example."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections.abc import Iterator

_BYTES = 65_536


class Proxy:
    """Relays to one port; cuts a connection when its client says a word that was armed."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._armed: list[tuple[bytes, bool]] = []
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        self.n_cut = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self, word: bytes, *, after_answer: bool, times: int = 1) -> None:
        """Cuts the next ``times`` connections whose client says ``word``, a regular expression.

        Either before the server hears it, or before the client hears the server's answer.
        """
        with self._lock:
            self._armed += [(word, after_answer)] * times

    def disarm(self) -> None:
        """Cuts nothing any more."""
        with self._lock:
            self._armed.clear()

    def close(self) -> None:
        """Ends all connections."""
        self._listener.close()
        for one in self._open:
            with contextlib.suppress(OSError):
                one.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._target))
                self._open += [client, server]
                silent = threading.Event()
                for work in (self._from_client, self._from_server):
                    threading.Thread(target=work, args=(client, server, silent), daemon=True).start()

    def _from_client(self, client: socket.socket, server: socket.socket, silent: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(_BYTES):
                after_answer = self._found(data)
                if after_answer is False:
                    break
                if after_answer:
                    silent.set()
                server.sendall(data)
        _end(client, server)

    def _from_server(self, client: socket.socket, server: socket.socket, silent: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(_BYTES):
                if silent.is_set():
                    break
                client.sendall(data)
        _end(client, server)

    def _found(self, data: bytes) -> bool | None:
        """Whether a word was armed to cut after the answer, or before; None without one."""
        with self._lock:
            for at, (word, after_answer) in enumerate(self._armed):
                if re.search(word, data, re.IGNORECASE):
                    del self._armed[at]
                    self.n_cut += 1
                    return after_answer
        return None


def _end(*sockets: socket.socket) -> None:
    for one in sockets:
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
        one.close()


@contextlib.contextmanager
def proxy_to(port: int) -> Iterator[Proxy]:
    """A relay to a port of this machine, ended afterwards."""
    proxy = Proxy(port)
    try:
        yield proxy
    finally:
        proxy.close()
