"""Qdrant's REST interface over qdrant-client's local mode in memory.

It is no Qdrant: it compares with every vector whatever efSearch it is asked for, and serves one
request at a time. What it shows is what we send, and what we make of answers and refusals.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast
from urllib.parse import unquote, urlsplit

from qdrant_client import QdrantClient, models

__all__ = ["QdrantServer", "qdrant_server"]


class QdrantServer:
    """``asked`` are (method, path, body) of what came. With a ``key`` others are refused; after
    ``upserts`` batches it fails; below the efSearch ``hidden_below`` it misses the two nearest;
    an ``old`` one keeps no metadata.
    """

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[tuple[str, str, dict[str, Any]]] = []
        self.keys: list[str | None] = []
        self.key: str | None = None
        self.upserts: int | None = None
        self.hidden_below = 0
        self.old = False
        self._local: Any = QdrantClient(":memory:")
        self._lock = threading.Lock()

    @contextmanager
    def held(self) -> Generator[None]:
        """No answer comes meanwhile."""
        with self._lock:
            yield

    def points(self) -> list[dict[str, Any]]:
        """The bodies of the searches for points."""
        return [body for _, path, body in self.asked if path.endswith("/points/query")]

    def answer(self, method: str, path: str, body: dict[str, Any], key: str | None) -> Any:
        with self._lock:
            self.asked.append((method, path, body))
            self.keys.append(key)
            if self.key is not None and key != self.key:
                raise PermissionError
            match [method, *map(unquote, path.strip("/").split("/"))]:
                case ["GET", "aliases"]:
                    return self._local.get_aliases()
                case ["POST", "collections", "aliases"]:
                    made = models.ChangeAliasesOperation(**body)
                    return self._local.update_collection_aliases(made.actions)
                case ["GET", "collections"]:
                    return self._local.get_collections()
                case ["GET", "collections", name, "exists"]:
                    return {"exists": self._local.collection_exists(name)}
                case ["GET", "collections", name]:
                    return self._local.get_collection(name)
                case ["PUT", "collections", name]:
                    create = models.CreateCollection(**body)
                    return self._local.create_collection(
                        name,
                        vectors_config=create.vectors,
                        sparse_vectors_config=create.sparse_vectors,
                        metadata=None if self.old else create.metadata,
                    )
                case ["DELETE", "collections", name]:
                    return self._local.delete_collection(name)
                case ["PUT", "collections", name, "points"]:
                    return self._upsert(name, models.PointsList(**body).points)
                case ["POST", "collections", name, "points"]:
                    return self._local.retrieve(name, body["ids"])
                case ["POST", "collections", name, "points", "count"]:
                    return self._local.count(name)
                case ["POST", "collections", name, "points", "query"]:
                    return self._query(name, models.QueryRequest(**body))
                case _:
                    raise AssertionError(f"{method} {path}")

    def _upsert(self, name: str, points: list[Any]) -> Any:
        if self.upserts is not None:
            if not self.upserts:
                raise OSError("disk full")
            self.upserts -= 1
        return self._local.upsert(name, points)

    def _query(self, name: str, asked: models.QueryRequest) -> Any:
        found = self._local.query_points(
            name, query=asked.query, using=asked.using, limit=1_000, with_payload=False
        )
        ef = asked.params.hnsw_ef if asked.params else None
        if ef is not None and ef < self.hidden_below:
            found.points = found.points[2:]  # a graph that was not searched long enough
        found.points = found.points[: asked.limit]
        return found


@contextmanager
def qdrant_server() -> Generator[QdrantServer]:
    server = QdrantServer()

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body: dict[str, Any] = json.loads(self.rfile.read(length) or b"{}")
            path = urlsplit(self.path).path
            try:
                result = server.answer(self.command, path, body, self.headers.get("api-key"))
                status, content = 200, {"result": _plain(result), "status": "ok", "time": 0.0}
            except PermissionError:
                status, content = 403, {"status": {"error": "forbidden"}}
            except ValueError as error:
                status, content = 404, {"status": {"error": str(error)}}
            except OSError as error:
                status, content = 500, {"status": {"error": str(error)}}
            data = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    class Server(ThreadingHTTPServer):
        request_queue_size = 128

    with Server(("127.0.0.1", 0), Handler) as http:
        server.url = f"http://127.0.0.1:{http.server_port}"
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            http.shutdown()
            thread.join()


def _plain(result: Any) -> Any:
    if isinstance(result, list):
        return [_plain(one) for one in cast("list[Any]", result)]
    return result.model_dump(mode="json") if hasattr(result, "model_dump") else result
