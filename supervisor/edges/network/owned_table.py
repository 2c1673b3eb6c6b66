"""A table of nftables that only this process may change, and that ends with it (nft(8), "flags owner"; Linux 5.12).

Other programs' flushes pass over it. It belongs to a netlink socket, hence the library instead of the tool: the tool's
socket would be closed when it leaves, and the table with it.
"""

from __future__ import annotations

import ctypes

LIBRARY = "libnftables.so.1"


class OwnedTable:
    """A table in the network namespace of the thread that makes it; `close`, or our end, removes it.

    Only one thread may use it at a time.
    """

    def __init__(self, table: str, commands: str) -> None:
        """Raises OSError: when the library is missing, or the kernel or nftables cannot make such a table."""
        self._table, self._library = table, _library()
        self._context: int | None = self._library.nft_ctx_new(0)
        if not self._context:
            raise OSError("cannot open nftables")
        self._library.nft_ctx_buffer_error(self._context)
        try:
            self.run(f"add table {table} {{ flags owner; }}\n{commands}")
        except OSError:
            self.close()
            raise

    def run(self, commands: str) -> None:
        """Carry out commands in one transaction. Raises OSError: when it was refused; nothing has changed."""
        if self._library.nft_run_cmd_from_buffer(self._context, commands.encode()):
            cause = self._library.nft_ctx_get_error_buffer(self._context).decode(errors="replace").strip()
            raise OSError(f"cannot change table {self._table}: {cause.splitlines()[0] if cause else 'unknown cause'}")

    def close(self) -> None:
        """Remove the table; may be repeated."""
        if self._context:
            self._library.nft_ctx_free(self._context)
        self._context = None


def _library() -> ctypes.CDLL:
    library = ctypes.CDLL(LIBRARY)
    library.nft_ctx_new.argtypes = (ctypes.c_uint32,)
    library.nft_ctx_new.restype = ctypes.c_void_p
    library.nft_ctx_free.argtypes = (ctypes.c_void_p,)
    library.nft_ctx_buffer_error.argtypes = (ctypes.c_void_p,)
    library.nft_run_cmd_from_buffer.argtypes = (ctypes.c_void_p, ctypes.c_char_p)
    library.nft_ctx_get_error_buffer.argtypes = (ctypes.c_void_p,)
    library.nft_ctx_get_error_buffer.restype = ctypes.c_char_p
    return library
