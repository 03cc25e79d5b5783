"""The methods: questions become pages, pages become chunks, and nobody is sent more than they take."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Executor
from typing import Any, Protocol

import grpc

from foresight.errors import InvalidDocument, TransientError
from foresight.retrieval.guard import SERVICE
from foresight.retrieval.requests import Question, question
from foresight.retrieval.rows import CHUNK_ROWS, METHODS, Method, add_left_out, chunk
from foresight.services.retrieval import Family, Page, Selection, series_pages, status_pages
from foresight.store import Store
from foresight.telemetry.catalogue import Catalogue


class CatalogueUnreadable(TransientError):
    """The catalogue of the installation is wrong: the caller did nothing wrong."""


class Reader(Protocol):
    """Where pages come from."""

    def __call__(self, family: Family | None, asked: Question) -> Iterator[Page]:
        """The pages that answer a question, each read when it is asked for."""
        ...


class StoreReader:
    """Pages of the results database."""

    def __init__(self, store: Callable[[], Store], catalogue: Callable[[], Catalogue]) -> None:
        self._store, self._catalogue = store, catalogue

    def __call__(self, family: Family | None, asked: Question) -> Iterator[Page]:
        """See ``Reader``."""
        selection = asked.selection
        if isinstance(selection, Selection) and family is not None:
            yield from series_pages(
                self._store(), self._readable_catalogue, family, selection, asked.when, asked.after
            )
        elif not isinstance(selection, Selection):
            yield from status_pages(self._store(), selection, asked.when, asked.after)

    def _readable_catalogue(self) -> Catalogue:
        try:
            return self._catalogue()
        except InvalidDocument as error:
            raise CatalogueUnreadable("the catalogue of this installation cannot be read") from error


class Retrieval:
    """Answers questions; pages are read in threads of ``readers``, one ahead of what is sent."""

    def __init__(self, read: Reader, readers: Executor) -> None:
        self._read, self._readers = read, readers

    def handlers(self) -> Any:
        """The handlers of all methods, to be added to a server."""
        return grpc.method_handlers_generic_handler(
            SERVICE, {method.name: self._handler(method) for method in METHODS}
        )

    def _handler(self, method: Method) -> Any:
        serializer = {"response_serializer": method.response.SerializeToString}
        if method.is_stream:

            async def stream(request: Any, context: Any) -> AsyncIterator[Any]:  # noqa: ARG001 - gRPC's form
                async for made in self._chunks(method, request):
                    yield made

            return grpc.unary_stream_rpc_method_handler(stream, **serializer)

        async def unary(request: Any, context: Any) -> Any:  # noqa: ARG001 - gRPC's form
            request.limit = min(request.limit, CHUNK_ROWS) or CHUNK_ROWS
            whole = method.response()
            async for made in self._chunks(method, request):
                whole.MergeFrom(made)
            if len(whole.rows) < request.limit:
                whole.next_page_token = ""
            return whole

        return grpc.unary_unary_rpc_method_handler(unary, **serializer)

    async def _chunks(self, method: Method, request: Any) -> AsyncIterator[Any]:
        """The answer, in messages of at most ``CHUNK_ROWS`` rows; at least one."""
        asked = question(request, len(method.family.keys) if method.family else 0)
        left, last_series, is_sent = asked.limit or None, None, False
        async for page in self._pages(method.family, asked):
            if left is not None:
                page = page.first(left)
                left -= len(page)
            for start in range(0, max(len(page), 1), CHUNK_ROWS):
                end = min(start + CHUNK_ROWS, len(page))
                made = chunk(method, page, start, end, last_series)
                if end > start:
                    made.next_page_token = asked.token(page.places[end - 1])
                    last_series = page.rows["series_id"][end - 1] if method.family else None
                if start == 0 and page.left_out:
                    add_left_out(made, page)
                if end > start or page.left_out:
                    yield made
                    is_sent = True
            if left == 0:
                return
        if not is_sent:
            yield method.response()

    async def _pages(self, family: Family | None, asked: Question) -> AsyncIterator[Page]:
        """The pages; the next one is read while this one is sent. Whoever stops here stops the query."""
        loop = asyncio.get_running_loop()
        pages = self._read(family, asked)
        reading = loop.run_in_executor(self._readers, next, pages, None)
        try:
            while (page := await reading) is not None:
                reading = loop.run_in_executor(self._readers, next, pages, None)
                yield page
        finally:
            if not reading.cancel() and not reading.cancelled():
                reading.exception()  # looked at: nobody is left to tell
